"""Protobuf at the level of its bytes: valid encodings, and the canonical one.

`mutate` turns a message into one that is nearly right: fields twice, in another order, unknown,
cut off, with numbers longer than necessary or with another wire type, at any depth. It knows no
definitions: what lies inside a field is taken for a message if it can be read as one.
`encode_canonically` is written from the wire format's description and shares nothing with the
chain's own codec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

VARINT, FIXED64, LENGTH_DELIMITED, GROUP, END_GROUP, FIXED32 = range(6)
DEPTH_MAX = 8
NUMBERS = (
    0, 1, 2, 127, 128, 255, 256, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, (1 << 53) + 1,
    (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
)  # fmt: skip
TEXTS = (
    b"", b"\x00", b"0", b"-1", b"00", b"1e9", b"9223372036854775807", b"9223372036854775808",
    b"18446744073709551616", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", "٣".encode(), "é".encode(),
    b"a" * 64, b"a" * 65, b"a" * 255, b"a" * 256, b"a" * 3000, b" ", b"\n", b"{}", b"%s%n",
    b"energy1", b"/", b"/cosmos.bank.v1beta1.MsgSend",
)  # fmt: skip
_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_TEXT_TYPES = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_VARINT_TYPES = (
    FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM,
)  # fmt: skip


class Field(NamedTuple):
    """Where one field stands: tag from `start`, value from `value` (behind its length) to `end`."""

    number: int
    wire_type: int
    start: int
    value: int
    end: int


def encode_canonically(message: Message) -> bytes:
    """The one encoding: fields by number, no defaults, packed numbers, everything shortest."""
    return b"".join(_encode_field(field, value) for field, value in message.ListFields())


def _encode_field(field: FieldDescriptor, value: Any) -> bytes:
    if field.type in _VARINT_TYPES:
        if field.is_repeated:
            return delimit(field.number, b"".join(map(write_varint, value)))
        return write_tag(field.number, VARINT) + write_varint(value)
    values = value if field.is_repeated else [value]
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        bodies = [encode_canonically(item) for item in values]
    else:
        assert field.type in _TEXT_TYPES, field.full_name
        bodies = [item.encode() if isinstance(item, str) else item for item in values]
    return b"".join(delimit(field.number, body) for body in bodies)


def delimit(number: int, body: bytes) -> bytes:
    """A field of bytes, a text or a message."""
    return write_tag(number, LENGTH_DELIMITED) + write_varint(len(body)) + body


def write_tag(number: int, wire_type: int) -> bytes:
    """What stands before a field."""
    return write_varint(number << 3 | wire_type)


def write_varint(number: int, extra: int = 0) -> bytes:
    """A number in base 128; `extra` bytes longer than necessary."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    if extra:
        out[-1] |= 128
        out += b"\x80" * (extra - 1) + b"\x00"
    return bytes(out)


def read_varint(data: bytes, position: int) -> tuple[int, int] | None:
    """A number and the position behind it; None if there is none."""
    number = shift = 0
    for index in range(position, min(position + 10, len(data))):
        byte = data[index]
        number |= (byte & 127) << shift
        if byte < 128:
            return number, index + 1
        shift += 7
    return None


def read_fields(data: bytes) -> list[Field] | None:
    """The fields of a message, or None if the bytes are none."""
    fields, position = [], 0
    while position < len(data):
        start = position
        tag = read_varint(data, position)
        if tag is None or tag[0] < 8:
            return None
        number, wire_type = tag[0] >> 3, tag[0] & 7
        value = position = tag[1]
        if wire_type == VARINT:
            found = read_varint(data, position)
            if found is None:
                return None
            position = found[1]
        elif wire_type == LENGTH_DELIMITED:
            found = read_varint(data, position)
            if found is None:
                return None
            value = found[1]
            position = value + found[0]
        elif wire_type in _FIXED_BYTES:
            position += _FIXED_BYTES[wire_type]
        else:
            return None
        if position > len(data):
            return None
        fields.append(Field(number, wire_type, start, value, position))
    return fields


def mutate(data: bytes, random: Random, tokens: Sequence[bytes] = (), depth: int = 0) -> bytes:
    """The bytes with one thing changed. `tokens` are texts that may stand in place of others."""
    fields = read_fields(data)
    if not fields or random.random() < 0.05:
        return mutate_bytes(data, random, tokens)
    place = int(random.random() * len(fields))
    field = fields[place]
    body = data[field.value : field.end]
    if field.wire_type == LENGTH_DELIMITED and depth < DEPTH_MAX and random.random() < 0.75:
        # Down into the field, with its length put right, so that what is inside is looked at.
        changed = mutate(body, random, tokens, depth + 1)
        return data[: field.start] + delimit(field.number, changed) + data[field.end :]
    change = _CHANGES[int(random.random() * len(_CHANGES))]
    return change(data, field, fields, random, tokens)


