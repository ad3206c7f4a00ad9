"""Telegrams as meters of several makers and countries really send them."""

from __future__ import annotations

import pytest
from blockenergy.bridge.v1 import bridge_pb2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meter_bridge.formats import FORMATS, find_format, read_telegram
from meter_bridge.formats.telegram import Content, Context, Secrets, TelegramError
from meter_bridge.formats.wmbus import read_records
from tests.support.others import meter_telegrams as written
from tests.support.others import pushed_lists as pushed
from tests.support.others.meter_telegrams import Shown

SHOWN = Shown()


def read(raw: bytes | str) -> Content:
    found = find_format(raw if isinstance(raw, bytes) else raw.encode())
    assert found is not None
    (content,) = read_telegram(*found, Context())
    return content


def shown(content: Content, *codes: str) -> list[str]:
    return [f"{content.values[code].amount:f} {content.values[code].unit}" for code in codes]


# Lists of the Norwegian HAN interface; github.com/toreamun/amshan (MIT), tests/test_aidon.py and
# tests/test_kaifa.py, of commit 0498b47.
AIDON_SHORT = (
    "7ea02a410883130413e6e7000f40000000000101020309060100010700ff0600001d3a02020f00161b16f97e"
)
AIDON_HOURLY = (
    "e6e7000f40000000000111020209060101000281ff0a0b4149444f4e5f563030303102020906000060"
    "0100ff0a1037333539393932383932353837363635020209060000600107ff0a043635323502030906"
    "0100010700ff060000011802020f00161b020309060100020700ff060000000002020f00161b020309"
    "060100030700ff060000000002020f00161d020309060100040700ff060000008002020f00161d0203"
    "090601001f0700ff10000d02020fff1621020309060100470700ff10000902020fff16210203090601"
    "00200700ff1208e402020fff1623020309060100340700ff1208ff02020fff16230203090601004807"
    "00ff12090502020fff1623020209060000010000ff090c07e4011502100000ff000000020309060100"
    "010800ff060022ab8a02020f01161e020309060100020800ff060000000002020f01161e0203090601"
    "00030800ff060000e38302020f011620020309060100040800ff0600029b5b02020f011620"
)
KAIFA_SHORT = "e6e7000f40000000090c07e3020401173416ff800000020106000016dc"
KAIFA_HOURLY = (
    "e6e7000f40000000090c07e40119060e000aff800000021209074b464d5f3030310910363937303633"
    "3134303236313434373609084d4133303448334506000013280600000000060000000006000001790600"
    "0038eb0600003d1b060000253506000008910600000000060000089d090c07e40119060e000aff800000"
    "0604be76e8060000000006000d922d060030feb4"
)


def test_aidon() -> None:
    assert shown(read(AIDON_SHORT), "1-0:1.7.0") == ["7482 W"]
    found = read(AIDON_HOURLY)
    assert (found.meter_id, found.import_register_wh, found.export_register_wh) == (
        "7359992892587665", 22_721_380, 0,
    )  # fmt: skip
    # 21 January 2020, 17:00 in Norway; the deviation is zero, as sent.
    assert found.time_s == 1_579_622_400
    assert shown(found, "1-0:31.7.0", "1-0:32.7.0") == ["1.3 A", "227.6 V"]


def test_kaifa_by_position() -> None:
    assert shown(read(KAIFA_SHORT), "1-0:1.7.0") == ["5852 W"]
    found = read(KAIFA_HOURLY)
    assert (found.meter_id, found.import_register_wh, found.export_register_wh) == (
        "6970631402614476", 79_591_144, 0,
    )  # fmt: skip
    assert shown(found, "1-0:31.7.0", "1-0:32.7.0") == ["14.571 A", "219.3 V"]


