"""Values that have meaning on the street: what a good message has, and what lies at the edges.

A pool knows the values that fields of one name had in good messages and in state, so that a field
called `slot` gets slots and a field called `owner` addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_EDGES = (
    0, 1, 2, 3, 127, 128, 999, 1000, 1001, 10**6, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
    (1 << 53) + 1, 10**18, (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
)  # fmt: skip
_TEXTS = (
    "", "0", "1", "-1", "+1", "00", "01", "1.0", "1e9", " 1", "٣", "\uff11", "²", "9" * 18,
    "9" * 19, "9" * 20, "9223372036854775807", "9223372036854775808", "18446744073709551616", "é",
    "\U0001f50c", "a", "A" * 64, "a" * 65, "a" * 255, "a" * 256, "x" * 3000, "energy1",
    "energy1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq0cq5h", "\x00", "../x", "%s", "{0}", "ueur ", "\n",
)  # fmt: skip
_BYTES = (
    b"", b"\x00", b"\xff", bytes(20), bytes(31), bytes(32), bytes(33), b"\xff" * 32, b"\x02" * 33,
    b"\xff" * 33, bytes(64), bytes(65), b"\xff" * 64, b"\xff" * 300,
)  # fmt: skip
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_BOOL: (0, 1),
}
_KEPT_PER_NAME = 200


class Pools:
    """Values by the name of their field."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, int], list[Any]] = {}

    def learn(self, message: Message) -> None:
        """Remembers the values of a message, and of those inside it."""
        for field, value in message.ListFields():
            for item in value if field.is_repeated else [value]:
                if field.type == FieldDescriptor.TYPE_MESSAGE:
                    self.learn(item)
                else:
                    self._remember(field, item)

    def tokens(self) -> list[bytes]:
        """All texts that were learned, as bytes."""
        texts = {value for values in self._values.values() for value in values}
        found = {
            t.encode() if isinstance(t, str) else t for t in texts if isinstance(t, str | bytes)
        }
        return sorted(found)

    def choose(self, field: FieldDescriptor, random: Random) -> Any:
        """A value for a field: two times in three one that such a field had before."""
        known = self._values.get(_key(field))
        if known and random.random() < 0.67:
            return random.choice(known)
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return random.choice(_BYTES if field.type == FieldDescriptor.TYPE_BYTES else _TEXTS)
        low, high = _BITS[field.cpp_type]
        near = random.choice(known) + random.choice((-1, 1)) if known else 0
        edge = random.choice((*_EDGES, near, near, -1))
        return min(max(edge, low), high)

    def _remember(self, field: FieldDescriptor, value: Any) -> None:
        values = self._values.setdefault(_key(field), [])
        if value not in values and len(values) < _KEPT_PER_NAME:
            values.append(value)


def _key(field: FieldDescriptor) -> tuple[str, int]:
    return field.name, field.cpp_type * 32 + (field.type == FieldDescriptor.TYPE_BYTES)


def fill(message: Message, pools: Pools, random: Random, depth: int = 0) -> None:
    """Gives most fields a value."""
    fields: Sequence[Any] = message.DESCRIPTOR.fields
    for field in fields:
        if random.random() < 0.9:
            for _ in range(random.choice((0, 1, 1, 2, 3)) if field.is_repeated else 1):
                _put(message, field, pools, random, depth)


def vary(message: Message, pools: Pools, random: Random) -> None:
    """Changes one field, at any depth."""
    fields: Sequence[Any] = message.DESCRIPTOR.fields
    if not fields:
        return
    field = random.choice(fields)
    if field.type == FieldDescriptor.TYPE_MESSAGE and random.random() < 0.7:
        inner = _inner_messages(message, field)
        if inner:
            vary(random.choice(inner), pools, random)
            return
    if field.is_repeated and random.random() < 0.5:
        _vary_list(message, field, random)
    elif random.random() < 0.1:
        message.ClearField(field.name)
    else:
        _put(message, field, pools, random, 0)


def _inner_messages(message: Message, field: FieldDescriptor) -> list[Message]:
    if field.is_repeated:
        return list(getattr(message, field.name))
    return [getattr(message, field.name)] if message.HasField(field.name) else []


def _vary_list(message: Message, field: FieldDescriptor, random: Random) -> None:
    """Removes, repeats or turns around the entries of a list."""
    items = list(getattr(message, field.name))
    if not items:
        return
    changed: Iterable[Any] = random.choice(
        (items[:-1], items[1:], items[::-1], [*items, items[0]], items * 3, items[:1] * 20)
    )
    copies = [_copy(item) for item in changed]
    message.ClearField(field.name)
    getattr(message, field.name).extend(copies)


def _copy(item: Any) -> Any:
    if not isinstance(item, Message):
        return item
    copy = type(item)()
    copy.CopyFrom(item)
    return copy


def _put(
    message: Message, field: FieldDescriptor, pools: Pools, random: Random, depth: int
) -> None:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        if depth < 3:
            inner = getattr(message, field.name)
            inner = inner.add() if field.is_repeated else inner
            inner.SetInParent()
            fill(inner, pools, random, depth + 1)
    elif field.is_repeated:
        getattr(message, field.name).append(pools.choose(field, random))
    else:
        setattr(message, field.name, pools.choose(field, random))
