"""A telegram belongs to the slot that ended when it was taken."""

import pytest
from blockenergy.bridge.v1.bridge_pb2 import TELEGRAM_FORMAT_DSMR_P1, TELEGRAM_FORMAT_UNSPECIFIED
from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.formats import parse_telegram
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE
from meter_bridge.formats.telegram import Telegram, TelegramError
from meter_bridge.readings import (
    NotAtSlotEndError,
    compute_reading,
    compute_tolerance_s,
    require_at_slot_end,
)


def telegram_at(time_s: int) -> Telegram:
    return Telegram("HOME-07", time_s, 5_000, 100)


@pytest.mark.parametrize(("time_s", "slot"), [(890, 0), (900, 0), (911, 0), (1_799, 1), (1_800, 1)])
def test_telegram_belongs_to_the_slot_whose_end_is_nearest(time_s: int, slot: int) -> None:
    reading = compute_reading(telegram_at(time_s), 900)
    assert (reading.meter_id, reading.slot) == ("HOME-07", slot)
    assert (reading.import_register_wh, reading.export_register_wh) == (5_000, 100)
    assert reading.signature == b""


def test_no_slot_ended_before_1970() -> None:
    with pytest.raises(NotAtSlotEndError):
        compute_reading(telegram_at(449), 900)


@pytest.mark.parametrize(
    ("slot_length_s", "tolerance_s"), [(1, 0), (10, 1), (60, 6), (900, 60), (3_600, 60)]
)
def test_tolerance_is_a_tenth_of_a_slot_max_one_minute(
    slot_length_s: int, tolerance_s: int
) -> None:
    assert compute_tolerance_s(slot_length_s) == tolerance_s


@given(slot_length_s=st.integers(1, 7_200), slot=st.integers(0, 10**7), off_s=st.integers(-99, 99))
def test_telegram_within_tolerance_is_accepted_for_its_slot(
    slot_length_s: int, slot: int, off_s: int
) -> None:
    tolerance_s = compute_tolerance_s(slot_length_s)
    telegram = telegram_at((slot + 1) * slot_length_s + off_s)
    if abs(off_s) <= tolerance_s:
        require_at_slot_end(telegram, slot, slot_length_s, tolerance_s)
        assert compute_reading(telegram, slot_length_s).slot == slot
    else:
        with pytest.raises(NotAtSlotEndError, match=f"{abs(off_s)} s"):
            require_at_slot_end(telegram, slot, slot_length_s, tolerance_s)


def test_format_must_be_given() -> None:
    with pytest.raises(TelegramError, match="format"):
        parse_telegram(TELEGRAM_FORMAT_UNSPECIFIED, b"", CENTRAL_EUROPE)
    with pytest.raises(TelegramError, match="start with /"):
        parse_telegram(TELEGRAM_FORMAT_DSMR_P1, b"", CENTRAL_EUROPE)
