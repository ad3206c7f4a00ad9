"""Which hour each row of a CityLearn file is: by month, hour and weekday, as there is no date.

Rows follow one another by the hour. Where they do not, hours are missing, as on a day of 23 hours,
or stand twice, as on one of 25.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from agents.input.table import to_numbers
from agents.observation import HOUR_S
from client.errors import MissingError

_YEARS = range(2022, 1999, -1)
_WEEKDAYS = range(1, 8)
_DAY, _WEEK = 24, 168
# A file with more jumps than this share of its rows is not in order.
JUMPS_MAX = 0.05


def find_hours(table: dict[str, list[str]], path: Path) -> tuple[datetime, np.ndarray]:
    """When the first row's hour begins, and how many hours later than that each row's does."""
    month, hour, weekday = (to_numbers(table[name]) for name in ("month", "hour", "day_type"))
    if not (np.isin(month, range(1, 13)).all() and np.isin(hour, range(1, 25)).all()):
        raise MissingError(f"{path} has months outside 1 to 12 or hours outside 1 to 24")
    steps = _find_steps(hour, weekday)
    if (steps != 1).mean() > JUMPS_MAX if steps.size else False:
        raise MissingError(f"the rows of {path} do not follow one another by the hour")
    after = np.concatenate(([0], np.cumsum(steps))).astype(np.int64)
    begin = _find_begin(month, hour, weekday, after, path)
    first = int(after.min())
    return begin + timedelta(hours=first), after - first


def spread(values: np.ndarray, at: np.ndarray, hours: int) -> np.ndarray:
    """Values at their hours: the mean where several stand at one, missing where none does."""
    good = np.isfinite(values)
    sums = np.bincount(at[good], weights=values[good], minlength=hours)
    counts = np.bincount(at[good], minlength=hours)
    return np.divide(sums, counts, out=np.full(hours, np.nan), where=counts > 0)


def describe_hours(at: np.ndarray) -> list[str]:
    """What is to be said about hours that are missing or stand twice."""
    counts = np.bincount(at)
    twice = int((counts > 1).sum())
    if not twice:
        return []
    return [f"{twice} hours stand twice, as on a day of 25 hours: their mean counts"]


def to_offset(begin: datetime, first: datetime) -> int:
    """Hours from the first to when a file begins."""
    return int((begin - first).total_seconds()) // HOUR_S


def _find_steps(hour: np.ndarray, weekday: np.ndarray) -> np.ndarray:
    """Hours from each row to the next: by the week where weekdays are told, otherwise by the day.

    What is more than half of that ahead is taken as behind.
    """
    place, period = hour - 1, _DAY
    of_week = (weekday - 1) * _DAY + place
    if np.isin(weekday, _WEEKDAYS).all() and (np.diff(of_week) % _WEEK == 1).mean() > 1 - JUMPS_MAX:
        place, period = of_week, _WEEK
    steps: np.ndarray = np.diff(place) % period
    return np.where(steps > period // 2, steps - period, steps)


def _find_begin(
    month: np.ndarray, hour: np.ndarray, weekday: np.ndarray, after: np.ndarray, path: Path
) -> datetime:
    """When the first row begins: by the first change of month, in a year whose weekdays fit."""
    changes = np.flatnonzero((month[1:] != month[:-1]) & (np.diff(after) == 1)) + 1
    at = int(changes[0]) if changes.size else 0
    ordinary = np.flatnonzero(np.isin(weekday[at:], _WEEKDAYS)) + at
    for year in _YEARS:
        # At a change of month the first begins; without one the first row is taken for it.
        change = datetime(year, int(month[at]), 1) + timedelta(hours=int(hour[at]) - 1)  # noqa: DTZ001
        begin = change - timedelta(hours=int(after[at]))
        if not ordinary.size:
            return begin
        one = int(ordinary[0])
        if (begin + timedelta(hours=int(after[one]))).isoweekday() == int(weekday[one]):
            return begin
    raise MissingError(f"{path} has weekdays that fit no year")
