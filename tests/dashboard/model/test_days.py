"""Slots on days: none is lost and none is doubled, also where clocks change."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import ApiError
from dashboard.model.days import Days, list_month, parse_day

ZONES = ["Europe/Berlin", "UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]
S_PER_H = 3600


@given(
    st.sampled_from(ZONES),
    st.sampled_from([300, 900, 1800, S_PER_H]),
    st.sampled_from([20, 0]),
    st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    st.integers(1, 40),
)
def test_days_share_out_the_slots(
    zone: str, stands_for_s: int, length_s: int, first: date, count: int
) -> None:
    days = Days.begin(ZoneInfo(zone), length_s or stands_for_s, stands_for_s, 90_000_000)
    listed = [first + timedelta(days=number) for number in range(count)]
    ranges = [days.get_slots(day) for day in listed]
    for day, slots, following in zip(listed, ranges, [*ranges[1:], None], strict=True):
        assert following is None or slots.stop == following.start
        for slot in {slots.start, slots.stop - 1} if slots.start else ():
            assert days.get_day(slot) == day


def test_a_day_has_92_to_100_quarters_of_an_hour() -> None:
    days = Days.begin(ZoneInfo("Europe/Berlin"), 900, 900, 0)
    lengths = {day: len(days.get_slots(parse_day(day))) for day in ("2026-03-29", "2026-10-25")}
    assert lengths == {"2026-03-29": 92, "2026-10-25": 100}
    assert len(days.get_slots(parse_day("2026-11-28"))) == 96
    first = days.get_slots(parse_day("2026-11-28")).start
    assert days.format_start(first) == "2026-11-28T00:00:00+01:00"


def test_a_fast_chain_begins_at_midnight() -> None:
    days = Days.begin(ZoneInfo("Europe/Berlin"), 20, S_PER_H, 89_798_719)
    assert days.format_start(89_798_719) == "2026-11-29T00:00:00+01:00"
    assert len(days.get_slots(parse_day("2026-11-30"))) == 24


@pytest.mark.parametrize(
    "text", ["", "2026-2-3", "2026-02-30", "9999-01-01", "1999-12-31", "x", "2026-11-28 "]
)
def test_what_is_no_day_is_rejected(text: str) -> None:
    with pytest.raises(ApiError, match="a day is written as"):
        parse_day(text)


def test_a_month_is_its_days() -> None:
    assert len(list_month("2028-02")) == 29
    with pytest.raises(ApiError, match="a month is written as"):
        list_month("2026-13")
