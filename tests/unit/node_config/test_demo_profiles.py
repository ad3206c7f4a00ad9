"""Loads and sun of the demonstration's day, against what is known of both."""

import pytest

pytest.importorskip("demandlib", reason="the demonstration's libraries are not installed")
pytest.importorskip("pvlib", reason="the demonstration's libraries are not installed")

from node_config.demo.home.profiles import QUARTERS, compute_load_wh, compute_pv_wh

AVERAGE = [1.0] * QUARTERS


def find_peak(quarters: list[int]) -> float:
    """The hour of the largest value."""
    return quarters.index(max(quarters)) / 4


def test_a_household_uses_a_365th_of_its_year_and_most_in_the_evening() -> None:
    load_wh = compute_load_wh(3650, AVERAGE)
    assert len(load_wh) == QUARTERS
    # A weekday in April is a little below the mean of the year.
    assert 9_000 < sum(load_wh) < 11_000
    assert 18 <= find_peak(load_wh) <= 21
    assert min(load_wh) > 0


def test_factors_scale_each_quarter() -> None:
    doubled = compute_load_wh(3650, [2.0, *AVERAGE[1:]])
    plain = compute_load_wh(3650, AVERAGE)
    assert doubled[0] == pytest.approx(2 * plain[0], abs=1)
    assert doubled[1:] == plain[1:]


def test_the_sun_shines_by_day_and_peaks_at_noon_of_the_sun() -> None:
    south_wh = compute_pv_wh(1000, 180)
    assert sum(south_wh[: 5 * 4]) == sum(south_wh[22 * 4 :]) == 0
    # 13:20 in summer time at 9.5 degrees east.
    assert 12.5 <= find_peak(south_wh) <= 14.5
    # A clear day in April yields 5 to 7 kWh per kWp in Germany, and never more than the inverter.
    assert 5_000 < sum(south_wh) < 7_000
    assert max(south_wh) * 4 < 1000


def test_east_peaks_before_west() -> None:
    assert find_peak(compute_pv_wh(1000, 100)) < find_peak(compute_pv_wh(1000, 260))
    assert sum(compute_pv_wh(5000, 180)) == pytest.approx(5 * sum(compute_pv_wh(1000, 180)), 0.01)
