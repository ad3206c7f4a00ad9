"""Messages for people (aligned text, numbers with units) and for programs (JSON).

JSON is the protobuf mapping with the field names of proto/: 64-bit numbers are strings, default
values are included. Text is for reading only; its layout may change.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.query.v1beta1.pagination_pb2 import PageResponse
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from client import units
from client.definitions import get_fields, get_message_type, get_short_name, get_unit, is_of_type
from client.tx import unpack

# A value with its name; in a nested message, after the names of the outer fields.
_Cell = tuple[tuple[str, ...], str]
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


def to_json(content: object) -> str:
    """Indented JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False)


def to_text(message: Message) -> str:
    """One table of the message's plain fields, and one per list of messages in it."""
    cells = list(_list_cells(message))
    rows = zip(_shorten([name for name, _ in cells]), [value for _, value in cells], strict=True)
    lists = [
        field for field in get_fields(message).values() if field.is_repeated and _is_record(field)
    ]
    titled = bool(cells) or len(lists) > 1
    parts = [format_rows(rows)] if cells else []
    parts += [_format_list(field, getattr(message, field.name), titled=titled) for field in lists]
    next_key = _get_next_key(message)
    if next_key:
        parts.append(f"More results: repeat with --page-key {base64.b64encode(next_key).decode()}")
    return "\n\n".join(parts) or "none"


def to_cells(values: Mapping[str, object]) -> dict[str, str]:
    """Named values as table cells."""
    return {
        name.replace("_", " "): _format_bool(value)
        if isinstance(value, bool)
        else str(value) or "-"
        for name, value in values.items()
    }


def to_printable(text: str) -> str:
    """Untrusted text with terminal control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def get_plain_name(field: FieldDescriptor) -> str:
    """The field's name without its unit, which the value shows: `quantity` for `quantity_wh`."""
    return field.name.removesuffix(_UNIT_SUFFIXES.get(get_unit(field), ""))


def format_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values in two aligned columns."""
    return format_table((), rows)


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns under a header, unless that is empty."""
    lines = [*([header] if header else []), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _format_list(field: FieldDescriptor, items: Iterable[Message], *, titled: bool) -> str:
    """A list of messages as a table, one per row."""
    header = _shorten([name for name, _ in _list_columns(get_message_type(field))])
    rows = [[value for _, value in _list_columns(get_message_type(field), item)] for item in items]
    table = format_table(header, rows) if rows else "none"
    return f"{field.name.replace('_', ' ')}:\n{table}" if titled else table


def _shorten(names: list[tuple[str, ...]]) -> list[str]:
    """The last parts of the names; the full names if two would collide."""
    short = [name[-1] for name in names]
    return short if len(set(short)) == len(short) else [" ".join(name) for name in names]


def _list_cells(message: Message, outer: tuple[str, ...] = ()) -> Iterator[_Cell]:
    """The plain fields of a message and of its nested messages."""
    for field in get_fields(message).values():
        name = (*outer, get_plain_name(field).replace("_", " "))
        value = getattr(message, field.name)
        if not _is_record(field):
            yield name, format_field(field, value)
        elif not field.is_repeated and not isinstance(value, PageResponse):
            inner = unpack(value) if isinstance(value, AnyMessage) else value
            if message.HasField(field.name):
                yield from _list_cells(inner, name)
            else:
                yield name, "-"


def _list_columns(
    message_type: Descriptor, message: Message | None = None, outer: tuple[str, ...] = ()
) -> Iterator[_Cell]:
    """The same columns for every message of a type; `-` if a nested message is not set."""
    for field in get_fields(message_type).values():
        name = (*outer, get_plain_name(field).replace("_", " "))
        if not _is_record(field):
            is_set = message is not None
            yield name, format_field(field, getattr(message, field.name)) if is_set else "-"
        elif not field.is_repeated:
            is_set = message is not None and message.HasField(field.name)
            inner = getattr(message, field.name) if is_set else None
            yield from _list_columns(get_message_type(field), inner, name)


def format_field(field: FieldDescriptor, value: Any) -> str:
    """One or more plain values as text."""
    if field.is_repeated:
        return ", ".join(_format_value(field, item) for item in value) or "-"
    return _format_value(field, value)


def _format_value(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, Coin):
        return f"{value.amount}{value.denom}" or "-"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() or "-"
    if isinstance(value, bool):
        return _format_bool(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return get_short_name(known) if known else str(value)
    if isinstance(value, int):
        return units.format_value(get_unit(field), value)
    return to_printable(str(value)) or "-"


def _format_bool(value: bool) -> str:
    return "yes" if value else "no"


def _is_record(field: FieldDescriptor) -> bool:
    """Whether the field holds messages whose own fields are shown."""
    return field.message_type is not None and not is_of_type(field, Coin)


def _get_next_key(message: Message) -> bytes:
    pagination = getattr(message, "pagination", None)
    return pagination.next_key if isinstance(pagination, PageResponse) else b""
