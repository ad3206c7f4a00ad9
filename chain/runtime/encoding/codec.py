"""The canonical encoding of messages in state: exactly one sequence of bytes for each content.

Protobuf does not promise that two releases of its library write the same bytes, but an app hash
needs exactly that. So the encoding is defined here: protobuf wire format (any library reads it),
fields in the order of their numbers, defaults left out, repeated numbers packed, and lengths and
numbers in as few bytes as possible. Floats, maps and oneofs are not allowed.

The protobuf library, which is ten times as fast, writes the messages of a type if it writes samples
of it as defined here; otherwise they are written here. Untrusted bytes are read by strict.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)
_Writer = Callable[[Any], bytes]

_VARINT_TYPES = {
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_BOOL,
    FieldDescriptor.TYPE_ENUM,
}
# Of the largest number of a field, where it is not 64.
_BITS = {
    FieldDescriptor.TYPE_INT32: 31,
    FieldDescriptor.TYPE_UINT32: 31,
    FieldDescriptor.TYPE_INT64: 63,
}
_VARINT, _LENGTH_DELIMITED = 0, 2
_ONE_BYTE = [bytes([number]) for number in range(128)]


class EncodingError(ValueError):
    """Bytes that are not the canonical encoding of a message."""


def encode(message: Message) -> bytes:
    """The canonical bytes of a message; raises TypeError for a type that has none."""
    message_type: Any = type(message)
    return _get_writer(message_type)(message)


def encode_by_definition(message: Message) -> bytes:
    """The same, without the help of the library."""
    return b"".join([write(message) for write in _field_writers(message.DESCRIPTOR)])


def decode(message_type: type[M], data: bytes) -> M:
    """A message from bytes that this chain wrote itself."""
    message = message_type()
    message.ParseFromString(data)
    return message


def decode_leniently(message_type: type[M], data: bytes) -> M:
    """A message from untrusted bytes, in any encoding: for queries, which change nothing."""
    message = message_type()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise EncodingError(f"not a {message_type.DESCRIPTOR.full_name}") from None
    return message


def require_numbers_below(message: Message, limit: int) -> None:
    """Raises ValueError if a message, or one inside it, has a number that is not below a limit."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                require_numbers_below(item, limit)
            elif isinstance(item, int) and item >= limit:
                raise ValueError(f"{field.name}: {item} is too large")


def write_varint(number: int) -> bytes:
    """A number below 2^64 in base 128, the least significant digits first."""
    if number < 128:
        return _ONE_BYTE[number]
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


@cache
def _get_writer(message_type: type[Message]) -> _Writer:
    """How messages of a type are written; TypeError for a type without exactly one encoding."""
    if not _field_writers(message_type.DESCRIPTOR):
        return _write_nothing
    samples = make_samples(message_type)
    by_library = all(encode_by_definition(one) == _encode_by_library(one) for one in samples)
    return _encode_by_library if by_library else encode_by_definition


def _write_nothing(_: Message) -> bytes:
    return b""