def test_austrian_frames_of_m_bus() -> None:
    """A push in two segments, ciphered; frames of M-Bus around them."""
    frames = pushed.make_dlms_m_bus(SHOWN)
    context = Context(secrets=written.SECRETS)
    (found,) = read_telegram(bridge_pb2.TELEGRAM_FORMAT_DLMS, frames, context)
    assert found.import_register_wh == SHOWN.import_wh
    assert found.checks == ("M-Bus checksum", "AES-128-GCM authentication")
    for broken in (frames[:-1], frames[: len(frames) // 2], frames + b"\x00", frames[106:]):
        with pytest.raises(TelegramError):
            read_telegram(bridge_pb2.TELEGRAM_FORMAT_DLMS, broken, context)


def test_blocks_and_the_header_of_tcp() -> None:
    blocks = pushed.make_blocks(written.make_notification(SHOWN))
    tcp = pushed.make_tcp(blocks)
    assert read(tcp).import_register_wh == SHOWN.import_wh
    with pytest.raises(TelegramError, match="block 2 instead of block 1"):
        read(blocks[67:])
    with pytest.raises(TelegramError, match="not as long as"):
        read(tcp + b"\x00")


def test_sml_with_four_fill_bytes_and_bare_messages() -> None:
    raw = written.make_sml(SHOWN)
    content = written.make_sml_messages(SHOWN)
    framed = raw[:8] + content + bytes(4) + raw[-8:-3] + b"\x04"
    assert read(framed + written.compute_x25(framed)).import_register_wh == SHOWN.import_wh
    found = read(content)
    assert found.checks == ("SML CRC-16/X-25 of each message",)
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 4
        try:
            assert read_telegram(bridge_pb2.TELEGRAM_FORMAT_SML, bytes(altered), Context()) == [
                found
            ]
            # Only fill bytes at the end say nothing.
            raise AssertionError(f"a changed byte at {place} was not noticed")
        except TelegramError:
            continue


@pytest.mark.parametrize(
    "behind", [b"", b"  25818685\r\nDE0000000000000000003\r\n", b"\xff\xff\xff\r\n"]
)
def test_a_readout_with_lines_of_a_gateway_behind_it(behind: bytes) -> None:
    readout = (
        b"/ESY5Q3DA1004 V3.04\r\n\r\n1-0:0.0.0*255(1336001560)\r\n"
        b"1-0:1.8.0*255(00032549.5061662*kWh)\r\n1-0:1.7.0*255(001688.21*W)\r\n"
        b"0-0:96.1.255*255(1ESY1336001560)\r\n!\r\n"
    )
    found = read(readout + behind)
    assert (found.meter_id, found.import_register_wh) == ("1ESY1336001560", 32_549_506)
    assert found.export_register_wh is None and found.checks == ()


def test_noise_and_an_echo_in_front_of_a_readout() -> None:
    raw = written.make_iec_62056_21(SHOWN)
    assert read(b"\x7f\x7f\x7f/?!\r\n" + raw) == read(raw)


def test_noise_within_a_readout_is_rejected() -> None:
    """A unit and a line end were lost on the way, as in a published capture of an ACE3000."""
    raw = written.make_iec_62056_21(SHOWN)
    with pytest.raises(TelegramError, match="block check"):
        read(raw.replace(b"kWh)\r\n2.8.0", b"*)Y\x02\x02\x01\x002.8.0"))


def test_a_checksum_of_dsmr_without_zeros_in_front() -> None:
    for number in range(100_000):
        raw = written.make_dsmr(Shown(number=number))
        if raw[-6:-5] == b"0":
            assert read(raw[:-6] + raw[-6:].lstrip(b"0")) == read(raw)
            return
    raise AssertionError("no checksum starts with zero")


@pytest.mark.parametrize("maker", [b"/ISk5\x02MIE5T-200", b"/BEN\xec\xff5"])
def test_any_bytes_in_the_first_line_of_dsmr(maker: bytes) -> None:
    raw = written.make_dsmr(SHOWN, lambda one: maker + one[one.index(b"\r\n") :])
    assert read(raw).import_register_wh == SHOWN.import_wh
    with pytest.raises(TelegramError, match="not printable"):
        read(written.make_dsmr(SHOWN, lambda one: one.replace(b"kWh", b"k\xffh", 1)))


def test_a_telegram_of_dsmr_without_a_register() -> None:
    """A meter of heat or gas that speaks for itself."""
    raw = written.make_dsmr(SHOWN, lambda one: b"\r\n".join(
        line for line in one.split(b"\r\n") if not line.startswith((b"1-0:1.8", b"1-0:2.8"))
    ))  # fmt: skip
    found = read(raw)
    assert (found.import_register_wh, found.export_register_wh) == (None, None)


def test_objects_that_share_a_line_and_registers_without_a_unit() -> None:
    found = read("/KAM1MC\r\n6.8(0029.055*MWh)6.26(01589.28*m3)9.21(00010213)C.1(77)\r\n!\r\n")
    assert shown(found, "6.8", "6.26") == ["29.055 MWh", "1589.28 m3"] and found.meter_id == "77"
    found = read(
        "/EMH5--eHZ\r\n1-0:1.8.0*255(032942.0231)\r\n1-0:2.8.0*255(12)\r\n1-0:1.6.1(1.5*kW)(2101)\r\n!"
    )
    assert found.import_register_wh == 32_942_023 and found.export_register_wh is None
    assert shown(found, "1-0:1.6.1") == ["1.5 kW"]


def test_the_echo_of_a_sign_on_and_a_date_of_eight_digits() -> None:
    raw = written.make_iec_62056_21(SHOWN)
    start = raw.index(b"\x02")
    assert read(b"\x06050\r\n" + raw[start:]) == read(raw)
    text = (
        "/LGZ4X\r\n0.9.1(120301)\r\n0.9.2(2013-05-01)\r\n0.9.9(1)\r\n0.9.9(2)\r\n"
        "1.8.0(1.5*kWh)\r\n!"
    )
    assert read(text).time_s == 1_367_402_581
    with pytest.raises(TelegramError, match="twice"):
        read(text.replace("0.9.9(2)", "1.8.0(1.6*kWh)"))


def test_a_telegram_of_dsmr_between_halves_of_others() -> None:
    raw = written.make_dsmr(SHOWN)
    format_id, content = find_format(raw[40:] + raw + raw[:60]) or (None, b"")
    assert format_id == bridge_pb2.TELEGRAM_FORMAT_DSMR_P1
    assert FORMATS[format_id].split(content) == [raw]
    # Nor does one get around its checksum as a readout.
    with pytest.raises(TelegramError, match="damaged"):
        read_telegram(bridge_pb2.TELEGRAM_FORMAT_IEC_62056_21, raw, Context())


def test_a_telegram_of_dsmr_ciphered_as_a_whole() -> None:
    """Meters in Luxembourg, and in parts of Austria."""
    context = Context(secrets=written.SECRETS)
    raw = written.encipher(written.make_dsmr(SHOWN), 9)
    (found,) = read_telegram(bridge_pb2.TELEGRAM_FORMAT_DLMS, raw, context)
    plain = read(written.make_dsmr(SHOWN))
    assert (found.meter_id, found.import_register_wh, found.time_s) == (
        plain.meter_id, SHOWN.import_wh, SHOWN.time_s,
    )  # fmt: skip
    assert found.counter == 9 and found.checks == ("AES-128-GCM authentication", "CRC-16/ARC")
    with pytest.raises(TelegramError, match="no DLMS"):
        read_telegram(bridge_pb2.TELEGRAM_FORMAT_DLMS, written.make_dsmr(SHOWN), context)


def sign_ocmf(payload: str, curve: ec.EllipticCurve, name: str) -> tuple[bytes, Secrets]:
    key = ec.generate_private_key(curve)
    signature = key.sign(payload.encode(), ec.ECDSA(hashes.SHA256())).hex()
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    text = f'OCMF|{payload}|{{"SA":"ECDSA-{name}-SHA256","SD":"{signature}"}}'
    return text.encode(), Secrets(public_key=point)


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        (ec.SECP192R1(), "secp192r1"), (ec.SECP256K1(), "secp256k1"), (ec.SECP256R1(), "secp256r1"),
        (ec.SECP384R1(), "secp384r1"), (ec.BrainpoolP256R1(), "brainpool256r1"),
        (ec.BrainpoolP256R1(), "brainpoolP256r1"), (ec.BrainpoolP384R1(), "brainpoolP384r1"),
    ],
)  # fmt: skip
def test_ocmf_with_numbers_as_text_registers_of_a_transaction_and_an_event(
    curve: ec.EllipticCurve, name: str
) -> None:
    payload = (
        '{"FV":"1.0","PG":"T7","MS":"M1","RD":['
        '{"TM":"1970-01-01T00:01:49,000+0000 U","TX":"B","RV":"    3.988","RI":"01-00:01.08.00.FF"'
        ',"RU":"kWh","ST":"G"},{"RV":0.5,"RI":"01-00:B3.08.00.FF"},{"TX":"X","RI":"1-0:0.0.0"},'
        '{"RV":2,"RI":"1-0:2.8.0"}]}'
    )
    raw, secrets = sign_ocmf(payload, curve, name)
    first, second = FORMATS[bridge_pb2.TELEGRAM_FORMAT_OCMF].split(raw + b"\r\n" + raw)
    assert first == second == raw
    (found,) = read_telegram(bridge_pb2.TELEGRAM_FORMAT_OCMF, raw, Context(secrets=secrets))
    assert (found.import_register_wh, found.export_register_wh) == (3_988, 2_000)
    # The clock of this meter was never set.
    assert found.time_s is None and found.counter == 7
    with pytest.raises(TelegramError, match="altered"):
        read_telegram(
            bridge_pb2.TELEGRAM_FORMAT_OCMF,
            raw.replace(b"3.988", b"3.989"),
            Context(secrets=secrets),
        )


