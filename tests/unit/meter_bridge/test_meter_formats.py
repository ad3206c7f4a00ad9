"""Every format reads what a meter shows, and nothing that was altered on the way."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from blockenergy.bridge.v1 import bridge_pb2
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.formats import FORMATS, find_format, parse_telegram, read_telegram
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE, LocalTime, make_wall_clock
from meter_bridge.formats.telegram import (
    Content,
    Context,
    Secrets,
    Telegram,
    TelegramError,
    complete,
)
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import SECRETS, Shown
from tests.support.others.telegram_writers import PROTECTED, WRITERS

CONTEXT = Context(secrets=SECRETS)
SHOWN = Shown()
# What a format does not carry.
WITHOUT_TIME = {"wmbus", "wmbus-cbc"}
WITHOUT_REGISTERS = {"espi", "sense", "n3rgy"}
MOMENTS = st.integers(26_000_000, 31_000_000).map(lambda minutes: 60 * minutes)
# Within four bytes with a sign, and above what CMEP's intervals sum to.
REGISTERS = st.integers(1_000, (1 << 31) - 1)


def read_one(name: str, raw: bytes, context: Context = CONTEXT) -> Content:
    contents = read_telegram(WRITERS[name][0], raw, context)
    assert len(contents) == 1
    return contents[0]


def flip(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_format_has_a_writer() -> None:
    assert {format_id for format_id, _ in WRITERS.values()} == FORMATS.keys()


@pytest.mark.parametrize("name", WRITERS)
@given(time_s=MOMENTS, import_wh=REGISTERS, export_wh=REGISTERS, number=st.integers(1, 10**8 - 1))
def test_what_a_meter_shows_is_read(
    name: str, time_s: int, import_wh: int, export_wh: int, number: int
) -> None:
    shown = Shown(time_s, import_wh, export_wh, number)
    # The hour that comes twice cannot be told from a clock without a mark.
    context = Context(secrets=SECRETS, received_s=time_s)
    found = read_one(name, WRITERS[name][1](shown), context)
    assert found.time_s == (None if name in WITHOUT_TIME else time_s)
    if name not in WITHOUT_REGISTERS:
        assert (found.import_register_wh, found.export_register_wh) == (import_wh, export_wh)
    assert name == "sense" or found.meter_id.endswith(f"{number:08d}")


@pytest.mark.parametrize("name", WRITERS)
def test_a_format_is_recognised(name: str) -> None:
    format_id, write = WRITERS[name]
    raw = write(SHOWN)
    assert find_format(raw) == (format_id, raw)
    assert find_format(f"{raw.hex(' ')}\n".encode()) == (format_id, raw)


@pytest.mark.parametrize("name", PROTECTED)
def test_every_flipped_bit_is_rejected(name: str) -> None:
    format_id, write = WRITERS[name]
    raw = write(SHOWN)
    # The identification of IEC 62056-21 stands in front of what its block check protects.
    first = raw.index(b"\x02") if name == "iec-62056-21" else 0
    for bit in range(8 * first, 8 * len(raw)):
        altered = flip(raw, bit)
        with pytest.raises(TelegramError):
            read_telegram(format_id, altered, CONTEXT)
        # Nor does it pass for a telegram of another format.
        if found := find_format(altered):
            with pytest.raises(TelegramError):
                read_telegram(*found, CONTEXT)


def test_every_flipped_bit_of_a_signed_payload_is_rejected() -> None:
    raw = WRITERS["ocmf"][1](SHOWN)
    for bit in range(8 * len(b"OCMF|"), 8 * raw.rindex(b"|")):
        with pytest.raises(TelegramError):
            read_telegram(bridge_pb2.TELEGRAM_FORMAT_OCMF, flip(raw, bit), CONTEXT)


# Of these the beginning may be a whole one with less in it.
@pytest.mark.parametrize("name", sorted(WRITERS.keys() - {"cmep", "sml-messages"}))
def test_the_beginning_of_a_telegram_is_not_taken_for_the_whole(name: str) -> None:
    format_id, write = WRITERS[name]
    raw = write(SHOWN)
    whole = read_one(name, raw)
    for size in range(len(raw)):
        try:
            found = read_telegram(format_id, raw[:size], CONTEXT)
        except TelegramError:
            continue
        # What is missing is a line end, or the block check, and then it says so.
        assert found in ([whole], [replace(whole, checks=())])
        assert size >= len(raw) - 4


@pytest.mark.parametrize("name", ["dlms-ciphered", "wmbus", "ocmf"])
@pytest.mark.parametrize("secrets", [Secrets(), Secrets(b"x" * 16, b"y" * 16, b"z")])
def test_a_missing_or_wrong_key_is_named(name: str, secrets: Secrets) -> None:
    with pytest.raises(TelegramError, match=r"key|keys"):
        read_one(name, WRITERS[name][1](SHOWN), Context(secrets=secrets))


def test_keys_are_not_shown() -> None:
    assert written.KEY.hex() not in repr(SECRETS) and repr(written.KEY) not in repr(SECRETS)


def test_suite_2_has_longer_keys() -> None:
    key, authentication_key = bytes(range(32)), written.AUTHENTICATION_KEY * 2
    apdu = written.encipher(written.make_notification(SHOWN), 9, suite=2, key=key)
    found = read_one("dlms", apdu, Context(secrets=Secrets(key, authentication_key)))
    assert (found.import_register_wh, found.counter) == (SHOWN.import_wh, 9)
    assert found.checks == ("AES-256-GCM authentication",)
    with pytest.raises(TelegramError, match="needs 32"):
        read_one("dlms", apdu)


@pytest.mark.parametrize(("suite", "size"), [(0, 16), (1, 16), (2, 32)])
def test_a_key_that_comes_with_the_telegram(suite: int, size: int) -> None:
    key, master = bytes(range(size)), bytes(range(50, 50 + size))
    wrapped = aes_key_wrap(master, key)
    ciphered = written.encipher(
        written.make_notification(SHOWN), 4, suite=suite, key=key, header=written.GENERAL_HEADER
    )
    raw = written.make_general(ciphered, b"\1\1\0" + bytes([len(wrapped)]) + wrapped)
    authentication_key = written.AUTHENTICATION_KEY * (size // 16)
    secrets = Secrets(b"", authentication_key, b"", master)
    found = read_one("dlms", raw, Context(secrets=secrets))
    assert found.import_register_wh == SHOWN.import_wh
    assert found.counter == 4 and found.key_id == hashlib.sha256(key).hexdigest()[:16]
    for bit in range(8 * len(raw)):
        with pytest.raises(TelegramError):
            read_one("dlms", flip(raw, bit), Context(secrets=secrets))
    for problem, other in (("give the meter's master", b""), ("cannot be unwrapped", bytes(size))):
        with pytest.raises(TelegramError, match=problem):
            read_one("dlms", raw, Context(secrets=Secrets(b"", authentication_key, b"", other)))


@pytest.mark.parametrize("header", [b"", written.GENERAL_HEADER])
def test_a_key_that_is_named_or_agreed_on(header: bytes) -> None:
    ciphered = written.encipher(written.make_notification(SHOWN), 4, header=header)
    for info in (b"\0", b"\1\0\0"):
        found = read_one("dlms", written.make_general(ciphered, info))
        assert (found.import_register_wh, found.key_id) == (SHOWN.import_wh, "")
    for info, problem in (
        (b"\1\0\1", "all meters"),
        (b"\1\1\1\0", "another than"),
        (b"\2", "neither"),
        (b"\1\2\1\2\0", "ECDH"),
    ):
        with pytest.raises(TelegramError, match=problem):
            read_one("dlms", written.make_general(ciphered, info))


def test_what_is_ciphered_without_a_tag_is_not_protected() -> None:
    """Counter mode: a changed bit of it is a changed bit of the message."""
    apdu = written.make_notification(SHOWN)
    nonce = written.SYSTEM_TITLE + (7).to_bytes(4, "big")
    stream = modes.CTR(nonce + b"\0\0\0\2")
    text = Cipher(algorithms.AES(written.KEY), stream).encryptor().update(apdu)
    for control, content in ((b"\x20", text), (b"\x00", apdu)):
        protected = control + nonce[8:] + content
        size = b"\x82" + len(protected).to_bytes(2, "big")
        raw = b"\xdb\x08" + written.SYSTEM_TITLE + size + protected
        assert read_one("dlms", raw).checks == ()
        assert read_one("dlms", written.make_hdlc(raw)).checks == ("HDLC frame check sequence",)


class TestWhatABridgeAccepts:
    """A bridge has neither keys nor a clock that could stand in."""

    @pytest.mark.parametrize("name", ["dsmr", "iec-62056-21", "dlms", "sml", "cmep"])
    def test_with_clock_checksum_and_registers(self, name: str) -> None:
        format_id, write = WRITERS[name]
        found = parse_telegram(format_id, write(SHOWN), CENTRAL_EUROPE)
        assert (found.time_s, found.import_register_wh) == (SHOWN.time_s, SHOWN.import_wh)

    @pytest.mark.parametrize(
        ("raw", "name", "problem"),
        [
            (written.make_iec_62056_21(SHOWN, with_check=False), "iec-62056-21", "no checksum"),
            (written.make_ieee_2030_5(SHOWN), "ieee-2030-5", "no checksum"),
            (written.make_sense(SHOWN), "sense", "no import register"),
            (written.make_dlms_ciphered(SHOWN), "dlms", "encryption key"),
            (b"\x7e", "sml", "does not start"),
        ],
    )
    def test_not_without(self, raw: bytes, name: str, problem: str) -> None:
        with pytest.raises(TelegramError, match=problem):
            parse_telegram(WRITERS[name][0], raw, CENTRAL_EUROPE)


def test_a_gateway_stands_in_for_a_clock() -> None:
    found = read_one("wmbus", WRITERS["wmbus"][1](SHOWN))
    with pytest.raises(TelegramError, match="no clock"):
        complete(found)
    assert complete(found, received_s=77) == Telegram("12345678", 77, SHOWN.import_wh, 89_000)


def test_the_hour_that_comes_twice() -> None:
    """On 25 October 2026 clocks go from 03:00 back to 02:00."""
    shown = make_wall_clock(2026, 10, 25, 2, 30)
    first_s = 1_792_888_200
    assert CENTRAL_EUROPE.find_unix_s(shown) == first_s
    assert CENTRAL_EUROPE.find_unix_s(shown, first_s + 60) == first_s
    assert CENTRAL_EUROPE.find_unix_s(shown, first_s + 3_500) == first_s + 3_600
    assert LocalTime(3_600, 3_600).find_unix_s(shown) == first_s + 3_600


DSMR_2_2 = (
    "/ISk5\\2ME382-1004\r\n\r\n0-0:96.1.1(00000000000000)\r\n1-0:1.8.1(00001.001*kWh)\r\n"
    "1-0:1.8.2(00001.002*kWh)\r\n1-0:2.8.1(00001.003*kWh)\r\n1-0:2.8.2(00000.000*kWh)\r\n!\r\n"
)


def test_dsmr_without_clock_and_checksum_is_read_and_marked() -> None:
    found = read_one("dsmr", DSMR_2_2.encode())
    assert (found.import_register_wh, found.export_register_wh) == (2_003, 1_003)
    assert (found.time_s, found.checks) == (None, ())


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]><Reading xmlns="urn:ieee:std:2030.5:ns">&a;</Reading>',
        '<Reading xmlns="urn:ieee:std:2030.5:ns">' * 40,
        '<Reading xmlns="urn:ieee:std:2030.5:ns"><value>1e9</value></Reading>',
    ],
)
def test_xml_that_no_meter_sends(body: str) -> None:
    with pytest.raises(TelegramError):
        read_one("ieee-2030-5", body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"Time": "x"}', b'{"SML": {"Total_in": 1e400}}', b'{"SML": {"Total_in": NaN}}',
        b'{"SML": {"Total_in": 1, "Total_in": 2}}', b'{"SML": {"Total_in": -1}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_json_that_no_meter_sends(body: bytes) -> None:
    with pytest.raises(TelegramError):
        read_one("tasmota", body)


def test_a_length_that_lies_costs_nothing() -> None:
    """An array of four thousand million items in six bytes; a library takes minutes for it."""
    with pytest.raises(TelegramError, match="ends in the middle"):
        read_one("dlms", bytes.fromhex("0f00000000000184ffffffff"))


def test_a_push_of_nothing() -> None:
    with pytest.raises(TelegramError, match="an empty one"):
        read_one("dlms", bytes.fromhex("0f40000000000200"))


def test_intervals_that_do_not_sum_to_the_register() -> None:
    altered = WRITERS["cmep"][1](SHOWN).replace(b"R0,0.250", b"R0,0.950", 1)
    with pytest.raises(
        TelegramError, match=r"sum to 1\.7000, but its register has advanced by 1\.0"
    ):
        read_one("cmep", altered)


def test_devices_that_do_not_sum_to_the_total() -> None:
    altered = WRITERS["sense"][1](SHOWN).replace(b"512.5", b"513.5")
    with pytest.raises(TelegramError, match="sum to"):
        read_one("sense", altered)
