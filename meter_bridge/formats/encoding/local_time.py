"""Local time as meters show it. Most formats carry a wall-clock time and at best a summer flag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class LocalTime:
    """Offsets of a meter's clock from UTC, positive to the east."""

    winter_offset_s: int
    summer_offset_s: int

    def to_unix_s(self, shown: datetime, *, is_summer: bool) -> int:
        """UTC seconds since 1970 of a wall-clock time; any time zone of `shown` is ignored."""
        offset_s = self.summer_offset_s if is_summer else self.winter_offset_s
        return compute_unix_s(shown.replace(tzinfo=UTC)) - offset_s

    def find_unix_s(self, shown: datetime, near_s: int | None = None) -> int:
        """The same for a clock without a mark of summer, by the rule of the EU.

        Of the two hours in autumn that have one name it is the one that is nearer to `near_s`, or
        without it the first.
        """
        summer_s, winter_s = (self.to_unix_s(shown, is_summer=flag) for flag in (True, False))
        if self.summer_offset_s == self.winter_offset_s:
            return winter_s
        if not is_eu_summer_time(summer_s):
            return winter_s
        if near_s is None or is_eu_summer_time(winter_s):
            return summer_s
        return min(summer_s, winter_s, key=lambda time_s: abs(time_s - near_s))

    def to_wall_clock(self, time_s: int, *, is_summer: bool) -> datetime:
        """The inverse of `to_unix_s`."""
        offset_s = self.summer_offset_s if is_summer else self.winter_offset_s
        return datetime.fromtimestamp(time_s + offset_s, UTC)


CENTRAL_EUROPE = LocalTime(winter_offset_s=3600, summer_offset_s=7200)


def is_eu_summer_time(time_s: int) -> bool:
    """Whether summer time applies in the EU: last Sunday of March to that of October, 01:00 UTC.

    Source: Directive 2000/84/EC, articles 1 to 3.
    """
    year = datetime.fromtimestamp(time_s, UTC).year
    return compute_last_sunday_s(year, 3) <= time_s < compute_last_sunday_s(year, 10)


def compute_last_sunday_s(year: int, month: int) -> int:
    """01:00 UTC on the last Sunday of a month with 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return compute_unix_s(last - timedelta(days=(last.weekday() + 1) % 7))


def compute_unix_s(moment: datetime) -> int:
    """Whole seconds since 1970, without the float of `datetime.timestamp`."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def make_wall_clock(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    """What a clock shows, as a moment in UTC; ValueError if no clock shows it."""
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
