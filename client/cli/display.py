"""Messages for people (aligned text, numbers with units) and for programs (JSON).

JSON is the protobuf mapping with the field names of proto/: 64-bit numbers are strings, default
values are included, amounts are in base units. Text is for reading only; its layout may change.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.query.v1beta1.pagination_pb2 import PageResponse
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

import text_output
from client import units
from client.catalog import get_module
from client.cli.table import format_rows, format_table
from client.definitions import get_fields, get_message_type, get_short_name, get_unit, is_of_type
from client.signing.tx import unpack

# A value with its name; in a nested message, after the names of the outer fields.
_Cell = tuple[tuple[str, ...], str]
# Symbol and decimals of denominations by name; an amount of any other is shown in base units.
Denoms = Mapping[str, tuple[str, int]]
_MONEY_DIGITS_SHOWN = 2
_UNIT_SUFFIXES: dict[int, str] = {
    options.UNIT_WH: "_wh",
    options.UNIT_W: "_w",
    options.UNIT_PRICE: "_per_kwh",
    options.UNIT_S: "_s",
    options.UNIT_TIME_S: "_s",
    options.UNIT_PERMILLE: "_permille",
}


def to_dict(message: Message) -> dict[str, Any]:
    """The message in the protobuf JSON mapping."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def to_text(
    message: Message, denoms: Denoms = MappingProxyType({}), width: int | None = None
) -> str:
    """One table of the message's plain fields, and one per list of messages in it.

    `width` is that of the terminal in columns, if there is one.
    """
    cells = list(_list_cells(message, denoms))
    rows = zip(_shorten([name for name, _ in cells]), [value for _, value in cells], strict=True)
    lists = [
        field for field in get_fields(message).values() if field.is_repeated and _is_record(field)
    ]
    titled = bool(cells) or len(lists) > 1
    parts = [format_rows(rows)] if cells else []
    for field in lists:
        table = _format_list(field, getattr(message, field.name), denoms, width)
        parts.append(f"{field.name.replace('_', ' ')}:\n{table}" if titled else table)
    next_key = _get_next_key(message)
    if next_key:
        parts.append(f"More results: repeat with --page-key {base64.b64encode(next_key).decode()}")
    return "\n\n".join(parts) or "none"


def to_line(message: Message, denoms: Denoms = MappingProxyType({})) -> str:
    """The message as one line: its name, then each field with its value."""
    cells = list(_list_cells(message, denoms))
    names = _shorten([name for name, _ in cells])
    fields = [f"{name} {value}" for name, (_, value) in zip(names, cells, strict=True)]
    return f"{get_module(message.DESCRIPTOR.full_name)} {message.DESCRIPTOR.name}: " + ", ".join(
        [*fields, *_count_records(message)]
    )


def names_coins(message: Message) -> bool:
    """Whether the message holds an amount of a denomination."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Coin) or names_coins(_unpack(item)):
                return True
    return False


def to_cells(values: Mapping[str, object]) -> dict[str, str]:
    """Named values as table cells."""
    return {
        name.replace("_", " "): _format_bool(value)
        if isinstance(value, bool)
        else text_output.escape(str(value)) or "-"
        for name, value in values.items()
    }


def get_plain_name(field: FieldDescriptor) -> str:
    """The field's name without its unit, which the value shows: `quantity` for `quantity_wh`."""
    return field.name.removesuffix(_UNIT_SUFFIXES.get(get_unit(field), ""))


def format_coin(coin: Coin, denoms: Denoms) -> str:
    """`12.50 EUR` if the denomination is known, else the exact `12500000ueur`."""
    if coin.denom in denoms and coin.amount.isascii() and coin.amount.isdigit():
        symbol, decimals = denoms[coin.denom]
        amount = units.format_decimal(int(coin.amount), decimals, _MONEY_DIGITS_SHOWN)
        return text_output.escape(f"{amount} {symbol}")
    return text_output.escape(f"{coin.amount}{coin.denom}") or "-"


def _format_list(
    field: FieldDescriptor, items: Iterable[Message], denoms: Denoms, width: int | None
) -> str:
    """A list of messages as a table, one per row."""
    columns = get_message_type(field)
    header = _shorten([name for name, _ in _list_columns(columns, denoms)])
    rows = [[value for _, value in _list_columns(columns, denoms, item)] for item in items]
    return format_table(header, rows, width) if rows else "none"


def _count_records(message: Message) -> Iterator[str]:
    """How many messages its lists hold, for a line that has no room for them."""
    for field in get_fields(message).values():
        if field.is_repeated and _is_record(field):
            yield f"{len(getattr(message, field.name))} {field.name.replace('_', ' ')}"


def _shorten(names: list[tuple[str, ...]]) -> list[str]:
    """The last parts of the names; the full names if two would collide."""
    short = [name[-1] for name in names]
    return short if len(set(short)) == len(short) else [" ".join(name) for name in names]


def _list_cells(message: Message, denoms: Denoms, outer: tuple[str, ...] = ()) -> Iterator[_Cell]:
    """The plain fields of a message and of its nested messages."""
    for field in get_fields(message).values():
        name = (*outer, get_plain_name(field).replace("_", " "))
        value = getattr(message, field.name)
        if not _is_record(field):
            yield name, _format_field(field, value, denoms)
        elif not field.is_repeated and not isinstance(value, PageResponse):
            if message.HasField(field.name):
                yield from _list_cells(_unpack(value), denoms, name)
            else:
                yield name, "-"


def _list_columns(
    message_type: Descriptor,
    denoms: Denoms,
    message: Message | None = None,
    outer: tuple[str, ...] = (),
) -> Iterator[_Cell]:
    """The same columns for every message of a type; `-` if a nested message is not set."""
    for field in get_fields(message_type).values():
        name = (*outer, get_plain_name(field).replace("_", " "))
        if not _is_record(field):
            is_set = message is not None
            value = getattr(message, field.name) if is_set else None
            yield name, _format_field(field, value, denoms) if is_set else "-"
        elif not field.is_repeated:
            is_set = message is not None and message.HasField(field.name)
            inner = getattr(message, field.name) if is_set else None
            yield from _list_columns(get_message_type(field), denoms, inner, name)


def _format_field(field: FieldDescriptor, value: Any, denoms: Denoms) -> str:
    """One or more plain values as text."""
    if field.is_repeated:
        return ", ".join(_format_value(field, item, denoms) for item in value) or "-"
    return _format_value(field, value, denoms)


def _format_value(field: FieldDescriptor, value: Any, denoms: Denoms) -> str:
    if isinstance(value, Coin):
        return format_coin(value, denoms)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() or "-"
    if isinstance(value, bool):
        return _format_bool(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return get_short_name(known) if known else str(value)
    if isinstance(value, int):
        unit = get_unit(field)
        # Nothing happened in 1970: a time of 0 is one that is not set.
        is_unset = unit == options.UNIT_TIME_S and value == 0
        return "-" if is_unset else units.format_value(unit, value)
    return text_output.escape(str(value)) or "-"


def _format_bool(value: bool) -> str:
    return "yes" if value else "no"


def _unpack(message: Message) -> Message:
    return unpack(message) if isinstance(message, AnyMessage) else message


def _is_record(field: FieldDescriptor) -> bool:
    """Whether the field holds messages whose own fields are shown."""
    return field.message_type is not None and not is_of_type(field, Coin)


def _get_next_key(message: Message) -> bytes:
    pagination = getattr(message, "pagination", None)
    return pagination.next_key if isinstance(pagination, PageResponse) else b""