def test_several_volumes_in_a_wireless_telegram() -> None:
    records = bytes.fromhex("0413E8030000443BFFFFFFFF02FD48E6000413D00700000403E8030000")
    values = read_records(records)
    assert {code: f"{one.amount:f}" for code, one in values.items()} == {
        "volume": "1", "volume 2": "2", "voltage": "23", "1-0:1.8.0": "1000",
    }  # fmt: skip
    with pytest.raises(TelegramError, match="twice"):
        read_records(records + bytes.fromhex("0403E9030000"))


def make_green_button(direction: int, accumulation: int, readings: str, multiplier: int = 0) -> str:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content>'
        '<ReadingType xmlns="http://naesb.org/espi">'
        f"<accumulationBehaviour>{accumulation}</accumulationBehaviour>"
        f"<flowDirection>{direction}</flowDirection>"
        f"<powerOfTenMultiplier>{multiplier}</powerOfTenMultiplier><uom>72</uom></ReadingType>"
        '</content></entry><entry><content><IntervalBlock xmlns="http://naesb.org/espi">'
        f"{readings}</IntervalBlock></content></entry></feed>"
    )


def make_reading(start_s: int, length_s: int, value: int) -> str:
    return (
        f"<IntervalReading><timePeriod><duration>{length_s}</duration><start>{start_s}</start>"
        f"</timePeriod><value>{value}</value></IntervalReading>"
    )


