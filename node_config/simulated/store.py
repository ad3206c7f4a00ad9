"""A reader whose keys stay sorted, so that thousands of blocks in memory stay quick."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping


class SortedStore:
    """State in memory; takes changes and answers ranges without sorting anew."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """The value under a key, or None."""
        return self.data.get(key)

    def items(
        self, start: bytes, end: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with start <= key < end, in the order of their keys."""
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]
        for key in reversed(keys) if reverse else keys:
            yield key, self.data[key]

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Makes the changes of a block; None removes a key."""
        for key, value in changes.items():
            if value is None:
                if self.data.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self.data:
                    insort(self._keys, key)
                self.data[key] = value
