"""Number formats of the demonstration."""

from __future__ import annotations


def kwh(quantity_wh: int, digits: int = 1) -> str:
    """Wh as kWh."""
    return _format(quantity_wh / 1000, digits)


def eur(amount: int, digits: int = 2) -> str:
    """Millionths as whole tokens."""
    return _format(amount / 1_000_000, digits)


def cent(price_per_kwh: int) -> str:
    """A price per kWh in hundredths."""
    return f"{price_per_kwh / 10_000:.1f}"


def hours(hour: int) -> str:
    """The hour that a slot represents."""
    return f"{hour:02d}-{hour + 1:02d} h"


def _format(number: float, digits: int) -> str:
    # No minus sign for zero.
    return f"{round(number, digits) + 0.0:,.{digits}f}"
