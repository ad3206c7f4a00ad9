"""Opens LevelDB, and is the one place that knows which Python binding is installed.

`plyvel` has wheels up to Python 3.12, its maintained fork `plyvel_next` from 3.12 on; both have
the same interface and the same files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from abci_app.protocol.application import OperatorError

if sys.version_info >= (3, 12):
    import plyvel_next as plyvel
else:
    import plyvel

BLOCK_CACHE_BYTES = 64 * 1024 * 1024
# Larger ones make nothing faster in the long run, and take their memory twice over.
WRITE_BUFFER_BYTES = 8 * 1024 * 1024
# Keys are looked up in no order, and each lookup reads and checks a block: quarters of the usual
# size take 4 % off the settlement of a million meters.
BLOCK_BYTES = 1024
# About one percent of the lookups of a key that is not there still reach the disk.
BLOOM_FILTER_BITS = 10

LevelDBError = plyvel.Error


class DatabaseError(OperatorError):
    """The database cannot be used. The text is a sentence that says what to do."""


class RawIterator(Protocol):
    """Goes to any place among the keys, again and again."""

    def seek(self, target: bytes) -> None:
        """Goes to the first key that is not below `target`."""

    def valid(self) -> bool:
        """Whether there is an entry here, or this is past the last one."""

    def key(self) -> bytes:
        """The key here."""

    def value(self) -> bytes:
        """The value here."""

    def next(self) -> None:
        """Goes to the next entry."""

    def close(self) -> None:
        """Frees what LevelDB holds for it."""


class Source(Protocol):
    """What can be read from: the database as it is, or a snapshot of it."""

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None:
        """The value of a key, or None."""

    def iterator(
        self, *, start: bytes | None, stop: bytes, reverse: bool, verify_checksums: bool
    ) -> AbstractContextManager[Iterator[tuple[bytes, bytes]]]:
        """Keys and values from `start` up to but not including `stop`."""

    def raw_iterator(self, *, verify_checksums: bool, fill_cache: bool) -> RawIterator:
        """An iterator over all keys, which stands nowhere yet. Must be closed after use."""

    def close(self) -> None:
        """Frees what LevelDB holds for it."""


class Batch(Protocol):
    """Writes that take effect together or not at all, and not before `write`."""

    def put(self, key: bytes, value: bytes) -> None:
        """Sets a key."""

    def delete(self, key: bytes) -> None:
        """Removes a key."""

    def write(self) -> None:
        """Returns when all of it is on disk, if the batch is synced."""


class Handle(Source, Protocol):
    """An open LevelDB."""

    def write_batch(self, *, sync: bool) -> Batch:
        """A new, empty batch."""

    def snapshot(self) -> Source:
        """The state of this moment, which later writes leave alone."""


def open_leveldb(path: Path, *, create: bool) -> Handle:
    """Opens the LevelDB in the folder `path`, or makes it there if `create` allows.

    Errors: DatabaseError when it is missing, in use by another process, or damaged.
    """
    # LevelDB itself would leave an empty folder behind when it fails.
    if not create and not (path / "CURRENT").exists():
        raise DatabaseError(f"There is no database in {path}; check the path of the node's home.")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle: Handle = plyvel.DB(
            str(path),
            create_if_missing=create,
            # Without this LevelDB skips a damaged record of its log in silence, and the state
            # would lack a block's writes and still bear a later height.
            paranoid_checks=True,
            lru_cache_size=BLOCK_CACHE_BYTES,
            block_size=BLOCK_BYTES,
            write_buffer_size=WRITE_BUFFER_BYTES,
            bloom_filter_bits=BLOOM_FILTER_BITS,
            # Snappy, as the bindings come with it, takes a third of all processor time at a million
            # accounts; keys and records are too dense to become more than a seventh smaller.
            compression=None,
        )
    except (plyvel.Error, OSError) as error:
        raise DatabaseError(explain_open_error(path, error)) from error
    return handle


def explain_open_error(path: Path, error: Exception) -> str:
    """Puts the reason why a database cannot be opened into a sentence."""
    reason = describe_error(error)
    if "LOCK: " in reason and "ermission" not in reason:
        return f"The database in {path} is in use by another process; stop that one first."
    if isinstance(error, plyvel.CorruptionError):
        return (
            f"The database in {path} is damaged ({reason}); restore the node's home from a backup, "
            "or empty it and let the node fetch the chain again from the others."
        )
    return f"The database in {path} cannot be opened: {reason}."


def describe_error(error: Exception) -> str:
    """The reason that LevelDB or the system gives, as text."""
    reason = error.args[0] if error.args else ""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
