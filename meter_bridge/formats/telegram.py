"""What every meter format is parsed into.

A format gives `Content`: all that a telegram says, which may lack a clock or a register. A reading
is made of a `Telegram`, which has both. Energy is in whole watt-hours, and numbers are integers or
decimals: no value passes through a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE, LocalTime

# The longest DSMR 5 telegram, with a message of 1,024 characters, has about 3,500 bytes; a history
# of thirteen months adds some 700 to 3,000.
TELEGRAM_BYTES_MAX = 8192
# Files of intervals, such as a year of quarter hours, are larger.
DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
# The syntax of a meter id on the chain.
METER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# From a unit to watt-hours.
DECIMAL_PLACES = {"wh": 0, "kwh": 3, "mwh": 6}
# What a register or a measured value may look like.
AMOUNT = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,12})?", re.ASCII)
AMOUNT_MAX = 1 << 64
EXPONENT_MAX = 12
# The largest register on the chain.
REGISTER_WH_MAX = (1 << 63) - 1
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


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, as the telegram has it."""

    amount: Decimal
    # Empty if there is none.
    unit: str = ""


@dataclass(frozen=True)
class Interval:
    """Energy of a stretch of time, from a format that carries no register."""

    start_s: int
    length_s: int
    energy_wh: int
    is_export: bool = False
    # The sender's own quality code; empty if there is none.
    quality: str = ""


@dataclass(frozen=True)
class Content:
    """All that one telegram says of one meter."""

    # The identifier that the meter itself reports; empty if it reports none.
    meter_id: str = ""
    # Seconds since 1970-01-01T00:00:00Z; None if the telegram has no clock.
    time_s: int | None = None
    # Lifetime totals over all tariffs; None if the telegram has no such register.
    import_register_wh: int | None = None
    export_register_wh: int | None = None
    # By OBIS code, or by the format's own name for it.
    values: Mapping[str, Quantity] = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    # What was verified, such as CRC-16/ARC; empty if the format protects nothing.
    checks: tuple[str, ...] = ()
    # Of an encrypted or signed telegram: the number that rises with each; None if there is none.
    counter: int | None = None
    # The key under which the counter rises, if the telegram has brought it: a digest of it.
    key_id: str = ""


@dataclass(frozen=True)
class Secrets:
    """What a gateway has to know to open or verify the telegrams of a meter; empty: nothing."""

    encryption_key: bytes = field(default=b"", repr=False)
    authentication_key: bytes = field(default=b"", repr=False)
    # Of the key that signs telegrams: DER, PEM, or a point.
    public_key: bytes = b""
    # Opens keys that come with a telegram.
    master_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Context:
    """What is known of a meter apart from its telegram."""

    local_time: LocalTime = CENTRAL_EUROPE
    secrets: Secrets = field(default_factory=Secrets)
    # When the telegram arrived, to tell the two hours apart that have one name in autumn.
    received_s: int | None = None
    # The OBIS code that a value without a name stands for.
    obis: str = ""
    # The meter that is meant, where telegrams of others arrive too that only their keys open.
    only: str = ""


def complete(content: Content, received_s: int | None = None) -> Telegram:
    """What a reading can be made of; `received_s` stands in for a clock that the telegram lacks.

    Errors: TelegramError.
    """
    time_s = content.time_s if content.time_s is not None else received_s
    if time_s is None:
        raise TelegramError(
            "The telegram has no clock, so its slot is unknown; it needs a gateway that knows when "
            "it arrived."
        )
    if content.import_register_wh is None:
        raise TelegramError("The telegram has no import register.")
    return Telegram(
        content.meter_id, time_s, content.import_register_wh, content.export_register_wh or 0
    )


def parse_decimal_wh(quantity: str, unit: str = "kWh") -> int:
    """Full watt-hours of a decimal text such as `000004.426`, in Wh, kWh or MWh of either case."""
    places = DECIMAL_PLACES[unit.lower()]
    whole, _, decimals = quantity.partition(".")
    return int(whole + decimals.ljust(places, "0")[:places])


def parse_amount(text: str) -> Decimal:
    """The decimal of a text such as `-012.50`.

    Errors: TelegramError.
    """
    if AMOUNT.fullmatch(text) is None:
        raise TelegramError(f"{text[:30]!r} in the telegram is not a number.")
    return Decimal(text)


def scale(value: int, exponent: int) -> Decimal:
    """Exactly value * 10^exponent.

    Errors: TelegramError for an exponent that no meter has.
    """
    if abs(exponent) > EXPONENT_MAX or abs(value) > AMOUNT_MAX:
        raise TelegramError(f"The telegram has a number of impossible size, times 10^{exponent}.")
    return Decimal(value).scaleb(exponent)


def to_wh(quantity: Quantity) -> int:
    """Full watt-hours of an energy register.

    Errors: TelegramError if it is none, or no register can show it.
    """
    places = DECIMAL_PLACES.get(quantity.unit.lower())
    if places is None:
        raise TelegramError(f"The register has the unit {quantity.unit[:20]!r} instead of kWh.")
    wh = int(quantity.amount.scaleb(places))
    if not 0 <= wh <= REGISTER_WH_MAX:
        raise TelegramError(f"The register shows {quantity.amount} {quantity.unit}.")
    return wh


def require_bytes(raw: bytes, most: int) -> None:
    """Errors: TelegramError if a telegram is longer than its format ever is."""
    if len(raw) > most:
        raise TelegramError(f"The telegram has {len(raw)} bytes; the maximum is {most}.")


def decode_text(raw: bytes) -> str:
    """UTF-8 without NUL.

    Errors: TelegramError.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TelegramError("The telegram is not text in UTF-8.") from error
    if "\0" in text:
        raise TelegramError("The telegram contains zero bytes.")
    return text


def as_meter_id(text: str) -> str:
    """A text if it can be a meter id on the chain, else nothing."""
    return text if METER_ID.fullmatch(text) else ""
