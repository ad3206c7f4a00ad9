"""What any meter's telegram comes down to, whatever protocol it was written in.

Numbers are whole watt-hours taken from the decimal text: no telegram passes through a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The longest DSMR 5 telegram, with a message of 1,024 characters, has about 3,500 bytes.
TELEGRAM_BYTES_MAX = 4096
# The form of a meter's id on the chain.
METER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METER_ID_FORM = "1 to 64 letters, digits, or one of . _ -"


class TelegramError(Exception):
    """A telegram cannot be read. The text is one sentence that says why."""


@dataclass(frozen=True)
class Telegram:
    """What a meter showed at one moment."""

    # The identifier that the meter itself reports.
    meter_id: str
    # Seconds since 1970-01-01T00:00:00Z.
    time_s: int
    # Totals since the meter was made, over all tariffs.
    import_register_wh: int
    export_register_wh: int


@dataclass(frozen=True)
class LocalTime:
    """How far a meter's clock is ahead of UTC, in winter and in summer."""

    winter_offset_s: int
    summer_offset_s: int


CENTRAL_EUROPE = LocalTime(winter_offset_s=3600, summer_offset_s=7200)


def parse_decimal_wh(kwh: str) -> int:
    """Watt-hours of a decimal text in kWh with at most three decimals, such as `000004.426`."""
    whole, _, decimals = kwh.partition(".")
    return int(whole) * 1000 + int(decimals.ljust(3, "0"))


def format_decimal_wh(quantity_wh: int) -> str:
    """The inverse of `parse_decimal_wh`, in the width of DSMR: six digits, point, three digits."""
    return f"{quantity_wh // 1000:06d}.{quantity_wh % 1000:03d}"
