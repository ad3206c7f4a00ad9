"""The state of one height, the latest or an earlier one, as it is read from the database.

The first byte of a key says what it is for, so that no state key can look like metadata.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, Self

from abci_app.query_budget import BudgetedSource, QueryBudget
from abci_app.storage import history
from abci_app.storage.leveldb import Source

STATE: Final = b"s"
STATE_END: Final = b"t"
LAST_KEY: Final = b"m/last"
_HEIGHTS: Final = struct.Struct(">QQ")


class HeightError(ValueError):
    """A height that cannot be read; the message says which ones can."""


class Last(NamedTuple):
    """The last commit, and the oldest height that can be read."""

    height: int
    app_hash: bytes
    oldest: int

    def encode(self) -> bytes:
        """What is stored under LAST_KEY."""
        return _HEIGHTS.pack(self.height, self.oldest) + self.app_hash

    def require_readable(self, height: int) -> None:
        """Raises HeightError for a height that cannot be read."""
        if not self.oldest <= height <= self.height:
            kept = f"{self.oldest} to {self.height}"
            raise HeightError(f"height {height} (kept: {kept})")


class Snapshot:
    """The state of one height, unchanged by later commits. May be read from any thread.

    `undone` are the heights after it, up to the last one, whose blocks it leaves out. What is read
    once it is made goes on the budget of a query. Errors: HeightError when the height, by default
    the last one, cannot be read.
    """

    def __init__(self, handle: Source, height: int = 0, budget: QueryBudget | None = None) -> None:
        self._handle = handle if budget is None else BudgetedSource(handle, budget)
        last = read_last(handle)
        self.undone = range(0)
        if height:
            if last is None:
                raise HeightError("there is no block yet")
            last.require_readable(height)
            self.undone = range(height + 1, last.height + 1)
        self._last = None if last is None else (last.height, last.app_hash)
        if self.undone:
            name = history.record_key(height + 1, history.APP_HASH)
            app_hash = handle.get(name, verify_checksums=True)
            assert app_hash is not None, f"the undo records of height {height + 1} are missing"
            self._last = height, app_hash

    def last(self) -> tuple[int, bytes] | None:
        """Height and app hash that this snapshot shows, None before the first commit."""
        return self._last

    def get(self, key: bytes) -> bytes | None:
        """The value of a state key at this height, or None."""
        if self.undone:
            replaced = history.find_replaced(self._handle, self.undone, key)
            if replaced is not None:
                return replaced[1]
        return read_state(self._handle, key)

    def items(
        self, start: bytes = b"", end: bytes | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """State keys from `start` up to but not including `end` with their values, in order."""
        latest = iterate_state(self._handle, start, end, reverse)
        if not self.undone:
            return latest
        read = partial(history.read_replaced, self._handle, self.undone)
        return history.iterate_past(latest, read, start, end, reverse)

    def read_replaced(
        self, heights: Sequence[int], start: bytes, end: bytes
    ) -> dict[bytes, bytes | None]:
        """What some of the `undone` blocks replaced in a range, in the first that changed a key."""
        return history.read_replaced(self._handle, heights, start, end)

    def get_note(self, height: int, name: bytes) -> bytes | None:
        """What was noted with one of the `undone` blocks, or None."""
        return self._handle.get(
            history.record_key(height, history.NOTE, name), verify_checksums=True
        )

    def close(self) -> None:
        """Lets LevelDB forget the old values that only this snapshot needed."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_state(source: Source, key: bytes) -> bytes | None:
    """Reads one state key."""
    return source.get(STATE + key, verify_checksums=True)


def iterate_state(
    source: Source, start: bytes, end: bytes | None, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Reads a range of state keys. The range is fixed now, not at the first step."""
    first = STATE + start
    entries = source.iterator(
        # Backwards, both bindings overlook a key equal to `start` that is alone in the range, so
        # the lower end is checked below.
        start=None if reverse else first,
        stop=STATE_END if end is None else STATE + end,
        reverse=reverse,
        verify_checksums=True,
    )

    def strip_prefix() -> Iterator[tuple[bytes, bytes]]:
        with entries as found:
            for key, value in found:
                if key < first:
                    return
                yield key[len(STATE) :], value

    return strip_prefix()


def read_last(source: Source) -> Last | None:
    """Reads what the last commit was."""
    stored = source.get(LAST_KEY, verify_checksums=True)
    if stored is None:
        return None
    height, oldest = _HEIGHTS.unpack_from(stored)
    return Last(height, stored[_HEIGHTS.size :], oldest)
