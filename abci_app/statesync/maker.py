"""Writes snapshots of the state and gives their chunks to others.

A snapshot is a folder of `snapshots/` with the height as its name: metadata, and a file for each
chunk. It is written beside the node's work, from a snapshot of the database, under a name that is
deleted at the next start if the node dies meanwhile; so a folder that is there is whole. Nothing
depends on it: what fails is logged, and the next height tries again.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tendermint.abci import types_pb2 as abci

from abci_app.query_budget import BlocksFirst
from abci_app.statesync.format import CHUNK_BYTES, FORMAT, Entry, describe, make_chunks
from abci_app.storage.leveldb import LevelDBError
from abci_app.storage.snapshot import Snapshot
from chain import app

INTERVAL = 5000
KEPT = 2
_UNFINISHED = ".part"
_METADATA = "metadata"
# Entries between two looks at whether a block is in hand, and for how long it is waited for.
_STEP = 2000
_WAIT_S = 0.5
# Between two steps, so that blocks find the interpreter free.
_PAUSE_S = 0.005

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The state of a height, and what is said of it. The maker closes the snapshot."""

    snapshot: Snapshot
    chain_id: str
    height: int
    time_s: int


class SnapshotMaker:
    """The snapshots of one node in a folder. With an interval of 0 it makes none. One thread, that
    of CometBFT's consensus calls, notes commits; any may ask for what there is.
    """

    def __init__(
        self, folder: Path, interval: int = INTERVAL, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        self._folder = folder
        self._interval = interval
        self._chunk_bytes = chunk_bytes
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        for unfinished in folder.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def note_commit(
        self, height: int, open_source: Callable[[], Source], first: BlocksFirst
    ) -> None:
        """Begins to write a snapshot if one is due and none is in hand. `first`: who goes first."""
        if not self._interval or height % self._interval:
            return
        if self._thread is not None and self._thread.is_alive():
            log.warning("no snapshot of height %d: the one before is still being written", height)
            return
        self._thread = threading.Thread(
            target=self._make, args=(open_source(), first), name="snapshot", daemon=True
        )
        self._thread.start()

    def get_offered(self) -> list[abci.Snapshot]:
        """What can be offered, the latest first."""
        found = []
        for height in reversed(self._get_heights()):
            try:
                content = (self._folder / str(height) / _METADATA).read_bytes()
            except OSError:
                continue
            found.append(abci.Snapshot.FromString(content))
        return found

    def load(self, height: int, format_: int, chunk: int) -> bytes:
        """A chunk; nothing if it is not there."""
        if format_ != FORMAT:
            return b""
        try:
            return (self._folder / str(height) / f"{chunk:06}").read_bytes()
        except OSError:
            return b""

    def get_oldest(self) -> int | None:
        """The lowest height that is offered, or None."""
        return next(iter(self._get_heights()), None)

    def wait(self) -> None:
        """Returns when nothing is being written."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Gives up what is being written; the database may be closed afterwards."""
        self._stopping.set()
        self.wait()

    def _get_heights(self) -> list[int]:
        try:
            return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit())
        except FileNotFoundError:
            return []

    def _make(self, source: Source, first: BlocksFirst) -> None:
        unfinished = self._folder / f"{source.height}{_UNFINISHED}"
        try:
            with source.snapshot:
                self._write(unfinished, source, first)
        except (OSError, LevelDBError):
            log.exception("the snapshot of height %d cannot be written", source.height)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _write(self, unfinished: Path, source: Source, first: BlocksFirst) -> None:
        unfinished.mkdir(mode=0o700, parents=True)
        hashes = []
        for number, chunk in enumerate(
            make_chunks(self._read(source.snapshot, first), self._chunk_bytes)
        ):
            _write_file(unfinished / f"{number:06}", chunk)
            hashes.append(sha256(chunk).digest())
        if self._stopping.is_set():
            return
        described = describe(source.height, source.chain_id, source.time_s, hashes)
        _write_file(unfinished / _METADATA, described.SerializeToString())
        _sync_folder(unfinished)
        unfinished.rename(self._folder / str(source.height))
        _sync_folder(self._folder)
        log.info("snapshot of height %d: %d chunks", source.height, len(hashes))
        for height in self._get_heights()[:-KEPT]:
            shutil.rmtree(self._folder / str(height), ignore_errors=True)

    def _read(self, snapshot: Snapshot, first: BlocksFirst) -> Iterator[Entry]:
        """What the app hash covers, in the order of the keys, slowly."""
        for count, (key, value) in enumerate(snapshot.items(start=app.KEYSPACE.start)):
            if app.KEYSPACE.is_in_tree(key):
                yield key, value
            if not count % _STEP:
                first.wait(_WAIT_S)
                if self._stopping.wait(_PAUSE_S):
                    return


def _write_file(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
