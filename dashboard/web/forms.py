"""Requests from addresses and bodies, answers as JSON and as tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

import text_output
from client.cli.display import to_dict
from client.definitions import get_fields
from client.files.json_input import parse_json
from dashboard.errors import ApiError, Code

_UINT64_MAX = (1 << 64) - 1
_UINT64 = {FieldDescriptor.TYPE_UINT64}
# What a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def fill(message: Message, values: Mapping[str, str]) -> None:
    """Sets fields of a request from texts of an address; ApiError for one that it does not have."""
    fields = get_fields(message)
    for name, value in values.items():
        field = fields.get(name)
        if field is None or field.is_repeated:
            raise ApiError(Code.INVALID_REQUEST, f"there is no parameter {_cut(name)}")
        setattr(message, name, _parse(field, value))


def read_json(message: Message, body: bytes) -> None:
    """Sets fields of a request from a JSON object; ApiError for anything else."""
    try:
        json_format.ParseDict(parse_json(body), message)
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ApiError(Code.INVALID_REQUEST, _cut(str(error))) from None


def write_json(message: Message) -> bytes:
    """An answer with the names of its fields; 64-bit numbers as texts."""
    return json.dumps(to_dict(message), separators=(",", ":"), ensure_ascii=True).encode()


def write_error(codespace: str, code: int, text: str) -> bytes:
    """An error as every call writes it."""
    content = {"codespace": codespace, "code": code, "text": text_output.escape(text)}
    return json.dumps({"error": content}, separators=(",", ":")).encode()


def write_csv(message: Any) -> bytes:
    """The rows of an answer as a table: a column for each plain field, those of messages in it too.

    No text is a formula to whoever opens it.
    """
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    row_type = get_fields(message)["rows"].message_type
    writer.writerow([name for name, _ in _list_cells(row_type, None)])
    for row in message.rows:
        writer.writerow([value for _, value in _list_cells(row_type, row)])
    return output.getvalue().encode()


def _list_cells(kind: Any, row: Any) -> Iterator[tuple[str, str]]:
    """Name and text of each field of a row; empty texts for a message that is not there."""
    for field in get_fields(kind).values():
        if field.message_type is not None:
            inner = (
                getattr(row, field.name) if row is not None and row.HasField(field.name) else None
            )
            yield from _list_cells(field.message_type, inner)
        elif row is None:
            yield field.name, ""
        else:
            yield field.name, _write_cell(field, getattr(row, field.name))


def _write_cell(field: FieldDescriptor, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if isinstance(value, str):
        text = text_output.escape(value)
        return f"'{text}" if value.startswith(_FORMULA) else text
    return str(value)


def _parse(field: FieldDescriptor, text: str) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    if field.enum_type is not None and text in field.enum_type.values_by_name:
        return field.enum_type.values_by_name[text].number
    is_number = text.isascii() and text.isdecimal() and len(text) <= 20
    if field.type in _UINT64 and is_number and int(text) <= _UINT64_MAX:
        return int(text)
    raise ApiError(Code.INVALID_REQUEST, f"{field.name} cannot be {_cut(text)!r}")


def _cut(text: str) -> str:
    return text_output.escape(text[:100])