def _encode_by_library(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def make_samples(message_type: type[Message]) -> list[Message]:
    """Messages of a type: with nothing, with each field alone, and with all fields at once."""
    values = {field.name: _make_values(field) for field in message_type.DESCRIPTOR.fields}
    alone = [message_type(**{name: value}) for name, options in values.items() for value in options]
    rounds = max(map(len, values.values()), default=0)
    together = [
        message_type(**{name: options[number % len(options)] for name, options in values.items()})
        for number in range(rounds)
    ]
    return [message_type(), *alone, *together]


def _make_values(field: Any) -> list[Any]:
    """Values of a field: the smallest, those around the lengths that matter, the largest."""
    options: list[Any]
    if field.message_type is not None:
        samples = make_samples(message_factory.GetMessageClass(field.message_type))
        options = [samples[0], *islice(reversed(samples), 2)]
    elif field.type == FieldDescriptor.TYPE_STRING:
        options = ["", "a", "ä" * 100]
    elif field.type == FieldDescriptor.TYPE_BYTES:
        options = [b"", b"\x00", b"\xff" * 200]
    elif field.type == FieldDescriptor.TYPE_BOOL:
        options = [False, True]
    elif field.enum_type is not None:
        options = sorted({value.number for value in field.enum_type.values})
    else:
        bits = _BITS.get(field.type, 64)
        options = [0, 1, 127, 128, 16_384, (1 << bits) - 1]
        if field.type == FieldDescriptor.TYPE_INT64:
            options = [-1, -(1 << bits), *options]
    return [[], options, [options[-1]] * 3] if field.is_repeated else options


@cache
def _field_writers(descriptor: Descriptor) -> tuple[_Writer, ...]:
    if descriptor.oneofs:
        raise TypeError(f"{descriptor.full_name}: a oneof has no canonical encoding here")
    fields = sorted(descriptor.fields, key=lambda field: field.number)
    return tuple(_field_writer(field) for field in fields)


def _field_writer(field: FieldDescriptor) -> _Writer:
    if field.type in _VARINT_TYPES:
        return _packed_writer(field) if field.is_repeated else _number_writer(field)
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    if field.type == FieldDescriptor.TYPE_MESSAGE and not is_map:
        return _messages_writer(field) if field.is_repeated else _message_writer(field)
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return _texts_writer(field) if field.is_repeated else _text_writer(field)
    raise TypeError(f"{field.full_name}: this type has no canonical encoding here")


def make_tag(message_type: type[Message], name: str) -> bytes:
    """What stands before the number of a field, or before its length and content."""
    field: Any = message_type.DESCRIPTOR.fields_by_name[name]
    return _make_tag(field)


def _make_tag(field: FieldDescriptor) -> bytes:
    is_number = field.type in _VARINT_TYPES and not field.is_repeated
    return write_varint(field.number << 3 | (_VARINT if is_number else _LENGTH_DELIMITED))


def _number_writer(field: FieldDescriptor) -> _Writer:
    name, tag = field.name, _make_tag(field)

    def write(message: Any) -> bytes:
        number = getattr(message, name)
        return tag + write_varint(number & 0xFFFFFFFFFFFFFFFF) if number else b""

    return write


def _packed_writer(field: FieldDescriptor) -> _Writer:
    name, tag = field.name, _make_tag(field)

    def write(message: Any) -> bytes:
        body = b"".join(
            [write_varint(number & 0xFFFFFFFFFFFFFFFF) for number in getattr(message, name)]
        )
        return tag + write_varint(len(body)) + body if body else b""

    return write


def _text_writer(field: FieldDescriptor) -> _Writer:
    name, tag, as_bytes = field.name, _make_tag(field), _as_bytes(field)

    def write(message: Any) -> bytes:
        value = getattr(message, name)
        if not value:
            return b""
        body = as_bytes(value)
        return tag + write_varint(len(body)) + body

    return write


def _texts_writer(field: FieldDescriptor) -> _Writer:
    name, tag, as_bytes = field.name, _make_tag(field), _as_bytes(field)

    def write(message: Any) -> bytes:
        bodies = [as_bytes(value) for value in getattr(message, name)]
        return b"".join([tag + write_varint(len(body)) + body for body in bodies])

    return write


def _message_writer(field: FieldDescriptor) -> _Writer:
    name, tag = field.name, _make_tag(field)

    def write(message: Any) -> bytes:
        if not message.HasField(name):
            return b""
        body = encode_by_definition(getattr(message, name))
        return tag + write_varint(len(body)) + body

    return write


def _messages_writer(field: FieldDescriptor) -> _Writer:
    name, tag = field.name, _make_tag(field)

    def write(message: Any) -> bytes:
        bodies = [encode_by_definition(item) for item in getattr(message, name)]
        return b"".join([tag + write_varint(len(body)) + body for body in bodies])

    return write


def _as_bytes(field: FieldDescriptor) -> Callable[[Any], bytes]:
    return str.encode if field.type == FieldDescriptor.TYPE_STRING else bytes
