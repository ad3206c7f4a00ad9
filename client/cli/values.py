"""From texts to field values: the syntax of command line options.

Numbers follow their unit, enums have short names, addresses may be key names, coins are written
`1000000ueur` or `12.5 EUR`; lists are separated by commas, messages are JSON or a file of it
(`@file.json`). Every error is a UsageError with one sentence. Rules of the chain are not checked.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from client import units
from client.definitions import get_enum_values, get_short_name, get_unit, is_of_type
from client.errors import UsageError
from client.files.bounded import read_text
from client.files.json_input import parse_json

FILE_BYTES_MAX = 16 * 1024 * 1024
COIN_EXAMPLE = "1000000ueur, or '12.5 EUR'"
_COIN = re.compile(r"(\d{1,40}(?:\.\d{1,40})?)(\s*)([A-Za-z][A-Za-z0-9/:._-]{0,127})", re.ASCII)
_RANGES = {
    FieldDescriptor.TYPE_UINT32: range(1 << 32),
    FieldDescriptor.TYPE_UINT64: range(1 << 64),
    FieldDescriptor.TYPE_INT32: range(1 << 31),
    FieldDescriptor.TYPE_INT64: range(-(1 << 63), 1 << 63),
}


@dataclass(frozen=True, slots=True)
class Lookups:
    """Look-ups that some values need, called only then."""

    # The address itself, or that of the key with this name.
    get_address: Callable[[str], str]
    # The slot in delivery now.
    get_current_slot: Callable[[], int]
    # The name and decimals of the denomination with a symbol.
    get_denom: Callable[[str], tuple[str, int]]


def set_field(message: Message, field: FieldDescriptor, text: str, lookups: Lookups) -> None:
    """Sets a field from a text."""
    if field.message_type is not None:
        _set_messages(message, field, text, lookups)
    elif field.is_repeated:
        values = [_parse_value(field, part.strip(), lookups) for part in text.split(",")]
        getattr(message, field.name).extend(values)
    else:
        setattr(message, field.name, _parse_value(field, text, lookups))


def parse_coins(text: str, lookups: Lookups) -> list[Coin]:
    """Amounts separated by commas, sorted by denomination as the chain requires."""
    coins = [parse_coin(part.strip(), lookups) for part in text.split(",")]
    return sorted(coins, key=lambda coin: coin.denom)


def parse_coin(text: str, lookups: Lookups) -> Coin:
    """`1000000ueur` is in base units; `12.5 EUR`, with a point or a space, uses the symbol."""
    found = _COIN.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is not an amount; write {COIN_EXAMPLE}")
    number, space, name = found.groups()
    if not space and "." not in number:
        return Coin(denom=name, amount=str(int(number)))
    denom, decimals = lookups.get_denom(name)
    amount = units.parse_decimal(number, decimals)
    if amount is None:
        raise UsageError(f"{text!r} has more than {decimals} decimals, the precision of {name}")
    return Coin(denom=denom, amount=str(amount))


def is_number(field: FieldDescriptor) -> bool:
    """Whether the field holds whole numbers."""
    return field.type in _RANGES


def _set_messages(message: Message, field: FieldDescriptor, text: str, lookups: Lookups) -> None:
    parsed: object
    if is_of_type(field, Coin):
        coins = parse_coins(text, lookups) if field.is_repeated else [parse_coin(text, lookups)]
        dicts = [json_format.MessageToDict(coin) for coin in coins]
        parsed = dicts if field.is_repeated else dicts[0]
    else:
        try:
            parsed = parse_json(_read_text(text))
        except ValueError as error:
            raise UsageError(f"this is not JSON: {error}") from None
    # The answer of a query that has the message under the same name.
    if isinstance(parsed, dict) and list(parsed) == [field.name]:
        parsed = parsed[field.name]
    try:
        json_format.ParseDict({field.name: parsed}, message)
    # The last two come from a "@type" that is none.
    except (json_format.ParseError, AttributeError, KeyError, RecursionError) as error:
        raise UsageError(f"this JSON does not match the field: {error}") from None
    value = getattr(message, field.name)
    for part in value if field.is_repeated else [value]:
        _resolve_addresses(part, lookups)


def _resolve_addresses(message: Message, lookups: Lookups) -> None:
    """Replaces key names in the address fields of a message, and of messages in it."""
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else [value]:
                _resolve_addresses(part, lookups)
        elif get_unit(field) == options.UNIT_ADDRESS:
            if field.is_repeated:
                value[:] = [lookups.get_address(one) for one in value]
            else:
                setattr(message, field.name, lookups.get_address(value))


def _parse_value(field: FieldDescriptor, text: str, lookups: Lookups) -> str | bytes | int:
    if field.enum_type is not None:
        return _parse_enum(field, text)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _parse_bytes(text)
    if is_number(field):
        return _parse_number(field, text, lookups)
    if get_unit(field) == options.UNIT_ADDRESS:
        return lookups.get_address(text)
    return text


def _parse_number(field: FieldDescriptor, text: str, lookups: Lookups) -> int:
    unit, least, largest = get_unit(field), _RANGES[field.type][0], _RANGES[field.type][-1]
    if unit == options.UNIT_SLOT and text.startswith("+"):
        number = units.parse(options.UNIT_NONE, text[1:]) + lookups.get_current_slot()
    elif least < 0 and text.startswith("-"):
        # A forecast of net use, for example: more may be produced than used.
        number = -units.parse(unit, text[1:])
    else:
        number = units.parse(unit, text)
    if number < least:
        raise UsageError(f"{text!r} is too small; the minimum is {least}")
    if number > largest:
        raise UsageError(f"{text!r} is too large; the maximum is {largest}")
    return number


def _parse_enum(field: FieldDescriptor, text: str) -> int:
    values = {get_short_name(value): value for value in get_enum_values(field)}
    for short_name, value in values.items():
        if text.lower() == short_name or text == value.name:
            return int(value.number)
    raise UsageError(f"{text!r} is unknown; choose from {', '.join(values)}")


def _parse_bytes(text: str) -> bytes:
    try:
        if text.startswith("0x"):
            return bytes.fromhex(text[2:])
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise UsageError(f"{text!r} is neither base64 nor hex after 0x") from None


def _read_text(text: str) -> str:
    """The text itself, or the content of the file named after an @."""
    if not text.startswith("@"):
        return text
    return read_text(Path(text[1:]), FILE_BYTES_MAX)
