"""Messages as the JSON that gRPC-gateway writes, and from JSON and from the query of an address.

Fields have the names of the definitions, all of them are written, a message that is not there as
null, 64-bit numbers as strings. What is read may have either spelling of a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from client.definitions import get_fields, get_message_class
from client.files.json_input import parse_json
from gateway.errors import GatewayError, Status

_WELL_KNOWN = "google.protobuf."
_ANY = AnyMessage.DESCRIPTOR.full_name


def write(message: Message) -> bytes:
    """A message as JSON; raises GatewayError if it holds one of a type that nobody knows."""
    try:
        content = json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    except (TypeError, DecodeError, ValueError) as error:
        raise GatewayError(Status.UNKNOWN, f"this cannot be written as JSON: {error}") from error
    _add_absent(message, content)
    return json.dumps(content, separators=(",", ":")).encode()


def read(message: Message, body: bytes) -> None:
    """Fills a message from JSON; raises GatewayError."""
    try:
        json_format.ParseDict(parse_json(body or b"{}"), message)
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise GatewayError(Status.INVALID_ARGUMENT, str(error)[:300]) from None


def fill(message: Message, pairs: Iterable[tuple[str, str]]) -> None:
    """Sets fields from a query such as `pagination.limit=5`; an unknown name is passed over.

    Raises GatewayError for a value that does not fit.
    """
    for name, text in pairs:
        target: Any = message
        *outer, last = name.split(".")
        for part in outer:
            field = _find_field(target, part)
            if field is None or field.message_type is None or field.is_repeated:
                target = None
                break
            target = getattr(target, field.name)
        found = None if target is None else _find_field(target, last)
        if found is not None and found.message_type is None:
            _set(target, found, text)


def _find_field(message: Message, name: str) -> FieldDescriptor | None:
    fields = get_fields(message)
    camel_case = (field for field in fields.values() if field.json_name == name)
    return fields.get(name) or next(camel_case, None)


def _set(message: Message, field: FieldDescriptor, text: str) -> None:
    value: Any = text
    if field.type == FieldDescriptor.TYPE_BOOL:
        value = {"true": True, "false": False}.get(text, text)
    elif field.enum_type is not None and text.isdecimal():
        value = int(text)
    content = {field.name: [value] if field.is_repeated else value}
    try:
        # Into a message of its own: a list there is replaced, not added to.
        parsed = json_format.ParseDict(content, type(message)())
    except (json_format.ParseError, ValueError) as error:
        raise GatewayError(Status.INVALID_ARGUMENT, f"{field.name}: {error}"[:300]) from None
    message.MergeFrom(parsed)


def _add_absent(message: Message, content: Any) -> None:
    """Writes null for messages that are not there, in this one and all within it."""
    for field in message.DESCRIPTOR.fields:
        inner: Any = field.message_type
        if inner is None or field.containing_oneof is not None:
            continue
        if field.is_repeated:
            items = zip(getattr(message, field.name), content.get(field.name, ()), strict=True)
            for item, written in items:
                _add_absent_within(item, written)
        elif not message.HasField(field.name):
            content[field.name] = None
        else:
            _add_absent_within(getattr(message, field.name), content[field.name])


def _add_absent_within(message: Message, content: Any) -> None:
    name = message.DESCRIPTOR.full_name
    if name == _ANY:
        packed: Any = message
        inner = get_message_class(packed.type_url.rpartition("/")[2])
        if inner is not None:
            _add_absent(inner.FromString(packed.value), content)
    elif not name.startswith(_WELL_KNOWN):
        _add_absent(message, content)
