"""The spool's tables in SQLite: one row per meter and slot, with its state.

    waiting -> submitted -> done | rejected       submitted -> submitted, when submitted again

Every function runs inside its caller's transaction; none of them commits.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blockenergy.bridge.v1.bridge_pb2 import (
    PUSH_ACCEPTED,
    PUSH_CONFLICT,
    PUSH_DUPLICATE,
    SPOOL_DONE,
    SPOOL_REJECTED,
    SPOOL_SUBMITTED,
    SPOOL_WAITING,
    PushResult,
    ReadingStatusResponse,
    Rejection,
)
from blockenergy.metering.v1.state_pb2 import Reading, ReadingResult

from meter_bridge.chain import Result

log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE readings (
    meter_id TEXT NOT NULL,
    slot INTEGER NOT NULL,
    import_wh INTEGER NOT NULL,
    export_wh INTEGER NOT NULL,
    signature BLOB NOT NULL,
    telegram_hash BLOB NOT NULL,
    accepted_s INTEGER NOT NULL,
    state INTEGER NOT NULL,
    result INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    decided_s INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (meter_id, slot)
) WITHOUT ROWID;
CREATE INDEX undecided_by_slot ON readings (slot, meter_id) WHERE state <= 2;
CREATE INDEX undecided_by_age ON readings (accepted_s) WHERE state <= 2;
CREATE INDEX decided_by_age ON readings (decided_s) WHERE state >= 3;
CREATE INDEX rejected_by_age ON readings (decided_s) WHERE state = 4;
CREATE TABLE owner (chain_id TEXT NOT NULL, bridge TEXT NOT NULL);
CREATE TABLE conflicts (
    meter_id TEXT NOT NULL,
    slot INTEGER NOT NULL,
    import_wh INTEGER NOT NULL,
    export_wh INTEGER NOT NULL,
    signature BLOB NOT NULL,
    first_s INTEGER NOT NULL,
    pushes INTEGER NOT NULL,
    PRIMARY KEY (meter_id, slot)
) WITHOUT ROWID;
CREATE INDEX conflicts_by_age ON conflicts (first_s);
"""
# The numbers in the SQL statements: undecided is state <= 2, decided is state >= 3.
assert (SPOOL_WAITING, SPOOL_SUBMITTED, SPOOL_DONE, SPOOL_REJECTED) == (1, 2, 3, 4)


@dataclass(frozen=True)
class Counts:
    """How many readings are in each state."""

    backlog: int
    # When the oldest reading of the backlog was accepted; 0 if there is none.
    backlog_since_s: int
    done: int
    rejected: int
    conflicts: int


