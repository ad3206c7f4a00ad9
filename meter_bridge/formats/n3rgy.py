"""Answers of the n3rgy Customer Service API, version 2 (Smart Metering Systems, Great Britain).

Half-hourly or daily energy of one supply point, by device; a time is the end of its half hour, in
UTC. The resource says which supply point and whether it is import or export. The answer comes over
TLS and has no checksum of its own. Values that the sender calls invalid or missing are left out.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from meter_bridge.formats.encoding.documents import get_list, get_number, get_text, read_json
from meter_bridge.formats.encoding.local_time import compute_unix_s, make_wall_clock
from meter_bridge.formats.telegram import (
    DECIMAL_PLACES,
    Content,
    Context,
    Interval,
    Quantity,
    TelegramError,
    to_wh,
)

LENGTHS_S = {"halfhour": 1_800, "day": 86_400}
EXPORTS, IMPORTS = {"production", "export"}, {"consumption", "import"}
VALID = "VALID_VALUE"
# What a value without a number says.
WITHOUT_VALUE = {"INVALID_VALUE", "VALUE_NOT_AVAILABLE_IN_SMSO", "INVALID_TIMESTAMP"}
VALUES_MAX = 200_000
_RESOURCE = re.compile(
    r"/mpxn/([0-9]{9,13})/utility/electricity/readingtype/([A-Za-z_]+)(?:\?.*)?", re.IGNORECASE
)
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T]([0-9]{2}):([0-9]{2})(?::00)?Z?)?", re.ASCII
)


def read(raw: bytes, _: Context) -> list[Content]:
    """The content of one answer.

    Errors: TelegramError.
    """
    document = read_json(raw)
    resource = _RESOURCE.fullmatch(get_text(document, "resource"))
    if resource is None or resource[2].lower() not in EXPORTS | IMPORTS:
        raise TelegramError("The answer is not one about import or export of electricity.")
    length_s = LENGTHS_S.get(get_text(document, "granularity"))
    if length_s is None:
        raise TelegramError("The answer's granularity is neither halfhour nor day.")
    unit, is_export = get_text(document, "unit"), resource[2].lower() in EXPORTS
    intervals = [
        interval
        for device in get_list(document, "devices")
        for value in get_list(device, "values")
        if (interval := read_interval(value, unit, length_s, is_export))
    ]
    if len(intervals) > VALUES_MAX:
        raise TelegramError(f"The answer has more than {VALUES_MAX} values.")
    intervals.sort(key=lambda one: one.start_s)
    starts = [one.start_s for one in intervals]
    if len(set(starts)) < len(starts):
        raise TelegramError("The answer has two values for one time.")
    total = sum(one.energy_wh for one in intervals)
    return [
        Content(
            meter_id=resource[1],
            time_s=intervals[-1].start_s + length_s if intervals else None,
            values={
                "sum of export" if is_export else "sum of import": Quantity(Decimal(total), "Wh")
            },
            intervals=tuple(intervals),
        )
    ]


def read_interval(value: Any, unit: str, length_s: int, is_export: bool) -> Interval | None:
    """One value; None if the sender has none. Errors: TelegramError."""
    quality = get_text(value, "status") or get_text(value, "quality") or VALID
    if quality in WITHOUT_VALUE:
        return None
    unit = get_text(value, "unit") or unit
    if unit.lower() not in DECIMAL_PLACES:
        raise TelegramError(f"The answer's unit is {unit[:20]!r} instead of kWh.")
    energy_wh = to_wh(Quantity(get_number(value, "primaryValue"), unit))
    end_s = read_time_s(get_text(value, "timestamp"))
    # A day is named by its date, a half hour by its end.
    start_s = end_s if length_s == LENGTHS_S["day"] else end_s - length_s
    return Interval(start_s, length_s, energy_wh, is_export, quality)


def read_time_s(text: str) -> int:
    """UTC seconds of `2022-03-10 00:30` or `2022-03-10`; errors: TelegramError."""
    found = _TIME.fullmatch(text)
    if found:
        try:
            parts = [int(part or 0) for part in found.groups()]
            return compute_unix_s(make_wall_clock(*parts))
        except ValueError:
            pass
    raise TelegramError(f"{text[:30]!r} in the answer is not a time such as 2022-03-10 00:30.")
