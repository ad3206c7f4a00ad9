"""Days and months of times, in the Gregorian calendar and UTC."""

from __future__ import annotations

SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 24 * SECONDS_PER_HOUR
# Of the years 1 to 9999.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799


def format_date(time_s: int) -> str:
    """The day of a time in seconds since 1970, as YYYYMMDD.

    Years are counted from March, so that the leap day is the last of a year; 146097 days are 400 of
    them, and 153 days are five months.
    """
    days = time_s // SECONDS_PER_DAY + 719_468
    era, day_of_era = days // 146_097, days % 146_097
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04}{month:02}{day:02}"


def format_time(seconds: int, nanos: int) -> str:
    """A time since 1970 as RFC 3339 writes it, in UTC, without zeros at the end of the fraction.

    Raises ValueError for what is not in the years 1 to 9999.
    """
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < 10**9):
        raise ValueError(f"{seconds} s and {nanos} ns are no time of the years 1 to 9999")
    date = format_date(seconds)
    hours, rest = divmod(seconds % SECONDS_PER_DAY, SECONDS_PER_HOUR)
    fraction = f".{nanos:09}".rstrip("0").rstrip(".")
    clock = f"{hours:02}:{rest // 60:02}:{rest % 60:02}{fraction}"
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock}Z"


def get_month(time_s: int) -> int:
    """The month of a time, as the number YYYYMM."""
    return int(format_date(time_s)[:-2])
