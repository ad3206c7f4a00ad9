"""The spool: what it has accepted is on disk, and stays there until the chain has decided.

`add` returns a future. When the future has its outcome, the reading has been written and flushed
to the disk; a process that is killed, or a machine that loses power, does not lose it any more.
All work goes through one thread, which puts everything that has come in the meantime into one
transaction: many pushes share one flush. docs/decisions/0003-bridge-spool.md says why SQLite.

A full disk refuses new readings and keeps the old ones. A disk that fails breaks the spool for
good: what the file then holds is not known until it is read again, by a new process.
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

from blockenergy.bridge.v1.bridge_pb2 import Refusal
from blockenergy.metering.v1.state_pb2 import Reading

from meter_bridge import spool_table
from meter_bridge.spool_table import Counts, Entry, Outcome, Verdict

__all__ = [
    "Counts",
    "Entry",
    "Outcome",
    "Spool",
    "SpoolBrokenError",
    "SpoolFullError",
    "SpoolLimits",
    "Verdict",
    "WrongOwnerError",
]

T = TypeVar("T")

log = logging.getLogger(__name__)

FILE_NAME = "spool.db"
# Tasks that share one transaction at the most.
GROUP_MAX = 2_000
PRUNED_AT_ONCE_MAX = 5_000


class SpoolFullError(Exception):
    """There is no room for another reading. The text is one sentence."""


class SpoolBrokenError(Exception):
    """The spool cannot be used. The text is one sentence."""


class WrongOwnerError(Exception):
    """The spool belongs to another chain or another bridge. The text is one sentence."""


@dataclass(frozen=True)
class SpoolLimits:
    """How much the spool holds."""

    # Readings that the chain has not decided; about 300 bytes of disk each.
    backlog_max: int = 1_000_000
    # Decided readings that are kept for ReadingStatus, and for how long.
    decided_max: int = 1_000_000
    retention_s: int = 7 * 86_400
    # Size of the file from which on nothing new is accepted; what is in it can still be decided.
    file_bytes_max: int = 2 * 1024**3


@dataclass(frozen=True)
class Task(Generic[T]):
    """Work on the tables, and who waits for its result."""

    work: Callable[[sqlite3.Connection], T]
    future: Future[T]

    def run(self, db: sqlite3.Connection) -> Callable[[], None]:
        """Does the work; returns what tells the result, to be called after the commit."""
        try:
            result = self.work(db)
        except (SpoolFullError, WrongOwnerError) as error:
            # The name `error` ends with this block.
            refusal = error
            return lambda: self.future.set_exception(refusal)
        return lambda: self.future.set_result(result)


class Spool:
    """The spool in a folder, which is made if it is missing.

    `clock` gives the time in seconds since 1970. `on_failure` is called once, from the thread
    that writes, when the spool has broken.

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
        self._backlog = spool_table.count_backlog(self._db)
        self._broken: SpoolBrokenError | None = None
        self._wakeup = threading.Condition()
        self._tasks: list[Task[Any]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run_groups, name="spool", daemon=True)
        self._thread.start()

    def require_owner(self, chain_id: str, bridge: str) -> None:
        """Binds an empty spool to a chain and a bridge's address.

        Errors: WrongOwnerError if the spool is bound to others. To submit its readings there would
        have all of them refused for good.
        """
        self._hand_over(lambda db: require_owner(db, chain_id, bridge)).result()

    def add(self, reading: Reading) -> Future[Outcome]:
        """Accepts a signed reading; the future has its outcome once that is on disk.

        Errors, through the future: SpoolFullError, SpoolBrokenError.
        """
        return self._hand_over(lambda db: self._add(db, reading))

    def take_due(self, first_open_slot: int, last_ended_slot: int, count_max: int) -> list[Reading]:
        """The next readings to submit, marked as submitted; see `spool_table.take_due`."""
        return self._hand_over(
            lambda db: spool_table.take_due(db, first_open_slot, last_ended_slot, count_max)
        ).result()

    def record(self, verdicts: Iterable[Verdict]) -> None:
        """Writes down what the chain decided."""
        decided = list(verdicts)
        self._hand_over(lambda db: self._record(db, decided)).result()

    def prune(self) -> int:
        """Removes decided readings that are older or more than the limits say; how many went."""
        before_s = int(self._clock()) - self._limits.retention_s
        keep_max = self._limits.decided_max
        return self._hand_over(
            lambda db: spool_table.prune(db, before_s, keep_max, PRUNED_AT_ONCE_MAX)
        ).result()

    def find(self, meter_id: str, slot: int) -> Entry | None:
        """The entry of a meter and slot, if there is one."""
        return self._hand_over(lambda db: spool_table.find(db, meter_id, slot)).result()

    def count(self) -> Counts:
        """How many readings are in which state."""
        return self._hand_over(spool_table.count).result()

    def list_refusals(self, count_max: int) -> list[Refusal]:
        """The latest refusals by the chain, newest first."""
        return self._hand_over(lambda db: spool_table.list_refusals(db, count_max)).result()

    def close(self) -> None:
        """Finishes what was handed over and closes the file."""
        with self._wakeup:
            self._closed = True
            self._wakeup.notify()
        self._thread.join()
        self._db.close()

    def _hand_over(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queues work for the thread."""
        task = Task(work, Future())
        with self._wakeup:
            if self._closed:
                raise SpoolBrokenError("The spool is closed.")
            self._tasks.append(task)
            self._wakeup.notify()
        return task.future

    def _run_groups(self) -> None:
        """Works until the spool is closed and nothing is left to do."""
        while group := self._take_group():
            self._run_group(group)

    def _take_group(self) -> list[Task[Any]]:
        """Waits for tasks and takes all that are there; none means that the spool is closed."""
        with self._wakeup:
            self._wakeup.wait_for(lambda: self._tasks or self._closed)
            group = self._tasks[:GROUP_MAX]
            del self._tasks[:GROUP_MAX]
        return group

    def _run_group(self, group: list[Task[Any]]) -> None:
        """Runs the tasks in one transaction, and tells the results once that is on disk."""
        try:
            if self._broken is not None:
                raise self._broken
            self._db.execute("BEGIN IMMEDIATE")
            announcements = [task.run(self._db) for task in group]
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001, whoever waits must hear of every failure
            failure = self._undo(error)
            announcements = [partial(task.future.set_exception, failure) for task in group]
        for announce in announcements:
            announce()

    def _undo(self, error: Exception) -> Exception:
        """Rolls back; a full disk is told to those who wait, anything else breaks the spool."""
        if self._broken is not None:
            return self._broken
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self._backlog = spool_table.count_backlog(self._db)
            return SpoolFullError("The bridge's disk is full.")
        self._broken = SpoolBrokenError(f"The spool's disk or file has failed: {error}.")
        log.critical("%s", self._broken, exc_info=error)
        if self._on_failure is not None:
            self._on_failure(self._broken)
        return self._broken

    def _add(self, db: sqlite3.Connection, reading: Reading) -> Outcome:
        """Accepts a reading if there is room; what was accepted before needs none."""
        full = self._explain_full(db)
        if full and spool_table.find(db, reading.meter_id, reading.slot) is None:
            raise SpoolFullError(full)
        outcome = spool_table.add(db, reading, int(self._clock()))
        if outcome is Outcome.ACCEPTED:
            self._backlog += 1
        return outcome

    def _explain_full(self, db: sqlite3.Connection) -> str:
        """Why there is no room for another reading; empty if there is."""
        if self._backlog >= self._limits.backlog_max:
            return f"The bridge has {self._backlog} readings waiting, its limit."
        if spool_table.measure_bytes(db) >= self._limits.file_bytes_max:
            return f"The bridge's spool has {self._limits.file_bytes_max} bytes, its limit."
        return ""

    def _record(self, db: sqlite3.Connection, verdicts: list[Verdict]) -> None:
        """Writes verdicts down and keeps count of the backlog."""
        self._backlog -= spool_table.record(db, verdicts, int(self._clock()))


def require_owner(db: sqlite3.Connection, chain_id: str, bridge: str) -> None:
    """Writes down whose spool this is, or refuses others."""
    owner = spool_table.bind(db, chain_id, bridge)
    if owner != (chain_id, bridge):
        raise WrongOwnerError(
            f"The spool belongs to bridge {owner[1]} on chain {owner[0]}, not to {bridge} on "
            f"{chain_id}; start the bridge with the right node and key, or with another home."
        )


def open_spool(path: Path) -> sqlite3.Connection:
    """The spool's tables; turns what can go wrong into one sentence."""
    try:
        return spool_table.open_tables(path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise SpoolBrokenError(f"Another bridge uses {path}; stop it first.") from error
        raise SpoolBrokenError(
            f"The spool {path} cannot be used: {error}; set it aside, or restore it."
        ) from error
    except OSError as error:
        raise SpoolBrokenError(f"The spool {path} cannot be made: {error.strerror}.") from error
