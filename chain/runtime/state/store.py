"""Reading and changing state: a reader at the bottom, cache stores on top.

A cache store keeps changes to itself until they are merged into the store below, so that a rejected
transaction leaves no trace. Nothing here knows where the bottom reader keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from chain.runtime.state.sorted_keys import SortedKeys

# None is a value: a removed key.
_NOT_HERE: Any = object()


class Reader(Protocol):
    """State as of some height."""

    def get(self, key: bytes) -> bytes | None:
        """The value under a key, or None."""

    def items(
        self, start: bytes, end: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with start <= key < end, in the order of their keys."""


class MemoryStore:
    """A reader over a mapping, for tests, genesis and what-if."""

    def __init__(self, data: Mapping[bytes, bytes] | None = None) -> None:
        self.data: dict[bytes, bytes] = dict(data or {})

    def get(self, key: bytes) -> bytes | None:
        """The value under a key, or None."""
        return self.data.get(key)

    def items(
        self, start: bytes, end: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with start <= key < end, in the order of their keys."""
        for key in sorted((key for key in self.data if start <= key < end), reverse=reverse):
            yield key, self.data[key]

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Takes over the changes of a cache store."""
        for key, value in changes.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value


class CacheStore:
    """Changes on top of a reader. A value of None means that the key was removed."""

    __slots__ = ("_below", "_get_below", "_sorted_keys", "changes")

    def __init__(self, below: Reader) -> None:
        self._below = below
        self._get_below = below.get
        self._sorted_keys: SortedKeys | None = None
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value under a key as changed here, or else as it is below."""
        value = self.changes.get(key, _NOT_HERE)
        return self._get_below(key) if value is _NOT_HERE else value

    def read_ahead(self, keys: Sequence[bytes]) -> None:
        """Has the values under ascending keys made ready, which `get` will be asked for.

        It changes nothing but the time that takes. A reader that gains by it has this method too.
        """
        read_ahead: Callable[[Sequence[bytes]], None] | None
        read_ahead = getattr(self._below, "read_ahead", None)
        if read_ahead is not None:
            read_ahead(keys)

    def set(self, key: bytes, value: bytes) -> None:
        """Puts a value under a key."""
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """Removes a key; removing what is not there changes nothing."""
        self.changes[key] = None

    def items(
        self, start: bytes, end: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with start <= key < end, changes merged with what lies below.

        What is changed while the iteration runs is not seen by it.
        """
        changed = self._changed_between(start, end)
        below = self._below.items(start, end, reverse)
        if not changed:
            return below
        if reverse:
            changed.reverse()
        return self._merged(changed, below, reverse)

    def merge_into(self, below: CacheStore) -> None:
        """Hands the changes down to the cache store below."""
        below.changes.update(self.changes)

    def _changed_between(self, start: bytes, end: bytes) -> list[tuple[bytes, bytes | None]]:
        # A dict keeps insertion order and no key is ever removed, so the unsorted keys come last.
        if not self.changes:
            return []
        keys = self._sorted_keys = self._sorted_keys or SortedKeys()
        new = len(self.changes) - len(keys)
        if new:
            keys.add_all(list(islice(reversed(self.changes), new)))
        return [(key, self.changes[key]) for key in keys.between(start, end)]

    @staticmethod
    def _merged(
        changed: list[tuple[bytes, bytes | None]],
        below: Iterator[tuple[bytes, bytes]],
        reverse: bool,
    ) -> Iterator[tuple[bytes, bytes]]:
        position = 0
        for key, value in below:
            while position < len(changed) and (
                changed[position][0] > key if reverse else changed[position][0] < key
            ):
                if (new := changed[position][1]) is not None:
                    yield changed[position][0], new
                position += 1
            if position < len(changed) and changed[position][0] == key:
                if (new := changed[position][1]) is not None:
                    yield key, new
                position += 1
            else:
                yield key, value
        for key, changed_value in changed[position:]:
            if changed_value is not None:
                yield key, changed_value
