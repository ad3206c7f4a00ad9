"""Names, jurisdictions and dates of credits. Nothing here reads state."""

from __future__ import annotations

import re

from chain.runtime.calendar import format_date

GRAMS_PER_TONNE = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9._]{1,24}")
_CLASS = re.compile(r"[A-Za-z0-9._]{1,16}")
# A class, a project, two dates and a number.
_BATCH = re.compile(r"[A-Za-z0-9._-]{1,80}")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3}( [A-Z0-9][A-Z0-9 -]{0,15})?)?")


def is_name(text: str) -> bool:
    """Whether a project, a methodology or a registry can have this name."""
    return _NAME.fullmatch(text) is not None


def is_class(text: str) -> bool:
    """Whether a class can have this name."""
    return _CLASS.fullmatch(text) is not None


def is_batch(text: str) -> bool:
    """Whether a batch can have this name on the chain that has made it."""
    return _BATCH.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Whether a purpose, a receipt or a foreign account can be this."""
    return _WORD.fullmatch(text) is not None


def is_jurisdiction(text: str) -> bool:
    """Whether this is a country, and if wanted its subdivision and a postal code."""
    return _JURISDICTION.fullmatch(text) is not None


def make_batch_name(class_id: str, project: str, start_s: int, end_s: int, number: int) -> str:
    """The name of a batch: its dates are those of the vintage."""
    return f"{class_id}-{project}-{format_date(start_s)}-{format_date(end_s)}-{number}"
