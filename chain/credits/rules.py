"""Names, jurisdictions and dates of credits. Nothing here reads state."""

from __future__ import annotations

import re

GRAMS_PER_TONNE = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9._]{1,24}")
_CLASS = re.compile(r"[A-Za-z0-9._]{1,16}")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3}( [A-Z0-9][A-Z0-9 -]{0,15})?)?")
_SECONDS_PER_DAY = 86_400


def is_name(text: str) -> bool:
    """Whether a project, a methodology or a registry can have this name."""
    return _NAME.fullmatch(text) is not None


def is_class(text: str) -> bool:
    """Whether a class can have this name."""
    return _CLASS.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Whether a purpose, a receipt or a foreign account can be this."""
    return _WORD.fullmatch(text) is not None


def is_jurisdiction(text: str) -> bool:
    """Whether this is a country, and if wanted its subdivision and a postal code."""
    return _JURISDICTION.fullmatch(text) is not None


def make_batch_name(class_id: str, project: str, start_s: int, end_s: int, number: int) -> str:
    """The name of a batch: its dates are those of the vintage."""
    return f"{class_id}-{project}-{format_date(start_s)}-{format_date(end_s)}-{number}"


def format_date(time_s: int) -> str:
    """The day of a time, as YYYYMMDD in the Gregorian calendar.

    Years are counted from March, so that the leap day is the last of a year; 146097 days are 400 of
    them, and 153 days are five months.
    """
    days = time_s // _SECONDS_PER_DAY + 719_468
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
