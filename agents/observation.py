"""What an agent knows of homes: frozen values, all on one grid of slots in local time.

Energy is in Wh per slot, missing values are NaN. The grid is the wall clock, so every day has as
many slots: the hour that a day of 23 hours lacks is missing, and the one that a day of 25 hours has
twice is the mean of both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

DAY_S = 86_400
HOUR_S = 3_600
DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class Grid:
    """Slots of equal length by the wall clock; `begin` is when the first begins."""

    begin: datetime
    slot_s: int
    slots: int

    @property
    def slots_per_day(self) -> int:
        """Slots from one midnight to the next."""
        return DAY_S // self.slot_s

    @property
    def slots_per_week(self) -> int:
        """Slots of seven days."""
        return DAYS_PER_WEEK * self.slots_per_day

    @property
    def slots_per_hour(self) -> int:
        """Slots of an hour, at least one."""
        return max(1, HOUR_S // self.slot_s)

    def time_of(self, slot: int) -> datetime:
        """When a slot begins."""
        return self.begin + timedelta(seconds=slot * self.slot_s)

    def first_at(self, hour: int) -> int:
        """The first slot that begins a full day counted from this hour, such as 0 for midnight."""
        second = (self.begin.hour * 60 + self.begin.minute) * 60 + self.begin.second
        return (hour * HOUR_S - second) % DAY_S // self.slot_s


@dataclass(frozen=True, slots=True)
class Battery:
    """A home's battery as CityLearn describes it: kWh, kW, and shares."""

    capacity_kwh: float
    power_kw: float
    efficiency: float
    capacity_loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Home:
    """What is known of one meter. `load_wh` and `pv_wh` are None where only net energy is metered.

    `marks` are sentences about data that was not taken as it stands.
    """

    name: str
    net_wh: np.ndarray
    load_wh: np.ndarray | None = None
    pv_wh: np.ndarray | None = None
    battery: Battery | None = None
    marks: tuple[str, ...] = ()

    def get(self, target: str) -> np.ndarray:
        """The series of a target: `load`, or `net` of PV. A meter without PV has load only."""
        return self.net_wh if target == "net" or self.load_wh is None else self.load_wh

    def marked(self, *sentences: str) -> Home:
        """The same home with more marks."""
        return replace(self, marks=(*self.marks, *sentences))


@dataclass(frozen=True, slots=True)
class Street:
    """Homes on one grid, with what is known to all of them: EUR or $ per kWh, kg of CO2 per kWh.

    `left_out` holds a sentence for each meter that cannot be used, `marks` sentences about what all
    homes share.
    """

    grid: Grid
    homes: tuple[Home, ...]
    price: np.ndarray | None = None
    carbon: np.ndarray | None = None
    temperature: np.ndarray | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    marks: tuple[str, ...] = ()

    def get_matrix(self, target: str) -> np.ndarray:
        """Homes by slots."""
        return np.array([home.get(target) for home in self.homes], dtype=np.float64)
