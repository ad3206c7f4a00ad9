"""What marks a database as one of this program, and where its state ends."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from abci_app.storage.leveldb import DatabaseError, Handle
from abci_app.storage.snapshot import STATE_END

FORMAT_KEY: Final = b"m/format"
FORMAT: Final = b"2"


def require_format(handle: Handle, path: Path) -> None:
    """Marks a new database as ours; rejects one that is not, or that a later version wrote."""
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


def mark_end(handle: Handle) -> None:
    """Puts an entry behind the state. A read that finds nothing at the end of the state stops
    there; else it would step over all records of old blocks that were deleted behind it.
    """
    if handle.get(STATE_END, verify_checksums=True) is None:
        batch = handle.write_batch(sync=True)
        batch.put(STATE_END, b"")
        batch.write()
