"""Ranges of a collection, bounded by keys instead of bytes.

A section has all entries of a map, or those whose keys share their first part. Its bounds are keys
of its own type, so that the type checker finds a bound of another collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from chain.runtime.encoding.keys import KeyCodec
from chain.runtime.state.store import CacheStore

K = TypeVar("K")
V = TypeVar("V")


class HasStore(Protocol):
    """Anything with a store: contexts of transactions, blocks and queries."""

    @property
    def store(self) -> CacheStore:
        """The state."""


class Section(Generic[K, V]):
    """Entries of a map whose keys have the same first part; they go by the rest of their key.

    shared: the bytes of that first part, empty for all entries of a map.
    """

    def __init__(
        self, prefix: bytes, shared: bytes, key: KeyCodec[K], decode: Callable[[bytes], V]
    ) -> None:
        self._prefix = prefix
        self._shared = shared
        self._first = prefix + shared
        self._end = successor(self._first)
        self._key = key
        self._decode = decode

    def items(
        self,
        state: HasStore,
        *,
        start: K | None = None,
        after: K | None = None,
        before: K | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[K, V]]:
        """Keys and values in order: from `start` on, or those after `after`; those `before`."""
        first, end = self._first, self._end
        if start is not None:
            first += self._key.encode(start)
        elif after is not None:
            first += self._key.encode(after) + b"\x00"
        if before is not None:
            end = self._first + self._key.encode(before)
        return self._read(state, first, end, reverse)

    def get_cursor(self, key: K) -> bytes:
        """An opaque mark at which a page ends, for `items_behind`."""
        return self._shared + self._key.encode(key)

    def is_cursor(self, cursor: bytes) -> bool:
        """Whether a mark is one of these entries', not of another section."""
        return cursor.startswith(self._shared)

    def items_behind(
        self, state: HasStore, cursor: bytes, *, start: K | None = None, reverse: bool = False
    ) -> Iterator[tuple[K, V]]:
        """As `items`, behind a mark in the direction of reading."""
        first, end = self._first, self._end
        if start is not None:
            first += self._key.encode(start)
        if reverse:
            end = self._prefix + cursor
        else:
            first = max(first, self._prefix + cursor + b"\x00")
        return self._read(state, first, end, reverse)

    def _read(
        self, state: HasStore, first: bytes, end: bytes, reverse: bool
    ) -> Iterator[tuple[K, V]]:
        cut, decode_key, decode = len(self._first), self._key.decode, self._decode
        for key, data in state.store.items(first, end, reverse):
            yield decode_key(key[cut:]), decode(data)


def successor(prefix: bytes) -> bytes:
    """The first key behind all keys that start with the prefix."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1])
