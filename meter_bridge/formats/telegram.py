"""What every meter format is parsed into.

Energy is in whole watt-hours, taken from decimal text: no value passes through a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The longest DSMR 5 telegram, with a message of 1,024 characters, has about 3,500 bytes.
TELEGRAM_BYTES_MAX = 4096
# The syntax of a meter id on the chain.
METER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METER_ID_FORM = "1 to 64 letters, digits, or one of . _ -"


class TelegramError(Exception):
    """A telegram cannot be parsed. The text is one sentence that says why."""


@dataclass(frozen=True)
class Telegram:
    """A meter's registers at one moment."""

    # The identifier that the meter itself reports.
    meter_id: str
    # Seconds since 1970-01-01T00:00:00Z.
    time_s: int
    # Lifetime totals over all tariffs.
    import_register_wh: int
    export_register_wh: int


def parse_decimal_wh(kwh: str) -> int:
    """Watt-hours of a decimal text in kWh with up to three decimals, such as `000004.426`."""
    whole, _, decimals = kwh.partition(".")
    return int(whole) * 1000 + int(decimals.ljust(3, "0"))
