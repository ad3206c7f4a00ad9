"""What a home has seen, decided and sent: on disk before anything is sent.

A turn is one decision for one slot in delivery; the slot is its key, so a turn that is on record is
not taken again. It is written with the signed bytes of its transaction, and only those are ever
sent, so that a program that was killed at any moment sends them again instead of ordering twice.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from client.errors import MissingError, UsageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    slot INTEGER PRIMARY KEY, status TEXT NOT NULL, seen TEXT NOT NULL, decided TEXT NOT NULL,
    tx BLOB NOT NULL, timeout_height INTEGER NOT NULL, outcome TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE TABLE IF NOT EXISTS measured (
    slot INTEGER PRIMARY KEY, net_wh INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
# What a year of quarters of an hour needs twice over is plenty.
TURNS_KEPT = 100_000
_SLOT_MAX = 2**63 - 1


class TurnStatus(StrEnum):
    """Where a turn is."""

    # Nothing was to be ordered, or it may not be.
    QUIET = "quiet"
    # Written down and perhaps sent.
    SIGNED = "signed"
    # In a block, executed or not.
    INCLUDED = "included"
    # It can never be in a block any more.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Turn:
    """One decision. `seen`, `decided` and `outcome` are JSON, for people and for replaying."""

    slot: int
    status: TurnStatus
    seen: Mapping[str, Any]
    decided: Mapping[str, Any]
    tx: bytes = b""
    timeout_height: int = 0
    # What was traded of each order, in their order; or one sentence under `error`.
    outcome: Mapping[str, Any] | None = None


class Journal:
    """The journal of one home. One process at a time may have it; UsageError for a second one."""

    def __init__(self, path: Path) -> None:
        try:
            self._lock = path.with_name(f"{path.name}.lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except BlockingIOError:
            raise UsageError(f"another agent is running with the journal {path}") from None
        except (OSError, sqlite3.Error) as error:
            raise MissingError(f"the journal {path} cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()
        self._lock.close()

    def write_turn(self, turn: Turn, notes: Mapping[str, Any]) -> None:
        """A turn with what is to be remembered, at once; one of the same slot is replaced."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    turn.slot,
                    turn.status,
                    json.dumps(turn.seen),
                    json.dumps(turn.decided),
                    turn.tx,
                    turn.timeout_height,
                    json.dumps(turn.outcome),
                ),
            )
            self._database.execute("DELETE FROM turns WHERE slot < ?", (turn.slot - TURNS_KEPT,))
            self._write_notes(notes)

    def get_last_turn(self, until_slot: int = _SLOT_MAX) -> Turn | None:
        """The latest turn, of `until_slot` or before."""
        return self._find("WHERE slot <= ? ORDER BY slot DESC LIMIT 1", until_slot)

    def list_turns(self, first_slot: int) -> list[Turn]:
        """Turns from a slot on, the oldest first."""
        rows = self._database.execute(
            "SELECT * FROM turns WHERE slot >= ? ORDER BY slot", (first_slot,)
        )
        return [_make_turn(row) for row in rows]

    def write_measured(self, slot: int, net_wh: int, notes: Mapping[str, Any]) -> None:
        """What a slot came to, with what is to be remembered with it."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("INSERT OR REPLACE INTO measured VALUES (?, ?)", (slot, net_wh))
            self._write_notes(notes)

    def list_measured(self, first_slot: int) -> dict[int, int]:
        """What slots from one on came to."""
        return dict(
            self._database.execute(
                "SELECT slot, net_wh FROM measured WHERE slot >= ? ORDER BY slot", (first_slot,)
            )
        )

    def get_note(self, name: str, default: Any) -> Any:
        """What was remembered under a name."""
        row = self._database.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def write_notes(self, notes: Mapping[str, Any]) -> None:
        """Remembers values under their names."""
        with self._database:
            self._write_notes(notes)

    def _write_notes(self, notes: Mapping[str, Any]) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO notes VALUES (?, ?)",
            [(name, json.dumps(value)) for name, value in notes.items()],
        )

    def _find(self, condition: str, *values: int) -> Turn | None:
        # The condition is one of those above.
        query = f"SELECT * FROM turns {condition}"  # noqa: S608
        row = self._database.execute(query, values).fetchone()
        return None if row is None else _make_turn(row)


def _make_turn(row: tuple[Any, ...]) -> Turn:
    slot, status, seen, decided, tx, timeout_height, outcome = row
    return Turn(
        slot,
        TurnStatus(status),
        json.loads(seen),
        json.loads(decided),
        tx,
        timeout_height,
        json.loads(outcome),
    )
