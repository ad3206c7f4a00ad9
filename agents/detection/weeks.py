"""Meters as weeks by hours of the week, without gaps: a missing hour is that of the week before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agents.input.folder import FEEDER
from agents.observation import DAYS_PER_WEEK, HOUR_S, Street
from client.errors import MissingError

HOURS_PER_DAY = 24
HOURS_PER_WEEK = DAYS_PER_WEEK * HOURS_PER_DAY
HISTORY_WEEKS = 8


@dataclass(frozen=True, slots=True)
class Weeks:
    """Net energy of meters by weeks by hours in Wh; `feeder` is weeks by hours, or None.

    `missing` is the share of each meter's week that was filled.
    """

    names: tuple[str, ...]
    begin: datetime
    net: np.ndarray
    feeder: np.ndarray | None
    missing: np.ndarray

    @property
    def count(self) -> int:
        """Whole weeks."""
        return int(self.net.shape[1])

    def begin_of(self, week: int) -> datetime:
        """When a week begins."""
        return self.begin + timedelta(weeks=week)


def make_weeks(street: Street) -> Weeks:
    """The whole weeks of a street from its first slot on; raises MissingError if there are few.

    Without a feeder PV is left out, where it is metered by itself: it only hides what is used.
    """
    per_hour = HOUR_S // street.grid.slot_s
    if per_hour < 1:
        raise MissingError("detection needs readings of every hour or less")
    hours = street.grid.slots // per_hour
    count = hours // HOURS_PER_WEEK
    if count < HISTORY_WEEKS + 2:
        raise MissingError(
            f"there are {count} whole weeks; detection needs {HISTORY_WEEKS + 2}: eight as a "
            "meter's history, one to learn from and one to watch"
        )
    names = [home.name for home in street.homes]
    feeders = [number for number, name in enumerate(names) if name.lower() == FEEDER]
    matrix = street.get_matrix("net" if feeders else "load")
    used = count * HOURS_PER_WEEK
    hourly = matrix[:, : used * per_hour].reshape(len(matrix), used, per_hour).sum(axis=2)
    weekly = hourly.reshape(len(matrix), count, HOURS_PER_WEEK)
    filled = _fill(weekly)
    meters = [number for number in range(len(names)) if number not in feeders]
    if not meters:
        raise MissingError("there is a feeder but no meter")
    return Weeks(
        tuple(names[number] for number in meters),
        street.grid.begin,
        filled[meters],
        filled[feeders[0]] if feeders else None,
        np.isnan(weekly).mean(axis=2)[meters],
    )


def _fill(weekly: np.ndarray) -> np.ndarray:
    filled = weekly.copy()
    filled[:, 0] = np.nan_to_num(filled[:, 0])
    for week in range(1, filled.shape[1]):
        gaps = np.isnan(filled[:, week])
        filled[:, week] = np.where(gaps, filled[:, week - 1], filled[:, week])
    return filled
