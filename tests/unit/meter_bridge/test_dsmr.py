"""The DSMR parser accepts telegrams of genuine meters, and none that were altered in transit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.formats.dsmr import compute_crc16, format_telegram, parse
from meter_bridge.formats.encoding.local_time import LocalTime, is_eu_summer_time
from meter_bridge.formats.telegram import Telegram, TelegramError
from tests.support.shared import SHARED

VECTORS = SHARED / "vectors" / "meter_telegrams.json"

# 2027-01-15 12:00:00 UTC, a Friday in winter; import 1,234,567 Wh, export 89 Wh.
OURS = (
    b"/BEN5BLOCKENERGY\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(270115130000W)\r\n"
    b"0-0:96.1.1(484F4D452D3037)\r\n1-0:1.8.1(001000.500*kWh)\r\n1-0:1.8.2(000234.067*kWh)\r\n"
    b"1-0:2.8.1(000000.089*kWh)\r\n1-0:1.7.0(00.420*kW)\r\n1-0:2.7.0(00.000*kW)\r\n!34DE\r\n"
)
OURS_READ = Telegram("HOME-07", 1_800_014_400, 1_234_567, 89)

# The same moment from a meter with a single register and no feed-in.
ONE_REGISTER = (
    b"/BEN5BLOCKENERGY\r\n\r\n0-0:1.0.0(270115130000W)\r\n0-0:96.1.1(484F4D452D3038)\r\n"
    b"1-0:1.8.0(00000007.5*kWh)\r\n!"
)


def sealed(content: bytes) -> bytes:
    """The content, which ends in `!`, with its checksum."""
    return content + f"{compute_crc16(content):04X}\r\n".encode()


def changed(old: bytes, new: bytes) -> bytes:
    """Our telegram with a text replaced and the checksum recomputed."""
    assert old in OURS
    return sealed(OURS[: OURS.index(b"!") + 1].replace(old, new))


def read_genuine() -> list[dict[str, object]]:
    if not VECTORS.exists():
        return []
    found = json.loads(VECTORS.read_text("utf-8"))
    rows = found if isinstance(found, list) else found["vectors"]
    return [row for row in rows if "P1" in row["protocol"]]


GENUINE = read_genuine()
EXPECTED = {
    "dsmr5_iskra_mt382": Telegram("K8EG004046395507", 1_483_381_202, 6_825, 2_444),
    "lg_e350_zcf100_p1": Telegram("E0031003277898816", 1_479_323_435, 159_880, 0),
}


@pytest.mark.skipif(not GENUINE, reason="the genuine telegrams are not available")
@pytest.mark.parametrize("row", GENUINE, ids=lambda row: row["id"])
def test_genuine_telegram_is_parsed(row: dict[str, str]) -> None:
    assert parse(row["text"].encode()) == EXPECTED[row["id"]]


@pytest.mark.skipif(not GENUINE, reason="the genuine telegrams are not available")
@pytest.mark.parametrize("row", GENUINE, ids=lambda row: row["id"])
def test_every_flipped_bit_of_a_genuine_telegram_is_rejected(row: dict[str, str]) -> None:
    assert_every_flipped_bit_is_rejected(row["text"].encode())


def test_every_flipped_bit_of_our_telegram_is_rejected() -> None:
    assert_every_flipped_bit_is_rejected(OURS)


def assert_every_flipped_bit_is_rejected(raw: bytes) -> None:
    for position in range(len(raw)):
        for bit in range(8):
            tampered = bytearray(raw)
            tampered[position] ^= 1 << bit
            with pytest.raises(TelegramError):
                parse(bytes(tampered))


def test_our_telegram_is_read_and_written() -> None:
    assert parse(OURS) == OURS_READ
    written = format_telegram(
        "HOME-07", 1_800_014_400, (1_000_500, 234_067), (89,), import_power_w=420
    )
    assert written == OURS


def test_total_register_and_a_meter_without_export() -> None:
    assert parse(sealed(ONE_REGISTER)) == Telegram("HOME-08", 1_800_014_400, 7_500, 0)


def test_total_register_takes_precedence_over_tariffs() -> None:
    raw = changed(b"1-0:1.7.0", b"1-0:1.8.0(001234.568*kWh)\r\n1-0:1.7.0")
    assert parse(raw).import_register_wh == 1_234_568


def test_line_ending_is_optional() -> None:
    assert parse(OURS[:-2]) == OURS_READ
    assert parse(OURS[:-2] + b"\n") == OURS_READ


def test_repeated_hour_in_october() -> None:
    summer = changed(b"270115130000W", b"261025023000S")
    winter = changed(b"270115130000W", b"261025023000W")
    assert parse(winter).time_s - parse(summer).time_s == 3600


def test_another_time_zone() -> None:
    assert parse(OURS, LocalTime(0, 3600)).time_s == OURS_READ.time_s + 3600


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "does not start with /"),
        (b"hello", "does not start with /"),
        (OURS[: OURS.index(b"!") + 1] + b"\r\n", "has no checksum"),
        (OURS[: OURS.index(b"!")], "does not start with /"),
        (OURS + OURS, "does not start with /"),
        (OURS.replace(b"00.420", b"09.420"), "altered or damaged"),
        (OURS.replace(b"!34DE", b"!34de"), "does not start with /"),
        (OURS[:1] + b"x" * 8192 + OURS[1:], "maximum is 8192"),
        (changed(b"1-3:0.2.8(50)", b"1-3:0.2.8(\xff)"), "printable"),
        (changed(b"1-0:1.8.2", b"1-0:1.8.1"), "1-0:1.8.1 twice"),
        (changed(b"1-0:1.8.2", b"1-0:1.8.3"), "a tariff is missing"),
        (changed(b"1-0:1.8.", b"1-0:9.8."), "no register 1-0:1.8.0"),
        (changed(b"001000.500*kWh", b"-01000.500*kWh"), "not of the form"),
        (changed(b"001000.500*kWh", b"0010000000*kWh"), "not of the form"),
        (changed(b"001000.500*kWh", b"001000.500*kVArh"), "not of the form"),
        (changed(b"270115130000W", b"270115130000"), "no clock"),
        (changed(b"270115130000W", b"270230130000W"), "does not exist"),
        (changed(b"270115130000W", b"270115246000W"), "does not exist"),
    ],
)
def test_malformed_telegram_gives_one_sentence(raw: bytes, why: str) -> None:
    with pytest.raises(TelegramError, match=why) as rejected:
        parse(raw)
    assert str(rejected.value).endswith(".")
    assert "\n" not in str(rejected.value)


registers_wh = st.lists(st.integers(0, 10**12 - 1), min_size=1, max_size=9)


@given(
    meter_id=st.from_regex(r"[A-Za-z0-9._-]{1,48}", fullmatch=True),
    # 2000 to 2099: the year has two digits.
    time_s=st.integers(946_684_800, 4_102_444_800 - 7_201),
    import_registers_wh=registers_wh,
    export_registers_wh=registers_wh,
)
def test_written_telegram_parses_back(
    meter_id: str, time_s: int, import_registers_wh: list[int], export_registers_wh: list[int]
) -> None:
    raw = format_telegram(meter_id, time_s, import_registers_wh, export_registers_wh)
    assert parse(raw) == Telegram(
        meter_id, time_s, sum(import_registers_wh), sum(export_registers_wh)
    )


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda middle: sealed(middle + b"!")))
def test_noise_is_rejected_cleanly(raw: bytes) -> None:
    with pytest.raises(TelegramError):
        parse(raw)


@pytest.mark.parametrize(
    ("time_s", "summer"),
    [
        (1_774_745_999, False),  # 2026-03-29 00:59:59 UTC
        (1_774_746_000, True),
        (1_792_889_999, True),  # 2026-10-25 00:59:59 UTC
        (1_792_890_000, False),
    ],
)
def test_eu_summer_time(time_s: int, summer: bool) -> None:
    assert is_eu_summer_time(time_s) is summer


def test_checksum_matches_the_crc_catalogue() -> None:
    assert compute_crc16(b"123456789") == 0xBB3D
