"""The state on disk: height, app hash and state change together, or not at all.

It promises:

- `commit` returns only when the block is on disk for good; killing the process or the machine at
  any moment leaves exactly one committed height with its own app hash and state;
- a damaged file is rejected when the database is opened, never read past in silence;
- a snapshot shows one committed height for as long as it is open, whatever is committed
  meanwhile;
- besides the latest height, the `history_heights` before it can be read, as far back as the
  database has kept what blocks replaced (abci_app.storage.history); what is older is deleted as
  blocks are committed.

One thread commits. Any thread may read at any time, until `close`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final, Self

from abci_app.query_budget import QueryBudget
from abci_app.storage import history
from abci_app.storage.format import mark_end, require_format
from abci_app.storage.leveldb import (
    Batch,
    DatabaseError,
    Handle,
    LevelDBError,
    describe_error,
    open_leveldb,
)
from abci_app.storage.snapshot import (
    LAST_KEY,
    STATE,
    HeightError,
    Last,
    Snapshot,
    iterate_state,
    read_last,
    read_state,
)

__all__ = ["Database", "DatabaseError"]

HISTORY_HEIGHTS: Final = 1000
# Records of heights that are too old, deleted with a block beyond twice those that it writes.
PRUNED_EXTRA: Final = 100

# Entries of a state without a height that are removed with one write.
CLEARED_AT_ONCE: Final = 50_000

CACHE_ENTRIES: Final = 200_000
# Larger values are read from LevelDB each time; with them the cache's size has no useful limit.
MAX_CACHED_BYTES: Final = 1024


class Missing:
    """Tells "not in the cache" from "known to be absent", which the cache holds as None."""


MISSING: Final = Missing()
# Seeking costs about as much as passing over this many entries.
PASSED_OVER_MAX: Final = 16
NO_NOTES: Final[Mapping[bytes, bytes]] = {}


class Database:
    """The state of one node. `cache_entries` bounds the values that are kept in memory,
    `history_heights` the heights before the latest that can be read.
    """

    def __init__(
        self, handle: Handle, path: Path, cache_entries: int, history_heights: int = 0
    ) -> None:
        self._handle = handle
        self._path = path
        self._last = read_last(handle)
        self._history_heights = history_heights
        self._pruned_to = history.UNDO
        self._failed = False
        self._cache_entries = cache_entries
        self._cache: dict[bytes, bytes | None] = {}
        # Even between commits, odd during one.
        self._commit_phase = 0
        self._cache_lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path | str,
        create: bool = False,
        *,
        cache_entries: int = CACHE_ENTRIES,
        history_heights: int = HISTORY_HEIGHTS,
    ) -> Self:
        """Opens the database in the folder `path`; with `create`, makes it if there is none.

        Errors: DatabaseError when it is missing, in use, damaged, or somebody else's.
        """
        path = Path(path)
        handle = open_leveldb(path, create=create)
        try:
            require_format(handle, path)
            mark_end(handle)
            return cls(handle, path, cache_entries, history_heights)
        except BaseException:
            handle.close()
            raise

    def close(self) -> None:
        """Gives the folder free. No thread may be reading or committing any more."""
        self._handle.close()

    def last(self) -> tuple[int, bytes] | None:
        """Height and app hash of the last commit, None before the first."""
        return self._last and self._last[:2]

    @property
    def keeps_history(self) -> bool:
        """Whether the next commit will write down what it replaces."""
        return self._history_heights > 0 and self._last is not None

    def get(self, key: bytes) -> bytes | None:
        """The value of a state key after the last commit, or None.

        While a commit runs it is the value before or after, and once after, always after. Readers
        that need several values of one height take a snapshot.
        """
        value = self._cache.get(key, MISSING)
        if not isinstance(value, Missing):
            return value
        phase = self._commit_phase
        read = read_state(self._handle, key)
        if is_small(read):
            self._keep({key: read}, phase)
        return read

    def read_ahead(self, keys: Sequence[bytes]) -> None:
        """Reads the values under ascending keys into the cache in one go: to pass through a range
        costs a fraction of looking up its keys one by one.
        """
        keys = [key for key in keys if key not in self._cache]
        if keys:
            phase = self._commit_phase
            found = {key: value for key, value in self._find_all(keys) if is_small(value)}
            self._keep(found, phase)

    def _find_all(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
        """Ascending keys with their values, or None."""
        end = keys[-1] + b"\x00"
        entries = self.items(keys[0], end)
        found = next(entries, None)
        for key in keys:
            passed_over = 0
            while found is not None and found[0] < key:
                passed_over += 1
                if passed_over > PASSED_OVER_MAX:
                    entries = self.items(key, end)
                found = next(entries, None)
            yield key, found[1] if found is not None and found[0] == key else None

    def items(
        self, start: bytes = b"", end: bytes | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """State keys from `start` up to but not including `end` with their values, in the order
        of the keys' bytes. They are those of the commit before the call, whatever is committed
        while they are read.
        """
        return iterate_state(self._handle, start, end, reverse)

    def snapshot(self, height: int = 0, budget: QueryBudget | None = None) -> Snapshot:
        """The state of a height, by default the last one, to read from any thread, within the
        budget of a query if it is for one. Must be closed after use.

        Errors: HeightError when the height cannot be read.
        """
        handle = self._handle.snapshot()
        try:
            return Snapshot(handle, height, budget)
        except BaseException:
            handle.close()
            raise

    def commit(
        self,
        changes: Mapping[bytes, bytes | None],
        height: int,
        app_hash: bytes,
        notes: Mapping[bytes, bytes] = NO_NOTES,
    ) -> None:
        """Puts a block's changes on disk (None deletes a key) with its height and app hash.
        `notes` are what the caller needs, by name, to go back behind this block; they are kept for
        as long as what the block replaced.

        Errors: DatabaseError when the disk fails. What is on disk is then only known after
        opening the database again, so nothing more is committed before that.
        """
        self._require_next(height)
        batch = self._handle.write_batch(sync=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(STATE + key)
            else:
                batch.put(STATE + key, value)
        last = self._write_history(batch, changes, notes, height, app_hash)
        batch.put(LAST_KEY, last.encode())
        self._failed = True
        with self._cache_lock:
            self._commit_phase += 1
        try:
            batch.write()
        except LevelDBError as error:
            raise DatabaseError(
                f"Height {height} cannot be written to {self._path}: {describe_error(error)}. "
                "Check the disk and its free space, then start the node again."
            ) from error
        self._failed = False
        self._last = last
        self._update_cache(changes)

    def require_undoable(self) -> None:
        """Raises HeightError unless the last block can be taken back."""
        if self._last is None:
            raise HeightError("there is no block yet")
        self._last.require_readable(self._last.height - 1)

    def undo_last(self) -> None:
        """Takes the last block back: state, height and app hash are those before it.

        Errors: HeightError when what the block replaced is not kept, DatabaseError when the disk
        fails.
        """
        self.require_undoable()
        assert self._last is not None
        height = self._last.height
        with self.snapshot(height - 1) as before:
            _, app_hash = before.last() or (0, b"")
        replaced = history.read_replaced(self._handle, [height], b"", None)
        batch = self._handle.write_batch(sync=True)
        for key, value in replaced.items():
            if value is None:
                batch.delete(STATE + key)
            else:
                batch.put(STATE + key, value)
        end = history.record_key(height + 1)
        with closing(self._handle.raw_iterator(verify_checksums=True, fill_cache=False)) as records:
            records.seek(history.record_key(height))
            while records.valid() and (name := records.key()) < end:
                batch.delete(name)
                records.next()
        last = Last(height - 1, app_hash, self._last.oldest)
        batch.put(LAST_KEY, last.encode())
        self._write_batch(batch)
        with self._cache_lock:
            self._cache.clear()
        self._last = last

    def fill(self, entries: Mapping[bytes, bytes]) -> None:
        """Puts entries of a state on disk that has no height yet: the first commit gives it one.
        Errors: DatabaseError when the disk fails.
        """
        assert self._last is None, "the database has a height already"
        batch = self._handle.write_batch(sync=True)
        for key, value in entries.items():
            batch.put(STATE + key, value)
        self._write_batch(batch)

    def clear(self) -> None:
        """Removes what has been filled in and has no height. Errors: as `fill`."""
        assert self._last is None, "the database has a height"
        while keys := [key for key, _ in islice(self.items(), CLEARED_AT_ONCE)]:
            batch = self._handle.write_batch(sync=True)
            for key in keys:
                batch.delete(STATE + key)
            self._write_batch(batch)

    def _write_batch(self, batch: Batch) -> None:
        """Writes what is no block, with the error of the disk."""
        try:
            batch.write()
        except LevelDBError as error:
            raise DatabaseError(
                f"{self._path} cannot be written: {describe_error(error)}. Check the disk and its "
                "free space, then start the node again."
            ) from error

    def _write_history(
        self,
        batch: Batch,
        changes: Mapping[bytes, bytes | None],
        notes: Mapping[bytes, bytes],
        height: int,
        app_hash: bytes,
    ) -> Last:
        """Adds what a block replaces to its batch, and takes away what has become too old.

        History begins anew where nothing was written down, so that it never has a gap.
        """
        before, written = self._last, 0
        if before is None or not self._history_heights or height != before.height + 1:
            last = Last(height, app_hash, height)
        else:
            last = Last(height, app_hash, max(before.oldest, height - self._history_heights))
            keys = sorted(changes)
            replaced = [self._get_replaced(key) for key in keys]
            records = history.encode_values(height, keys, replaced)
            records.append((history.record_key(height, history.APP_HASH), before.app_hash))
            for note, content in notes.items():
                records.append((history.record_key(height, history.NOTE, note), content))
            for name, content in records:
                batch.put(name, content)
            written = len(records)
        self._prune(batch, last.oldest, 2 * written + PRUNED_EXTRA)
        return last

    def _get_replaced(self, key: bytes) -> bytes | None:
        """The value that a commit is about to replace; most were read by the block that did."""
        value = self._cache.get(key, MISSING)
        return read_state(self._handle, key) if isinstance(value, Missing) else value

    def _prune(self, batch: Batch, oldest: int, count: int) -> None:
        """Deletes records of blocks up to the oldest height that can be read."""
        stop = history.record_key(oldest + 1)
        with closing(self._handle.raw_iterator(verify_checksums=True, fill_cache=False)) as records:
            # Not from the beginning: LevelDB would have to step over all that was deleted before.
            records.seek(self._pruned_to)
            while count and records.valid() and (name := records.key()) < stop:
                batch.delete(name)
                self._pruned_to = name
                records.next()
                count -= 1

    def _require_next(self, height: int) -> None:
        """Rejects going back in height, and writing behind a write that failed."""
        if self._failed:
            raise DatabaseError(
                f"An earlier write to {self._path} failed; start the node again to see what is "
                "on disk."
            )
        if height < 1 or (self._last is not None and height <= self._last[0]):
            raise ValueError(f"height {height} does not follow {self._last}")

    def _update_cache(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Makes the cache agree with the disk after a commit."""
        with self._cache_lock:
            self._commit_phase += 1
            cache = self._cache
            # What nobody has read stays out: a block may write more than the cache holds.
            for key in cache.keys() & changes.keys():
                value = changes[key]
                if is_small(value):
                    cache[key] = value
                else:
                    del cache[key]

    def _keep(self, read: Mapping[bytes, bytes | None], phase: int) -> None:
        """Caches what was read since a phase, unless a commit has begun in between: then it may be
        out of date. A full cache is emptied; what is in use returns at the price of one read each.
        """
        with self._cache_lock:
            is_current = phase == self._commit_phase and phase % 2 == 0
            if is_current and len(read) <= self._cache_entries:
                if len(self._cache) + len(read) > self._cache_entries:
                    self._cache.clear()
                self._cache.update(read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def is_small(value: bytes | None) -> bool:
    """Whether a value may be in the cache."""
    return value is None or len(value) <= MAX_CACHED_BYTES
