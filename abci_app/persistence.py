"""The state on disk: height, app hash and state change together, or not at all.

It promises:

- `commit` returns only when the block is on disk for good; killing the process or the machine at
  any moment leaves exactly one committed height with its own app hash and state;
- a damaged file is refused when the database is opened, never read past in silence;
- a snapshot shows one committed height for as long as it is open, whatever is committed
  meanwhile.

One thread commits. Any thread may read at any time, until `close`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from abci_app.leveldb import (
    DatabaseError,
    Handle,
    LevelDBError,
    Source,
    describe_error,
    open_leveldb,
)

__all__ = ["Database", "DatabaseError", "Snapshot"]

# The first byte of a key says what it is for, so that no state key can look like metadata.
STATE: Final = b"s"
STATE_END: Final = b"t"
FORMAT_KEY: Final = b"m/format"
LAST_KEY: Final = b"m/last"
FORMAT: Final = b"1"
HEIGHT_BYTES: Final = 8

CACHE_ENTRIES: Final = 200_000
# Larger values are read from LevelDB each time; with them the cache's size has no useful limit.
MAX_CACHED_BYTES: Final = 1024


class Missing:
    """Tells "not in the cache" from "known to be absent", which the cache holds as None."""


MISSING: Final = Missing()


class Database:
    """The state of one node. `cache_entries` bounds the values that are kept in memory."""

    def __init__(self, handle: Handle, path: Path, cache_entries: int) -> None:
        self._handle = handle
        self._path = path
        self._last = read_last(handle)
        self._failed = False
        self._cache_entries = cache_entries
        self._cache: dict[bytes, bytes | None] = {}
        # Even between commits, odd during one.
        self._commit_phase = 0
        self._cache_lock = threading.Lock()

    @classmethod
    def open(
        cls, path: Path | str, create: bool = False, *, cache_entries: int = CACHE_ENTRIES
    ) -> Self:
        """Opens the database in the folder `path`; with `create`, makes it if there is none.

        Errors: DatabaseError when it is missing, in use, damaged, or somebody else's.
        """
        path = Path(path)
        handle = open_leveldb(path, create=create)
        try:
            require_format(handle, path)
            return cls(handle, path, cache_entries)
        except BaseException:
            handle.close()
            raise

    def close(self) -> None:
        """Gives the folder free. No thread may be reading or committing any more."""
        self._handle.close()

    def last(self) -> tuple[int, bytes] | None:
        """Height and app hash of the last commit, None before the first."""
        return self._last

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
        if read is None or len(read) <= MAX_CACHED_BYTES:
            with self._cache_lock:
                # When a commit has begun in between, what was read may be out of date.
                if phase == self._commit_phase and phase % 2 == 0:
                    self._make_room()
                    self._cache[key] = read
        return read

    def items(
        self, start: bytes = b"", end: bytes | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """State keys from `start` up to but not including `end` with their values, in the order
        of the keys' bytes. They are those of the commit before the call, whatever is committed
        while they are read.
        """
        return iterate_state(self._handle, start, end, reverse)

    def snapshot(self) -> Snapshot:
        """The state of the last commit, to read from any thread. Must be closed after use."""
        return Snapshot(self._handle.snapshot())

    def commit(self, changes: Mapping[bytes, bytes | None], height: int, app_hash: bytes) -> None:
        """Puts a block's changes on disk (None deletes a key) with its height and app hash.

        Errors: DatabaseError when the disk refuses. What is on disk is then only known after
        opening the database again, so nothing more is committed before that.
        """
        self._require_next(height)
        batch = self._handle.write_batch(sync=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(STATE + key)
            else:
                batch.put(STATE + key, value)
        batch.put(LAST_KEY, height.to_bytes(HEIGHT_BYTES) + app_hash)
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
        self._last = height, app_hash
        self._update_cache(changes)

    def _require_next(self, height: int) -> None:
        """Refuses to go back in height, and to write behind a write that failed."""
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
                if value is None or len(value) <= MAX_CACHED_BYTES:
                    cache[key] = value
                else:
                    del cache[key]

    def _make_room(self) -> None:
        """Empties a full cache. What is in use returns to it at the price of one read each."""
        if len(self._cache) >= self._cache_entries:
            self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Snapshot:
    """The state of one height, unchanged by later commits. May be read from any thread."""

    def __init__(self, handle: Source) -> None:
        self._handle = handle
        self._last = read_last(handle)

    def last(self) -> tuple[int, bytes] | None:
        """Height and app hash that this snapshot shows, None before the first commit."""
        return self._last

    def get(self, key: bytes) -> bytes | None:
        """The value of a state key at this height, or None."""
        return read_state(self._handle, key)

    def items(
        self, start: bytes = b"", end: bytes | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """State keys from `start` up to but not including `end` with their values, in order."""
        return iterate_state(self._handle, start, end, reverse)

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


def read_last(source: Source) -> tuple[int, bytes] | None:
    """Reads height and app hash of the last commit."""
    stored = source.get(LAST_KEY, verify_checksums=True)
    if stored is None:
        return None
    return int.from_bytes(stored[:HEIGHT_BYTES]), stored[HEIGHT_BYTES:]


def require_format(handle: Handle, path: Path) -> None:
    """Marks a new database as ours; refuses one that is not, or that a later version wrote."""
    found = handle.get(FORMAT_KEY, verify_checksums=True)
    if found == FORMAT:
        return
    if found is not None:
        raise DatabaseError(
            f"The database in {path} has format {found.decode(errors='replace')} and this version "
            f"reads format {FORMAT.decode()}; use the version that wrote it."
        )
    with handle.iterator(start=b"", stop=b"\xff", reverse=False, verify_checksums=True) as entries:
        if next(entries, None) is not None:
            raise DatabaseError(f"The database in {path} belongs to another program.")
    batch = handle.write_batch(sync=True)
    batch.put(FORMAT_KEY, FORMAT)
    batch.write()
