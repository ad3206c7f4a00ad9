"""Telegrams as meters of several makers and countries really send them."""

from __future__ import annotations

import pytest
from blockenergy.bridge.v1 import bridge_pb2

from meter_bridge.formats import find_format, read_telegram
from meter_bridge.formats.telegram import Content, Context, TelegramError
from tests.support import meter_telegrams as written
from tests.support.meter_telegrams import Shown

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
    apdu = written.encipher(written.make_notification(SHOWN), 5)
    frames = b""
    for number, part in enumerate((apdu[:100], apdu[100:])):
        content = bytes([0x53, 0xFF, number | 0x10 * number, 0x01, 0x67]) + part
        head = bytes([0x68, len(content), len(content), 0x68])
        frames += head + content + bytes([sum(content) & 0xFF, 0x16])
    context = Context(secrets=written.SECRETS)
    (found,) = read_telegram(bridge_pb2.TELEGRAM_FORMAT_DLMS, frames, context)
    assert found.import_register_wh == SHOWN.import_wh
    assert found.checks == ("M-Bus checksum", "AES-128-GCM authentication")
    for broken in (frames[:-1], frames[: len(frames) // 2], frames + b"\x00", frames[106:]):
        with pytest.raises(TelegramError):
            read_telegram(bridge_pb2.TELEGRAM_FORMAT_DLMS, broken, context)


def test_blocks_and_the_header_of_tcp() -> None:
    apdu = written.make_notification(SHOWN)
    blocks = b""
    for number, part in enumerate((apdu[:60], apdu[60:]), start=1):
        last = 0x80 * (number == 2)
        blocks += bytes([0xE0, 0x40 | last, 0, number, 0, 0, len(part)]) + part
    tcp = b"\x00\x01\x00\x01\x00\x10" + len(blocks).to_bytes(2, "big") + blocks
    assert read(tcp).import_register_wh == SHOWN.import_wh
    with pytest.raises(TelegramError, match="block 2 instead of block 1"):
        read(blocks[67:])
    with pytest.raises(TelegramError, match="not as long as"):
        read(tcp + b"\x00")


def test_sml_with_four_fill_bytes_and_bare_messages() -> None:
    raw = written.make_sml(SHOWN)
    content = raw[8:-8]
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
