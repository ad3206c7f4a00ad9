"""A sorted set of keys that only grows.

Promises that adding a key costs about the same at any size: the keys lie in chunks of bounded size,
and an insertion moves the keys of one chunk only.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection

# A split leaves halves: small enough to move quickly, large enough to keep the list short.
CHUNK_MAX = 1024


class SortedKeys:
    """A growing set of keys; each key is added once. `chunk_max`: keys of a chunk, 2 or more."""

    __slots__ = ("_chunk_max", "_chunks", "_count", "_last")

    def __init__(self, chunk_max: int = CHUNK_MAX) -> None:
        self._chunk_max = chunk_max
        self._chunks: list[list[bytes]] = []
        # The last key of each chunk.
        self._last: list[bytes] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add_all(self, keys: Collection[bytes]) -> None:
        """Adds keys that are all new."""
        # Beyond this share, sorting everything again is cheaper than inserting one by one.
        if 4 * len(keys) > self._count:
            self._arrange(sorted([*self.between(b"", None), *keys]))
        else:
            for key in keys:
                self._add(key)

    def between(self, start: bytes, end: bytes | None) -> list[bytes]:
        """The keys with start <= key < end in order; without an end, all from start on."""
        found: list[bytes] = []
        for index in range(bisect_left(self._last, start), len(self._chunks)):
            chunk = self._chunks[index]
            if end is not None and chunk[0] >= end:
                break
            first = bisect_left(chunk, start)
            last = len(chunk) if end is None else bisect_left(chunk, end)
            found += chunk[first:last]
        return found

    def _arrange(self, keys: list[bytes]) -> None:
        size = self._chunk_max // 2
        self._chunks = [keys[first : first + size] for first in range(0, len(keys), size)]
        self._last = [chunk[-1] for chunk in self._chunks]
        self._count = len(keys)

    def _add(self, key: bytes) -> None:
        index = min(bisect_left(self._last, key), len(self._chunks) - 1)
        chunk = self._chunks[index]
        insort(chunk, key)
        self._count += 1
        if len(chunk) > self._chunk_max:
            half = self._chunk_max // 2
            self._chunks[index : index + 1] = [chunk[:half], chunk[half:]]
            self._last[index : index + 1] = [chunk[half - 1], chunk[-1]]
        else:
            self._last[index] = chunk[-1]
