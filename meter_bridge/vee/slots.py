"""Slots as VEE sees them: energy of one direction, with a quality and the versions before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from meter_bridge.formats.encoding.local_time import LocalTime, compute_unix_s, is_eu_summer_time


class Quality(StrEnum):
    """Where a value comes from, and how far it can be relied on."""

    # Of a register, as the meter sent it.
    MEASURED = "measured"
    # Measured, but a check has raised a doubt.
    SUSPECT = "suspect"
    # From power or from a sender's intervals.
    DERIVED = "derived"
    # Not known.
    MISSING = "missing"
    # Made here, by one of the methods of `estimate`.
    ESTIMATED = "estimated"
    # Set by a person.
    EDITED = "edited"


# What may be a reference for others.
RELIABLE = frozenset({Quality.MEASURED, Quality.DERIVED, Quality.EDITED})


@dataclass(frozen=True)
class Registers:
    """What a meter showed at the end of a slot; `dials` is how many digits of kWh it has."""

    import_wh: int
    export_wh: int
    dials: int = 6

    @property
    def size_wh(self) -> int:
        """Where the registers begin again at zero."""
        return int(1000 * 10**self.dials)


@dataclass(frozen=True)
class Version:
    """One value of a slot."""

    energy_wh: int
    quality: Quality
    # Why it was made: a method, a finding, or a person's reason.
    reason: str = ""


@dataclass(frozen=True)
class Slot:
    """A slot by its number, with all versions of its energy, the valid one last."""

    number: int
    versions: tuple[Version, ...] = ()

    @property
    def energy_wh(self) -> int | None:
        """The valid energy; None if it is missing."""
        if not self.versions or self.versions[-1].quality is Quality.MISSING:
            return None
        return self.versions[-1].energy_wh

    @property
    def quality(self) -> Quality:
        """The quality of the valid energy."""
        return self.versions[-1].quality if self.versions else Quality.MISSING


def list_day_slots(day: date, slot_length_s: int, local_time: LocalTime) -> range:
    """The slots of a local day, by the rule of the EU: 92, 96 or 100 quarter hours."""
    start, end = (compute_midnight_s(one, local_time) for one in (day, day + timedelta(days=1)))
    assert start % slot_length_s == 0 and end % slot_length_s == 0, "slots divide an hour"
    return range(start // slot_length_s, end // slot_length_s)


def compute_midnight_s(day: date, local_time: LocalTime) -> int:
    """When a local day begins, in UTC seconds. Clocks are changed later in the night."""
    shown = datetime(day.year, day.month, day.day, tzinfo=UTC)
    is_summer = is_eu_summer_time(compute_unix_s(shown) - local_time.winter_offset_s)
    return local_time.to_unix_s(shown, is_summer=is_summer)
