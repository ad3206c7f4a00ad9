"""Numbers with units as text, and back: `parse(unit, format_value(unit, n)) == n`, always.

A text means exactly one integer in the unit of the definition: 5kWh is 5000 Wh, 0.24 is 240000
millionths per kWh. What is not exact is rejected, never rounded. Slots relative to now and names of
keys need a node or a keyring: see client.cli.values.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from blockenergy.options.v1 import options_pb2 as options

from client.errors import UsageError

UINT64_MAX = (1 << 64) - 1
# Enough for any 64-bit number with a fraction and a unit.
TEXT_MAX = 64

# Units by name, with their power of ten relative to the first, the base unit.
_PREFIXED: dict[int, dict[str, int]] = {
    options.UNIT_WH: {"Wh": 0, "kWh": 3, "MWh": 6, "GWh": 9, "TWh": 12},
    options.UNIT_W: {"W": 0, "kW": 3, "MW": 6, "GW": 9},
}
_DURATIONS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_MILLIONTHS = 6
_MONEY_DIGITS_SHOWN = 2
_MILLIONTHS_OF = {
    (options.UNIT_MONEY, ""),
    (options.UNIT_PRICE, ""),
    (options.UNIT_PRICE, "/kWh"),
}

_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?\s*([A-Za-z/%]*)", re.ASCII)

_EXAMPLES: dict[int, str] = {
    options.UNIT_WH: "5kWh, 250Wh or 1.2MWh",
    options.UNIT_W: "11kW or 500W",
    options.UNIT_MONEY: "12.5, in the settlement token",
    options.UNIT_PRICE: "0.24, in the settlement token per kWh",
    options.UNIT_SLOT: "4711, or +2 for the second slot after the one in delivery",
    options.UNIT_S: "900s, 15min or 1h",
    options.UNIT_TIME_S: "2026-10-01T12:00:00Z, or seconds since 1970",
    options.UNIT_ADDRESS: "the name of a key, or an address energy1...",
    options.UNIT_PERMILLE: "50, or 5%",
}


def get_example(unit: int) -> str:
    """An example of a value in the unit; empty for plain values."""
    return _EXAMPLES.get(unit, "")


def parse(unit: int, text: str) -> int:
    """The integer that a text means; raises UsageError with an example."""
    text = text.strip()
    if text.startswith("-"):
        raise UsageError(f"{text!r} is negative; quantities and prices are zero or more")
    try:
        number = _parse(unit, text) if len(text) <= TEXT_MAX else None
    except _TooPreciseError as error:
        raise UsageError(f"{text!r} is more precise than its unit; {error}") from None
    if number is None:
        raise UsageError(f"{text!r} is not valid; write {_EXAMPLES.get(unit, '5')}")
    if number > UINT64_MAX:
        raise UsageError(f"{text!r} is too large; the maximum is 2^64 - 1 of the base unit")
    return number


def format_value(unit: int, number: int) -> str:
    """The number as text, exact, in a form that `parse` accepts."""
    if unit in _PREFIXED:
        return _format_prefixed(_PREFIXED[unit], number)
    if unit in (options.UNIT_MONEY, options.UNIT_PRICE):
        amount = format_decimal(number, _MILLIONTHS, _MONEY_DIGITS_SHOWN)
        return f"{amount}/kWh" if unit == options.UNIT_PRICE else amount
    if unit == options.UNIT_S:
        return f"{number} s"
    if unit == options.UNIT_TIME_S:
        return _format_time(number)
    if unit == options.UNIT_PERMILLE:
        return f"{format_decimal(number, 1)}%"
    return str(number)


def parse_decimal(text: str, decimals: int) -> int | None:
    """`12.5` with 6 decimals is 12500000; None if it is not a number or not exact."""
    found = _NUMBER.fullmatch(text)
    if not found or found[3]:
        return None
    try:
        return _scale(found[1], found[2], decimals)
    except _TooPreciseError:
        return None


def format_decimal(number: int, decimals: int, digits_min: int = 0) -> str:
    """12500000 with 6 decimals is `12.5`, with at least `digits_min` digits after the point."""
    whole, fraction = divmod(number, 10**decimals)
    digits = f"{fraction:0{decimals}}".rstrip("0") if fraction else ""
    digits = digits.ljust(min(digits_min, decimals), "0")
    return f"{whole}.{digits}" if digits else str(whole)


class _TooPreciseError(ValueError):
    pass


def _parse(unit: int, text: str) -> int | None:
    if unit == options.UNIT_TIME_S:
        return _parse_time(text)
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    whole, fraction, suffix = found.groups()
    if unit in _PREFIXED:
        return _parse_prefixed(_PREFIXED[unit], whole, fraction, suffix)
    if unit == options.UNIT_S:
        seconds = _DURATIONS.get(suffix or "s")
        return None if seconds is None or fraction else int(whole) * seconds
    if unit == options.UNIT_PERMILLE and suffix == "%":
        return _scale(whole, fraction, 1)
    if (unit, suffix) in _MILLIONTHS_OF:
        return _scale(whole, fraction, _MILLIONTHS)
    return None if suffix or fraction else int(whole)


def _parse_prefixed(
    powers: dict[str, int], whole: str, fraction: str | None, suffix: str
) -> int | None:
    """A number with its unit, required except for zero: 5 could be Wh or kWh."""
    if not suffix and int(whole) == 0 and not fraction:
        return 0
    power = powers.get(suffix)
    return None if power is None else _scale(whole, fraction, power)


def _scale(whole: str, fraction: str | None, power: int) -> int:
    digits = (fraction or "").rstrip("0")
    if len(digits) > power:
        raise _TooPreciseError(f"max {power} digits after the point")
    factor: int = 10**power
    return int(whole) * factor + int(digits.ljust(power, "0") or "0")


def _format_prefixed(powers: dict[str, int], number: int) -> str:
    """The number in the largest unit that leaves a nonzero digit before the point."""
    base = next(iter(powers))
    fitting = [name for name, power in powers.items() if number >= 10**power]
    name = fitting[-1] if fitting else base
    return f"{format_decimal(number, powers[name])} {name}"


def _parse_time(text: str) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # A time without a zone is ambiguous, and the unit has whole seconds only.
    if moment.tzinfo is None or moment.microsecond or moment.timestamp() < 0:
        return None
    return round(moment.timestamp())


def _format_time(number: int) -> str:
    try:
        return datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(number)
