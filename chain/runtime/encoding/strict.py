"""Reading untrusted bytes: the canonical encoding of a message, and nothing else.

Everything is rejected that re-encodes to other bytes: unknown fields, fields given twice or out of
order, defaults that are written, and numbers written longer than necessary.

`decode_by_definition` and `read_by_definition` say what is right. Where it was built,
native/strict.c recognizes the canonical encoding in one pass; where it is unsure, the definition
decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chain.runtime.encoding import codec
from chain.runtime.encoding.codec import EncodingError, M
from chain.runtime.native import strict_functions

# Types of fields as native/strict.c numbers them. A type that is not here has no layout, nor has a
# message with a field of such a type.
_UINT64, _UINT32, _INT64, _INT32, _BOOL, _STRING, _BYTES, _MESSAGE = range(8)
_KINDS = {
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_ENUM: _INT32,
    FieldDescriptor.TYPE_BOOL: _BOOL,
    FieldDescriptor.TYPE_STRING: _STRING,
    FieldDescriptor.TYPE_BYTES: _BYTES,
    FieldDescriptor.TYPE_MESSAGE: _MESSAGE,
}


class NoLayoutError(Exception):
    """A message type that only the definition can read."""


def decode(message_type: type[M], data: bytes) -> M:
    """A message; raises EncodingError unless the bytes are its canonical encoding."""
    layout = _find_layout(cast("Any", message_type))
    if layout is None or not strict_functions.is_plain(layout, data):
        return decode_by_definition(message_type, data)
    return codec.decode(message_type, data)


def read(message_type: type[Message], data: bytes) -> tuple[Any, ...]:
    """The values of a message's fields in the order of their numbers, without a message.

    A message within is such a tuple, or None if it is not there; of a repeated field there is a
    tuple of its values. Raises EncodingError unless the bytes are the canonical encoding.
    """
    layout = _find_layout(cast("Any", message_type))
    values = None if layout is None else strict_functions.read_plain(layout, data)
    return read_by_definition(message_type, data) if values is None else values


def decode_by_definition(message_type: type[M], data: bytes) -> M:
    """As `decode`: what is written again must be the same bytes."""
    message = codec.decode_leniently(message_type, data)
    # Unknown fields would be kept and written back: only without them is the comparison telling.
    message.DiscardUnknownFields()  # type: ignore[attr-defined,unused-ignore]
    if message.SerializeToString(deterministic=True) != data:
        raise EncodingError(f"not the canonical encoding of a {message_type.DESCRIPTOR.full_name}")
    return message


def read_by_definition(message_type: type[Message], data: bytes) -> tuple[Any, ...]:
    """As `read`."""
    return _list_values(decode_by_definition(message_type, data))


def _list_values(message: Message) -> tuple[Any, ...]:
    return tuple([_get_value(message, field) for field in _sort_fields(message.DESCRIPTOR)])


def _sort_fields(descriptor: Any) -> list[FieldDescriptor]:
    return sorted(descriptor.fields, key=lambda field: int(field.number))


def _get_value(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    convert: Callable[[Any], Any] = _list_values if field.message_type else lambda item: item
    if field.is_repeated:
        return tuple([convert(item) for item in value])
    if field.has_presence and not message.HasField(field.name):
        return None
    return convert(value)


@cache
def _find_layout(message_type: Any) -> object | None:
    """How the native functions know a message type; None if they do not."""
    if strict_functions is None:
        return None
    try:
        return make_layout(strict_functions, message_type.DESCRIPTOR)
    except NoLayoutError:
        return None


def make_layout(functions: Any, descriptor: Any, outer: tuple[str, ...] = ()) -> object:
    """The layout of a message type for the functions of native/strict.c; NoLayoutError if they
    cannot read it. `outer` are the types around it.
    """
    names = (*outer, descriptor.full_name)
    entries = tuple([_make_entry(functions, field, names) for field in _sort_fields(descriptor)])
    nothing = message_factory.GetMessageClass(descriptor)()
    return functions.make_layout(entries, _list_values(nothing))


def _make_entry(functions: Any, field: FieldDescriptor, outer: tuple[str, ...]) -> tuple[Any, ...]:
    kind = _KINDS.get(field.type)
    alone = field.containing_oneof is None or len(field.containing_oneof.fields) == 1
    if kind is None or not alone:
        raise NoLayoutError
    inner = None
    if field.message_type is not None:
        if field.message_type.full_name in outer or field.message_type.GetOptions().map_entry:
            raise NoLayoutError
        inner = make_layout(functions, field.message_type, outer)
    return field.number, kind, field.is_repeated, field.has_presence, inner