def mutate_bytes(data: bytes, random: Random, tokens: Sequence[bytes] = ()) -> bytes:
    """The bytes with something changed without regard to what they mean."""
    kind = int(random.random() * 8)
    place = int(random.random() * (len(data) + 1))
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + bytes([random.getrandbits(8)]) + data[place:]
    if kind == 2:
        return data[:place] + random.randbytes(random.randrange(1, 9)) + data[place + 1 :]
    if kind == 3:
        return random.choice(TEXTS)
    if kind == 4 and tokens:
        return random.choice(tokens)
    if kind == 5:
        return data[:place] + data[place + random.randrange(1, 9) :]
    if kind == 6:
        return data[:place] + data[max(0, place - random.randrange(1, 40)) :]
    if place >= len(data):
        return data + b"\x00"
    flipped = data[place] ^ 1 << random.randrange(8)
    return data[:place] + bytes([flipped]) + data[place + 1 :]


_Change = Callable[[bytes, Field, list[Field], Random, Sequence[bytes]], bytes]


def _duplicate(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    other = random.choice(fields)
    return data[: other.start] + data[field.start : field.end] + data[other.start :]


def _drop(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    return data[: field.start] + data[field.end :]


def _reorder(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    pieces = [data[each.start : each.end] for each in fields]
    random.shuffle(pieces)
    return b"".join(pieces)


def _add_unknown(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    number = random.choice((0, 15, 16, 999, 2047, 19_000, (1 << 29) - 1, 1 << 29, (1 << 61) - 1))
    wire_type = random.randrange(8)
    content = {
        VARINT: write_varint(random.choice(NUMBERS)), FIXED64: bytes(8), LENGTH_DELIMITED: b"\x01a",
        GROUP: write_tag(number, END_GROUP), FIXED32: bytes(4),
    }.get(wire_type, b"")  # fmt: skip
    place = random.choice((field.start, field.end, len(data)))
    return data[:place] + write_tag(number, wire_type) + content + data[place:]


def _lengthen(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    """A tag, a length or a number in more bytes than it needs, up to more than any may have."""
    extra = random.choice((1, 1, 2, 5, 8, 9, 10, 20))
    body = data[field.value : field.end]
    tag = field.number << 3 | field.wire_type
    which = random.randrange(2)
    written = write_varint(tag, extra if which == 0 else 0)
    if field.wire_type == LENGTH_DELIMITED:
        written += write_varint(len(body), extra if which == 1 else 0) + body
    elif field.wire_type == VARINT and which == 1:
        found = read_varint(body, 0)
        written += write_varint(found[0] if found else 0, extra)
    else:
        written += body
    return data[: field.start] + written + data[field.end :]


def _retype(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    tag = write_tag(field.number, random.randrange(8))
    return data[: field.start] + tag + data[field.value : field.end] + data[field.end :]


def _renumber(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    tag = write_tag(random.randrange(1, 20), field.wire_type)
    behind_tag = len(write_tag(field.number, field.wire_type))
    return data[: field.start] + tag + data[field.start + behind_tag :]


def _wrong_length(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    if field.wire_type != LENGTH_DELIMITED:
        return data[: field.end - 1] + data[field.end :]
    length = field.end - field.value
    wrong = random.choice((length + 1, max(0, length - 1), 0, *NUMBERS))
    tag = write_tag(field.number, LENGTH_DELIMITED)
    return data[: field.start] + tag + write_varint(wrong) + data[field.value :]


def _new_value(
    data: bytes, field: Field, fields: list[Field], random: Random, tokens: Sequence[bytes]
) -> bytes:
    if field.wire_type == VARINT:
        found = read_varint(data, field.value)
        near = found[0] if found else 0
        number = random.choice((near + 1, max(0, near - 1), near * 2, *NUMBERS))
        written = write_tag(field.number, VARINT) + write_varint(number)
    elif field.wire_type == LENGTH_DELIMITED:
        choices = tokens if tokens and random.random() < 0.5 else TEXTS
        written = delimit(field.number, random.choice(choices))
    else:
        written = write_tag(field.number, field.wire_type)
        written += random.randbytes(field.end - field.value)
    return data[: field.start] + written + data[field.end :]


def _nest(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    """The field inside itself, so deep that a reader without a limit would not come back."""
    body = data[field.start : field.end]
    for _ in range(random.choice((1, 2, 20, 99, 100, 101, 150))):
        body = delimit(field.number, body)
    return data[: field.start] + body + data[field.end :]


def _nest_groups(data: bytes, field: Field, fields: list[Field], random: Random, _: Any) -> bytes:
    depth = random.choice((1, 99, 101, 1000))
    start, end = write_tag(field.number, GROUP), write_tag(field.number, END_GROUP)
    return data[: field.start] + start * depth + end * random.choice((0, depth)) + data[field.end :]


_CHANGES: tuple[_Change, ...] = (
    _duplicate, _drop, _reorder, _add_unknown, _lengthen, _retype, _renumber, _wrong_length,
    _new_value, _new_value, _new_value, _nest, _nest_groups,
)  # fmt: skip
