"""The spool: accepted readings are on disk, and stay there until the chain has decided.

`add` returns a future. Once it has a result, the reading is written and flushed to disk, and
survives a killed process or a power failure. One thread does all the work and commits whatever has
queued up in one transaction, so many pushes share one flush.
docs/decisions/0003-bridge-spool.md says why SQLite.

If the disk is full, new readings are rejected and accepted ones are kept. If the disk fails, the
spool stops for good: what the file holds is unknown until a new process reads it.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from blockenergy.bridge.v1.bridge_pb2 import (
    PUSH_ACCEPTED,
    PushResult,
    ReadingStatusResponse,
    Rejection,
)
from blockenergy.metering.v1.state_pb2 import Reading

from meter_bridge.chain import Result
from meter_bridge.spool import table
from meter_bridge.spool.table import Counts

T = TypeVar("T")

log = logging.getLogger(__name__)

FILE_NAME = "spool.db"
# Max tasks in one transaction.
GROUP_MAX = 2_000
PRUNED_AT_ONCE_MAX = 5_000


class SpoolFullError(Exception):
    """There is no space for another reading. The text is one sentence."""


class SpoolBrokenError(Exception):
    """The spool cannot be used. The text is one sentence."""


class WrongOwnerError(Exception):
    """The spool belongs to another chain or another bridge. The text is one sentence."""


@dataclass(frozen=True)
class SpoolLimits:
    """How much the spool may hold."""

    # Readings without a final result; about 300 bytes of disk each.
    backlog_max: int = 1_000_000
    # Decided readings kept for ReadingStatus, and for how long.
    decided_max: int = 1_000_000
    retention_s: int = 7 * 86_400
    # File size above which no new readings are accepted; those in it can still be decided.
    file_bytes_max: int = 2 * 1024**3


@dataclass(frozen=True)
class Task(Generic[T]):
    """Work on the tables, and the future that receives its result."""

    work: Callable[[sqlite3.Connection], T]
    future: Future[T]

    def run(self, db: sqlite3.Connection) -> Callable[[], None]:
        """Does the work; returns what resolves the future, to be called after the commit."""
        try:
            result = self.work(db)
        except (SpoolFullError, WrongOwnerError) as error:
            # The name `error` ends with this block.
            rejection = error
            return lambda: self.future.set_exception(rejection)
        return lambda: self.future.set_result(result)


class Spool:
    """The spool in a folder, which is created if missing.

    `clock` returns seconds since 1970. `on_failure` is called once, from the writing thread, when
    the spool breaks.

    Errors: SpoolBrokenError if another bridge uses the folder or its file is not a spool.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        limits: SpoolLimits | None = None,
        on_failure: Callable[[SpoolBrokenError], None] | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits or SpoolLimits()
        self._on_failure = on_failure
        self._db = open_spool(folder / FILE_NAME)
        self._backlog = table.count_backlog(self._db)
        self._broken: SpoolBrokenError | None = None
        self._wakeup = threading.Condition()
        self._tasks: list[Task[Any]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run_groups, name="spool", daemon=True)
        self._thread.start()

    def require_owner(self, chain_id: str, bridge: str) -> None:
        """Binds a new spool to a chain and a bridge's address.

        Errors: WrongOwnerError if it is bound to others, who would reject all its readings.
        """
        self._hand_over(lambda db: require_owner(db, chain_id, bridge)).result()

    def add(self, reading: Reading) -> Future[PushResult]:
        """Accepts a signed reading; see `table.add`. The future has the result once it is on disk.

        Errors, through the future: SpoolFullError, SpoolBrokenError.
        """
        return self._hand_over(lambda db: self._add(db, reading))

    def take_due(self, first_open_slot: int, last_ended_slot: int, count_max: int) -> list[Reading]:
        """The next readings to submit, marked as submitted; see `table.take_due`."""
        return self._hand_over(
            lambda db: table.take_due(db, first_open_slot, last_ended_slot, count_max)
        ).result()

    def record(self, results: Iterable[tuple[Reading, Result]]) -> None:
        """Stores the chain's results; those that are not final change nothing."""
        stored = list(results)
        self._hand_over(lambda db: self._record(db, stored)).result()

    def prune(self) -> int:
        """Removes decided readings beyond the limits on age and number; returns how many."""
        before_s = int(self._clock()) - self._limits.retention_s
        keep_max = self._limits.decided_max
        return self._hand_over(
            lambda db: table.prune(db, before_s, keep_max, PRUNED_AT_ONCE_MAX)
        ).result()

    def find(self, meter_id: str, slot: int) -> Reading | None:
        """The accepted reading of a meter and slot, if any."""
        return self._hand_over(lambda db: table.find(db, meter_id, slot)).result()

    def get_status(self, meter_id: str, slot: int) -> ReadingStatusResponse | None:
        """The state of an accepted reading, if there is one for the meter and slot."""
        return self._hand_over(lambda db: table.get_status(db, meter_id, slot)).result()

    def count(self) -> Counts:
        """How many readings are in each state."""
        return self._hand_over(table.count).result()

    def list_rejections(self, count_max: int) -> list[Rejection]:
        """The latest rejections by the chain, newest first."""
        return self._hand_over(lambda db: table.list_rejections(db, count_max)).result()

    def close(self) -> None:
        """Finishes queued work and closes the file."""
        with self._wakeup:
            self._closed = True
            self._wakeup.notify()
        self._thread.join()
        self._db.close()

    def _hand_over(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queues work for the writing thread."""
        task = Task(work, Future())
        with self._wakeup:
            if self._closed:
                raise SpoolBrokenError("The spool is closed.")
            self._tasks.append(task)
            self._wakeup.notify()
        return task.future

    def _run_groups(self) -> None:
        """Works until the spool is closed and the queue is empty."""
        while group := self._take_group():
            self._run_group(group)

    def _take_group(self) -> list[Task[Any]]:
        """Waits for tasks and takes them all, up to GROUP_MAX; empty if the spool is closed."""
        with self._wakeup:
            self._wakeup.wait_for(lambda: self._tasks or self._closed)
            group = self._tasks[:GROUP_MAX]
            del self._tasks[:GROUP_MAX]
        return group

    def _run_group(self, group: list[Task[Any]]) -> None:
        """Runs the tasks in one transaction, and resolves their futures once it is on disk."""
        try:
            if self._broken is not None:
                raise self._broken
            self._db.execute("BEGIN IMMEDIATE")
            resolutions = [task.run(self._db) for task in group]
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001, every failure is passed to the waiting caller
            failure = self._undo(error)
            resolutions = [partial(task.future.set_exception, failure) for task in group]
        for resolve in resolutions:
            resolve()

    def _undo(self, error: Exception) -> Exception:
        """Rolls back after a full disk; any other failure breaks the spool. Returns the error."""
        if self._broken is not None:
            return self._broken
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self._backlog = table.count_backlog(self._db)
            return SpoolFullError("The bridge's disk is full.")
        self._broken = SpoolBrokenError(f"The spool's disk or file failed: {error}.")
        log.critical("%s", self._broken, exc_info=error)
        if self._on_failure is not None:
            self._on_failure(self._broken)
        return self._broken

    def _add(self, db: sqlite3.Connection, reading: Reading) -> PushResult:
        """Accepts a reading if there is space; a duplicate or conflict needs none."""
        full = self._explain_full(db)
        if full and table.find(db, reading.meter_id, reading.slot) is None:
            raise SpoolFullError(full)
        result = table.add(db, reading, int(self._clock()))
        if result == PUSH_ACCEPTED:
            self._backlog += 1
        return result

    def _explain_full(self, db: sqlite3.Connection) -> str:
        """Why there is no space for another reading; empty if there is."""
        if self._backlog >= self._limits.backlog_max:
            return f"The backlog has reached its limit of {self._backlog} readings."
        if table.measure_bytes(db) >= self._limits.file_bytes_max:
            return f"The spool has reached its limit of {self._limits.file_bytes_max} bytes."
        return ""

    def _record(self, db: sqlite3.Connection, results: list[tuple[Reading, Result]]) -> None:
        """Stores results and updates the backlog."""
        self._backlog -= table.record(db, results, int(self._clock()))


def require_owner(db: sqlite3.Connection, chain_id: str, bridge: str) -> None:
    """Binds the spool on first use; errors: WrongOwnerError."""
    owner = table.bind(db, chain_id, bridge)
    if owner != (chain_id, bridge):
        raise WrongOwnerError(
            f"The spool belongs to bridge {owner[1]} on chain {owner[0]}, not to {bridge} on "
            f"{chain_id}; start the bridge with the right node and key, or with another home."
        )


def open_spool(path: Path) -> sqlite3.Connection:
    """Opens the spool's tables; errors: SpoolBrokenError with one sentence."""
    try:
        return table.open_tables(path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise SpoolBrokenError(f"Another bridge uses {path}; stop it first.") from error
        raise SpoolBrokenError(
            f"The spool {path} cannot be used: {error}; move it away or restore it."
        ) from error
    except OSError as error:
        raise SpoolBrokenError(f"The spool {path} cannot be created: {error.strerror}.") from error