def test_net_intervals_and_registers_of_green_button() -> None:
    two = make_reading(900, 900, 250) + make_reading(1800, 900, -40)
    found = read(make_green_button(4, 4, two, 3))
    assert [(one.energy_wh, one.is_export) for one in found.intervals] == [
        (250_000, False), (40_000, True),
    ]  # fmt: skip
    with pytest.raises(TelegramError, match="-40"):
        read(make_green_button(1, 4, two))
    two = make_reading(900, 0, 70_250) + make_reading(1800, 0, 70_400)
    found = read(make_green_button(19, 9, two))
    assert (found.export_register_wh, found.import_register_wh) == (70_400, None)
    assert found.time_s == 1_800 and not found.intervals
    with pytest.raises(TelegramError, match="not possible"):
        read(make_green_button(19, 4, two))


def test_values_and_times_that_a_head_end_leaves_out() -> None:
    head = "MEPMD01,20080501,LGZ,X,,,202606031515,M1,OK,E,KWH,1.0,00000015,4,"
    found = read(head + "202606020015,R0,1.5,,R0,2,,N,,,E,3")
    assert [(one.start_s % 86_400, one.energy_wh) for one in found.intervals] == [
        (0, 1_500), (900, 2_000), (2_700, 3_000),
    ]  # fmt: skip
    with pytest.raises(TelegramError, match="is not a time"):
        read(head + ",R0,1.5,,R0,2,,N,,,E,3")
