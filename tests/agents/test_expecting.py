"""What a home expects of itself, from nothing and from its first days."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.trading.expect import HOURS, Past, expect_ordinary, forecast


def test_a_large_home_is_known_for_one_after_its_first_hours() -> None:
    """Three times the ordinary home: after six hours almost half as much again is expected."""
    past = Past(HOURS)
    for slot in range(6):
        past = past.add(slot, 3 * expect_ordinary(past.annual_kwh, slot, HOURS))
    later = range(30, 48)
    ordinary = sum(expect_ordinary(past.annual_kwh, slot, HOURS) for slot in later)
    expected = sum(middle for _, middle, _ in forecast(past, 5, later).values())
    assert 1.4 * ordinary < expected < 3 * ordinary


def test_surplus_says_nothing_of_what_is_used() -> None:
    past = Past(HOURS)
    for slot in range(6, 18):
        past = past.add(slot, -4_000)
    low, middle, high = forecast(past, 17, [44])[44]
    assert low < middle < high
    assert middle == expect_ordinary(past.annual_kwh, 44, HOURS)


@given(
    st.integers(0, 1_000_000),
    st.dictionaries(st.integers(0, 100), st.integers(-50_000, 50_000), max_size=101),
    st.sampled_from([1, 5, 24, 96]),
)
def test_whatever_is_known_it_expects_in_order(
    annual_kwh: int, net_wh: dict[int, int], per_day: int
) -> None:
    past = Past(per_day, net_wh, annual_kwh)
    for low, middle, high in forecast(past, 100, range(101, 101 + per_day)).values():
        assert low <= middle <= high
