"""State messages of meter readers on MQTT: Tasmota and ESPHome, and those that follow them.

    {"Time": "2026-05-04T11:39:21", "SML": {"Total_in": 4499.8962, "Power_curr": 137}}

Readers choose their own names. A name is understood if it is one of those below, in any case, with
`_`, `.` or nothing between its words; energy is in kWh. The reader has verified the meter's
checksum; the message itself has none.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from meter_bridge.formats.encoding.documents import get_text, read_json
from meter_bridge.formats.encoding.local_time import compute_unix_s
from meter_bridge.formats.encoding.registers import read_registers_wh
from meter_bridge.formats.telegram import Content, Context, Quantity, TelegramError, as_meter_id

TIME = "Time"
IDENTIFIERS = {"meternumber", "meterid", "serverid", "serial", "serialnumber"}
# Name, code, and unit.
NAMES = {
    **dict.fromkeys(("totalin", "ein", "180", "1-0:180", "energyimport"), ("1-0:1.8.0", "kWh")),
    **dict.fromkeys(("totalout", "eout", "280", "1-0:280", "energyexport"), ("1-0:2.8.0", "kWh")),
    **dict.fromkeys(("powercurr", "power", "1670"), ("1-0:16.7.0", "W")),
}  # fmt: skip
_SEPARATORS = re.compile(r"[_. ]")


def read(raw: bytes, context: Context) -> list[Content]:
    """The content of one message.

    Errors: TelegramError.
    """
    document = read_json(raw)
    if not isinstance(document, dict):
        raise TelegramError("The message is no JSON object.")
    values: dict[str, Quantity] = {}
    meter_id = ""
    for name, value in flatten(document):
        plain = _SEPARATORS.sub("", name.lower())
        if isinstance(value, Decimal) and plain in NAMES:
            code, unit = NAMES[plain]
            if code in values:
                raise TelegramError(f"The message has several names for {code}.")
            values[code] = Quantity(value, unit)
        elif isinstance(value, str) and plain in IDENTIFIERS:
            meter_id = meter_id or as_meter_id(value.strip())
    if not values:
        raise TelegramError("The message has no name of a register or of power that is known.")
    imported, exported = read_registers_wh(values)
    return [
        Content(
            meter_id=meter_id,
            time_s=read_time_s(get_text(document, TIME), context),
            import_register_wh=imported,
            export_register_wh=exported,
            values=values,
        )
    ]


def flatten(document: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and values of the object and of those in it, which Tasmota has one of per sensor."""
    found: list[tuple[str, Any]] = []
    for name, value in document.items():
        found += value.items() if isinstance(value, dict) else [(name, value)]
    return found


def read_time_s(text: str, context: Context) -> int | None:
    """UTC seconds of local time without offset, or of a time with one; None if there is none."""
    if not text:
        return None
    try:
        shown = datetime.fromisoformat(text)
    except ValueError as error:
        raise TelegramError(f"{text[:30]!r} in the message is not a time.") from error
    if shown.tzinfo is not None:
        return compute_unix_s(shown)
    return context.local_time.find_unix_s(shown, context.received_s)
