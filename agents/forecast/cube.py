"""A series as days by slots, and what stands in for missing values: only what was known before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agents.observation import DAYS_PER_WEEK, Grid

SCALE_DAYS = 28
# Shares of the average level of a series, under which its scale never falls.
SCALE_FLOOR = 0.02


@dataclass(frozen=True, slots=True)
class Cube:
    """Series by days by slots of a day. `begin` is when the first slot of the first day begins.

    `known` has NaN where nothing was measured. `filled` has the value of the day before there, and
    NaN only before the first value.
    """

    begin: datetime
    slot_s: int
    known: np.ndarray
    filled: np.ndarray

    @property
    def days(self) -> int:
        """Whole days."""
        return int(self.known.shape[1])

    @property
    def weekdays(self) -> np.ndarray:
        """0 for Monday, of each day and one week beyond."""
        return (self.begin.weekday() + np.arange(self.days + DAYS_PER_WEEK)) % DAYS_PER_WEEK


def make_cube(matrix: np.ndarray, grid: Grid, issue_hour: int) -> Cube:
    """Cuts series into days that begin at the issue hour; what is left at both ends is dropped."""
    first = grid.first_at(issue_hour)
    days = (matrix.shape[1] - first) // grid.slots_per_day
    known = matrix[:, first : first + days * grid.slots_per_day]
    known = known.reshape(len(matrix), days, grid.slots_per_day)
    return Cube(grid.time_of(first), grid.slot_s, known, fill(known))


def fill(known: np.ndarray) -> np.ndarray:
    """Gaps filled with the same slot of the day before."""
    filled = known.copy()
    for day in range(1, filled.shape[1]):
        today = filled[:, day]
        filled[:, day] = np.where(np.isnan(today), filled[:, day - 1], today)
    return filled


def compute_scale(filled: np.ndarray, lead: int) -> np.ndarray:
    """The level of a series as known when a day is forecast `lead` days ahead: its mean of 28 days.

    Series by days plus `lead`: the last ones are those after the data. NaN before the first value.
    """
    daily = np.abs(filled).mean(axis=2)
    scale = trailing_mean(daily, SCALE_DAYS, lead)
    overall = trailing_mean(daily, daily.shape[1] + lead, lead)
    return np.maximum(scale, SCALE_FLOOR * overall)


def trailing_mean(values: np.ndarray, days: int, lead: int) -> np.ndarray:
    """The mean over the last `days` days of which all is known `lead` days before; axis 1 is days.

    The result is `lead` days longer than the values; NaN where nothing is known.
    """
    good = np.isfinite(values)
    total = np.cumsum(np.where(good, values, 0.0), axis=1)
    count = np.cumsum(good, axis=1)
    after = np.concatenate((np.zeros_like(total[:, :1]), total), axis=1)
    number = np.concatenate((np.zeros_like(count[:, :1]), count), axis=1)
    end = np.clip(np.arange(values.shape[1] + lead) - lead + 1, 0, values.shape[1])
    begin = np.clip(end - days, 0, None)
    sums, counts = after[:, end] - after[:, begin], number[:, end] - number[:, begin]
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def lag(filled: np.ndarray, days: int, lead: int) -> np.ndarray:
    """The values of `days` days before, on the axis of `trailing_mean`; NaN before the data."""
    shape = (filled.shape[0], filled.shape[1] + lead, *filled.shape[2:])
    moved = np.full(shape, np.nan)
    reach = min(shape[1] - days, filled.shape[1])
    if reach > 0:
        moved[:, days : days + reach] = filled[:, :reach]
    return moved
