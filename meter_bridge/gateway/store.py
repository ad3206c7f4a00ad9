"""What a gateway keeps on disk: signed readings with their telegrams, and notes.

A reading is on disk before it is sent, once for each meter and slot: there is never a second one
with other content. It has a rising number, and stays until the bridge has acknowledged it. Its
telegram stays longer, with the salt of the hash that the chain has of it, for the day on which
somebody doubts the reading.
Notes are the counters of meters, cursors of sources, and sums; they change with the reading that
they belong to.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from blockenergy.bridge.v1.bridge_pb2 import PushResult
from blockenergy.metering.v1.state_pb2 import Reading

FILE = "gateway.sqlite"
SALT_BYTES = 16


def hash_telegram(raw: bytes) -> tuple[bytes, bytes]:
    """A new salt, and the hash of it and a telegram, as a reading has it on the chain."""
    salt = os.urandom(SALT_BYTES)
    return salt, hashlib.sha256(salt + raw).digest()


WAITING, ACKNOWLEDGED, GIVEN_UP = 0, 1, 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    meter TEXT NOT NULL,
    slot INTEGER NOT NULL,
    reading BLOB NOT NULL,
    quality TEXT NOT NULL,
    salt BLOB NOT NULL,
    raw BLOB NOT NULL,
    made_s INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    result INTEGER NOT NULL DEFAULT 0,
    UNIQUE (meter, slot)
);
CREATE INDEX IF NOT EXISTS waiting ON readings (number) WHERE state = 0;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StoreError(Exception):
    """The store cannot be used. The text is one sentence."""


@dataclass(frozen=True)
class Entry:
    """A reading with what it was made of."""

    reading: Reading
    raw: bytes
    # measured, unprotected, or derived.
    quality: str
    made_s: int
    # In front of the telegram in the hash that the reading has; empty if it has none.
    salt: bytes = b""
    notes: Mapping[str, str] = field(default_factory=dict)


class Store:
    """The store in a folder; thread-safe. Errors: StoreError."""

    def __init__(self, home: Path, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(home / FILE, check_same_thread=False, isolation_level=None)
            # One gateway at a time, and nothing is told before it is on disk.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The folder {home} cannot be used, or another gateway uses it: {error}."
            ) from error
        self._waiting = self._count_waiting()

    def add(self, entry: Entry) -> bool:
        """Keeps a reading with its notes; False if there is one of this meter and slot.

        Errors: StoreError if too many wait.
        """
        reading = entry.reading
        with self._lock:
            if self._waiting >= self._waiting_max:
                raise StoreError(f"{self._waiting} readings wait for the bridge, the most allowed.")
            try:
                with _Transaction(self._db):
                    added = self._db.execute(
                        "INSERT OR IGNORE INTO readings "
                        "(meter, slot, reading, quality, salt, raw, made_s) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (
                            reading.meter_id,
                            reading.slot,
                            reading.SerializeToString(),
                            entry.quality,
                            entry.salt,
                            entry.raw,
                            entry.made_s,
                        ),
                    ).rowcount
                    self._write_notes(entry.notes)
            except sqlite3.Error as error:
                raise StoreError(f"A reading cannot be written: {error}.") from error
            self._waiting += added
        return added == 1

    def find(self, meter_id: str, slot: int) -> Entry | None:
        """A reading with its telegram and salt, without notes."""
        with self._lock:
            row = self._db.execute(
                "SELECT reading, raw, quality, made_s, salt FROM readings "
                "WHERE meter = ? AND slot = ?",
                (meter_id, slot),
            ).fetchone()
        return Entry(Reading.FromString(row[0]), *row[1:]) if row else None

    def has(self, meter_id: str, slot: int) -> bool:
        """Whether there is a reading of this meter and slot."""
        with self._lock:
            query = "SELECT 1 FROM readings WHERE meter = ? AND slot = ?"
            return self._db.execute(query, (meter_id, slot)).fetchone() is not None

    def take_waiting(self, after: int, count_max: int) -> list[tuple[int, Reading]]:
        """The oldest readings that wait, behind a number, with theirs."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, reading FROM readings WHERE state = 0 AND number > ? "
                "ORDER BY number LIMIT ?",
                (after, count_max),
            ).fetchall()
        return [(number, Reading.FromString(content)) for number, content in rows]

    def decide(self, results: Mapping[int, tuple[int, PushResult]]) -> None:
        """Records what became of readings, by their numbers: state and result."""
        with self._lock:
            with _Transaction(self._db):
                for number, (state, result) in results.items():
                    self._db.execute(
                        "UPDATE readings SET state = ?, result = ? WHERE number = ?",
                        (state, result, number),
                    )
            self._waiting = self._count_waiting()

    def forget_raw(self, before_s: int) -> int:
        """Removes the telegrams of old readings that were acknowledged; returns how many."""
        with self._lock, _Transaction(self._db):
            return self._db.execute(
                "UPDATE readings SET raw = x'' WHERE made_s < ? AND state = 1 AND raw != x''",
                (before_s,),
            ).rowcount

    def count_waiting(self) -> int:
        """How many readings wait for the bridge."""
        with self._lock:
            return self._waiting

    def get_note(self, name: str) -> str:
        """A note; empty if there is none."""
        with self._lock:
            row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def keep_note(self, name: str, value: str) -> None:
        """Keeps a note."""
        with self._lock, _Transaction(self._db):
            self._write_notes({name: value})

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _write_notes(self, notes: Mapping[str, str]) -> None:
        self._db.executemany(
            "INSERT INTO notes VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            list(notes.items()),
        )

    def _count_waiting(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM readings WHERE state = 0").fetchone()[0])


class _Transaction:
    """All or nothing, on disk when it ends."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