def open_tables(path: Path) -> sqlite3.Connection:
    """Opens the file, creates it if missing, and checks its integrity.

    SQLite locks the file against every other process until the connection is closed or the
    process ends. A commit returns once everything is on disk (synchronous = FULL).

    Errors: sqlite3.Error.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    (damage,) = db.execute("PRAGMA quick_check(1)").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if damage != "ok":
        raise sqlite3.DatabaseError(f"the file is damaged ({damage})")
    if version == 0 and tables == 0:
        db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"its tables have version {version}, not {SCHEMA_VERSION}")
    return db


def bind(db: sqlite3.Connection, chain_id: str, bridge: str) -> tuple[str, str]:
    """Returns the chain and bridge that own the spool: these, if it had no owner."""
    db.execute(
        "INSERT INTO owner SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM owner)", (chain_id, bridge)
    )
    owner: tuple[str, str] = db.execute("SELECT chain_id, bridge FROM owner").fetchone()
    return owner


def add(db: sqlite3.Connection, reading: Reading, now_s: int) -> PushResult:
    """Accepts a reading unless one was accepted before for the same meter and slot.

    PUSH_DUPLICATE if that has the same registers. PUSH_CONFLICT if it does not: it stays, and the
    first other content is kept as evidence, and logged.
    """
    key = (reading.meter_id, reading.slot)
    registers = (reading.import_register_wh, reading.export_register_wh)
    found = db.execute(
        "SELECT import_wh, export_wh FROM readings WHERE meter_id = ? AND slot = ?", key
    ).fetchone()
    if found is None:
        db.execute(
            "INSERT INTO readings (meter_id, slot, import_wh, export_wh, signature, telegram_hash,"
            " accepted_s, state) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            (*key, *registers, reading.signature, reading.telegram_hash, now_s),
        )
        return PUSH_ACCEPTED
    if found == registers:
        return PUSH_DUPLICATE
    (pushes,) = db.execute(
        "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?, ?, 1)"
        " ON CONFLICT DO UPDATE SET pushes = pushes + 1 RETURNING pushes",
        (*key, *registers, reading.signature, now_s),
    ).fetchone()
    # Once, so that a meter that repeats itself does not fill the log.
    if pushes == 1:
        log.error("conflict: meter %s signed two readings for slot %d", *key)
    return PUSH_CONFLICT


def find(db: sqlite3.Connection, meter_id: str, slot: int) -> Reading | None:
    """The accepted reading of a meter and slot, if any."""
    row = db.execute(
        "SELECT meter_id, slot, import_wh, export_wh, signature, telegram_hash FROM readings"
        " WHERE meter_id = ? AND slot = ?",
        (meter_id, slot),
    ).fetchone()
    return None if row is None else make_reading(row)


def get_status(db: sqlite3.Connection, meter_id: str, slot: int) -> ReadingStatusResponse | None:
    """The state of an accepted reading, if there is one for the meter and slot."""
    row = db.execute(
        "SELECT state, result, height,"
        " (SELECT pushes FROM conflicts c WHERE c.meter_id = r.meter_id AND c.slot = r.slot)"
        " FROM readings r WHERE meter_id = ? AND slot = ?",
        (meter_id, slot),
    ).fetchone()
    if row is None:
        return None
    return ReadingStatusResponse(state=row[0], result=row[1], height=row[2], conflicts=row[3] or 0)


def take_due(
    db: sqlite3.Connection, first_open_slot: int, last_ended_slot: int, count_max: int
) -> list[Reading]:
    """Marks readings as submitted and returns them: the oldest that are in time, then late ones.

    Late readings come last, so that after a long outage they do not delay those still in time.
    """
    query = (
        "SELECT meter_id, slot, import_wh, export_wh, signature, telegram_hash FROM readings"
        " WHERE state <= 2 AND slot BETWEEN ? AND ? ORDER BY slot, meter_id LIMIT ?"
    )
    rows = db.execute(query, (first_open_slot, last_ended_slot, count_max)).fetchall()
    late_max = min(first_open_slot - 1, last_ended_slot)
    rows += db.execute(query, (0, late_max, count_max - len(rows))).fetchall()
    db.executemany(
        "UPDATE readings SET state = 2 WHERE meter_id = ? AND slot = ? AND state = 1",
        (row[:2] for row in rows),
    )
    return [make_reading(row) for row in rows]


def record(db: sqlite3.Connection, results: Iterable[tuple[Reading, Result]], now_s: int) -> int:
    """Stores final results of the chain; a reading that has one already keeps it.

    Returns how many readings were decided.
    """
    changed = db.executemany(
        "UPDATE readings SET state = ?, result = ?, height = ?, decided_s = ?"
        " WHERE meter_id = ? AND slot = ? AND state <= 2",
        (
            (
                SPOOL_DONE if result.is_recorded else SPOOL_REJECTED,
                *(result.code, result.height, now_s),
                *(reading.meter_id, reading.slot),
            )
            for reading, result in results
            if result.is_final
        ),
    )
    return changed.rowcount


def prune(db: sqlite3.Connection, before_s: int, keep_max: int, count_max: int) -> int:
    """Removes up to `count_max` decided readings and as many conflicts: those older than
    `before_s`, and the oldest readings beyond `keep_max`. Returns how many readings were removed.
    """
    (decided,) = db.execute("SELECT COUNT(*) FROM readings WHERE state >= 3").fetchone()
    rows = db.execute(
        "SELECT meter_id, slot, decided_s FROM readings WHERE state >= 3"
        " ORDER BY decided_s LIMIT ?",
        (count_max,),
    ).fetchall()
    old = [row[:2] for i, row in enumerate(rows) if row[2] < before_s or i < decided - keep_max]
    db.executemany("DELETE FROM readings WHERE meter_id = ? AND slot = ?", old)
    db.execute(
        "DELETE FROM conflicts WHERE (meter_id, slot) IN (SELECT meter_id, slot FROM conflicts"
        " WHERE first_s < ? ORDER BY first_s LIMIT ?)",
        (before_s, count_max),
    )
    return len(old)


def measure_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file in use, without the pages that pruning has freed."""
    page_bytes, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page_bytes * (pages - free))


def count_backlog(db: sqlite3.Connection) -> int:
    """How many readings have no final result."""
    (backlog,) = db.execute("SELECT COUNT(*) FROM readings WHERE state <= 2").fetchone()
    return int(backlog)


def count(db: sqlite3.Connection) -> Counts:
    """All the counts that health reports."""
    (since_s,) = db.execute("SELECT MIN(accepted_s) FROM readings WHERE state <= 2").fetchone()
    (decided,) = db.execute("SELECT COUNT(*) FROM readings WHERE state >= 3").fetchone()
    (rejected,) = db.execute("SELECT COUNT(*) FROM readings WHERE state = 4").fetchone()
    (conflicts,) = db.execute("SELECT COUNT(*) FROM conflicts").fetchone()
    return Counts(count_backlog(db), since_s or 0, decided - rejected, rejected, conflicts)


def list_rejections(db: sqlite3.Connection, count_max: int) -> list[Rejection]:
    """The latest rejections by the chain, newest first."""
    rows: Sequence[tuple[str, int, ReadingResult]] = db.execute(
        "SELECT meter_id, slot, result FROM readings WHERE state = 4"
        " ORDER BY decided_s DESC LIMIT ?",
        (count_max,),
    ).fetchall()
    return [Rejection(meter_id=row[0], slot=row[1], result=row[2]) for row in rows]


def make_reading(row: tuple[str, int, int, int, bytes, bytes]) -> Reading:
    """The reading as the meter signed it."""
    return Reading(
        meter_id=row[0],
        slot=row[1],
        import_register_wh=row[2],
        export_register_wh=row[3],
        signature=row[4],
        telegram_hash=row[5],
    )
