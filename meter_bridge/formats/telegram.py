"""What every meter format is parsed into.

Energy is in whole watt-hours, taken from decimal text: no value passes through a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The longest DSMR 5 telegram, with a message of 1,024 characters, has about 3,500 bytes; a history
# of thirteen months adds some 700 to 3,000.
TELEGRAM_BYTES_MAX = 8192
# The syntax of a meter id on the chain.
METER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# From a unit to watt-hours.
DECIMAL_PLACES = {"wh": 0, "kwh": 3, "mwh": 6}
METER_ID_FORM = "1 to 64 letters, digits, or one of . _ -"


class TelegramError(Exception):
    """A telegram cannot be parsed. The text is one sentence that says why."""


@dataclass(frozen=True)
class Telegram:
    """A meter's registers at one moment."""

    # The identifier that the meter itself reports; empty if it reports none.
    meter_id: str
    # Seconds since 1970-01-01T00:00:00Z.
    time_s: int
    # Lifetime totals over all tariffs.
    import_register_wh: int
    export_register_wh: int


def parse_decimal_wh(quantity: str, unit: str = "kWh") -> int:
    """Full watt-hours of a decimal text such as `000004.426`, in Wh, kWh or MWh of either case."""
    places = DECIMAL_PLACES[unit.lower()]
    whole, _, decimals = quantity.partition(".")
    return int(whole + decimals.ljust(places, "0")[:places])
