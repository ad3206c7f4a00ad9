"""How slots are laid on the clock that is shown, and on days of the grid's time zone.

Where a slot stands for as long as it lasts, the clock that is shown is block time. Where a chain
runs faster than real time, one slot is shown at midnight, and the others follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dashboard.errors import ApiError, Code

# A request names days of a life.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class Days:
    """slot_stands_for_s: what a slot represents. base_slot: a slot that is shown from base_s on."""

    zone: ZoneInfo
    slot_stands_for_s: int
    base_slot: int = 0
    base_s: int = 0

    @classmethod
    def begin(
        cls, zone: ZoneInfo, slot_length_s: int, slot_stands_for_s: int, midnight_slot: int
    ) -> Days:
        """Days on which `midnight_slot`, on a chain that is faster than real time, is shown at the
        midnight before it began.
        """
        if slot_length_s == slot_stands_for_s:
            return cls(zone, slot_stands_for_s)
        began = datetime.fromtimestamp(midnight_slot * slot_length_s, zone).date()
        return cls(zone, slot_stands_for_s, midnight_slot, _midnight_s(began, zone))

    def get_start_s(self, slot: int) -> int:
        """When the delivery of a slot is shown to begin, in seconds since 1970."""
        return max(0, self.base_s + (slot - self.base_slot) * self.slot_stands_for_s)

    def get_end_s(self, slot: int) -> int:
        """When it is shown to end."""
        return self.get_start_s(slot + 1)

    def get_slots(self, day: date) -> range:
        """The slots that begin on a day: 92 to 100 quarters of an hour, for example."""
        first_s = _midnight_s(day, self.zone)
        end_s = _midnight_s(day + timedelta(days=1), self.zone)
        return range(self._first_from(first_s), self._first_from(end_s))

    def get_day(self, slot: int) -> date:
        """The day on which a slot begins."""
        return datetime.fromtimestamp(self.get_start_s(slot), self.zone).date()

    def format_start(self, slot: int) -> str:
        """The beginning of a slot in the zone: `2026-11-28T14:00:00+01:00`."""
        return datetime.fromtimestamp(self.get_start_s(slot), self.zone).isoformat()

    def _first_from(self, time_s: int) -> int:
        return max(0, self.base_slot - (self.base_s - time_s) // self.slot_stands_for_s)


def parse_day(text: str) -> date:
    """A day such as `2026-11-28`; ApiError for anything else."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        day = _LAST_DAY
    if day.isoformat() != text or not _FIRST_DAY <= day < _LAST_DAY:
        raise ApiError(Code.INVALID_REQUEST, "a day is written as 2026-11-28")
    return day


def list_month(text: str) -> list[date]:
    """The days of a month such as `2026-11`; ApiError for anything else."""
    try:
        first = parse_day(f"{text}-01")
    except ApiError:
        raise ApiError(Code.INVALID_REQUEST, "a month is written as 2026-11") from None
    days = [first + timedelta(days=number) for number in range(31)]
    return [day for day in days if day.month == first.month]


def _midnight_s(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp())
