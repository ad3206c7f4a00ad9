"""The spool keeps what it has accepted, once, in the state that the chain gave it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockenergy.bridge.v1.bridge_pb2 import (
    SPOOL_DONE,
    SPOOL_REFUSED,
    SPOOL_SUBMITTED,
    SPOOL_WAITING,
)
from blockenergy.metering.v1.state_pb2 import (
    READING_OUT_OF_RANGE,
    READING_RECORDED,
    READING_RESULT_UNSPECIFIED,
    Reading,
)

from meter_bridge.spool import (
    Counts,
    Outcome,
    Spool,
    SpoolBrokenError,
    SpoolFullError,
    SpoolLimits,
    Verdict,
    WrongOwnerError,
)
from tests.bridge.fakes import NOW_S, SLOT, Clock, make_reading

DEADLINE_S = 20


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Iterator[Spool]:
    spool = Spool(tmp_path, clock)
    yield spool
    spool.close()


def add(spool: Spool, reading: Reading) -> Outcome:
    return spool.add(reading).result(DEADLINE_S)


def decide(spool: Spool, reading: Reading, *, done: bool = True) -> None:
    state, result = (
        (SPOOL_DONE, READING_RECORDED) if done else (SPOOL_REFUSED, READING_OUT_OF_RANGE)
    )
    spool.record([Verdict(reading.meter_id, reading.slot, state, result, 7)])


def test_reading_is_kept_as_it_was_signed(spool: Spool) -> None:
    reading = make_reading(import_wh=(1 << 63) - 1, export_wh=5)
    assert add(spool, reading) is Outcome.ACCEPTED
    entry = spool.find(reading.meter_id, reading.slot)
    assert entry is not None
    assert entry.reading == reading
    assert (entry.state, entry.result) == (SPOOL_WAITING, READING_RESULT_UNSPECIFIED)
    assert spool.find("HOME-08", reading.slot) is None


def test_same_content_is_a_duplicate_and_other_content_a_conflict(spool: Spool) -> None:
    reading = make_reading(import_wh=1_000)
    other = make_reading(import_wh=1_001)
    outcomes = [add(spool, one) for one in (reading, reading, other, other, reading)]
    assert outcomes == [
        Outcome.ACCEPTED,
        Outcome.DUPLICATE,
        Outcome.CONFLICT,
        Outcome.CONFLICT,
        Outcome.DUPLICATE,
    ]
    entry = spool.find(reading.meter_id, reading.slot)
    assert entry is not None
    assert (entry.reading, entry.conflicts) == (reading, 2)
    assert spool.count() == Counts(backlog=1, backlog_since_s=NOW_S, done=0, refused=0, conflicts=1)


def test_everything_is_there_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    waiting, submitted, done = (make_reading(f"HOME-{number}") for number in range(3))
    spool = Spool(tmp_path, clock)
    for reading in (waiting, submitted, done):
        add(spool, reading)
    spool.take_due(SLOT, SLOT, 3)
    decide(spool, done)
    spool.close()
    spool = Spool(tmp_path, clock)
    try:
        assert spool.count() == Counts(2, NOW_S, 1, 0, 0)
        assert spool.take_due(SLOT, SLOT, 3) == [waiting, submitted]
    finally:
        spool.close()


def test_due_readings_come_oldest_first_and_late_ones_last(spool: Spool) -> None:
    for slot in (SLOT + 1, SLOT, SLOT - 1, SLOT - 5, SLOT - 6):
        add(spool, make_reading(slot=slot))
    due = spool.take_due(SLOT - 1, SLOT, 10)
    assert [reading.slot for reading in due] == [SLOT - 1, SLOT, SLOT - 6, SLOT - 5]
    assert [reading.slot for reading in spool.take_due(SLOT - 1, SLOT, 3)] == [
        SLOT - 1,
        SLOT,
        SLOT - 6,
    ]
    states = [spool.find("HOME-07", slot) for slot in (SLOT, SLOT + 1)]
    assert [entry.state for entry in states if entry] == [SPOOL_SUBMITTED, SPOOL_WAITING]


def test_what_is_decided_is_not_submitted_or_decided_again(spool: Spool) -> None:
    refused, done = make_reading("HOME-1"), make_reading("HOME-2")
    for reading in (refused, done):
        add(spool, reading)
        decide(spool, reading, done=reading is done)
        decide(spool, reading, done=reading is not done)
    assert spool.take_due(SLOT, SLOT, 10) == []
    entry = spool.find("HOME-1", SLOT)
    assert entry is not None
    assert (entry.state, entry.result, entry.height) == (SPOOL_REFUSED, READING_OUT_OF_RANGE, 7)
    assert spool.count() == Counts(0, 0, 1, 1, 0)
    assert [one.meter_id for one in spool.list_refusals(10)] == ["HOME-1"]


def test_full_spool_refuses_what_is_new_and_nothing_else(tmp_path: Path, clock: Clock) -> None:
    spool = Spool(tmp_path, clock, SpoolLimits(backlog_max=2))
    try:
        first, second, third = (make_reading(f"HOME-{number}") for number in range(3))
        add(spool, first)
        add(spool, second)
        with pytest.raises(SpoolFullError, match="2 readings waiting"):
            add(spool, third)
        assert add(spool, first) is Outcome.DUPLICATE
        decide(spool, first)
        assert add(spool, third) is Outcome.ACCEPTED
    finally:
        spool.close()


def test_large_file_refuses_what_is_new(tmp_path: Path, clock: Clock) -> None:
    spool = Spool(tmp_path, clock, SpoolLimits(file_bytes_max=100_000))
    try:
        readings = [make_reading(f"HOME-{number}") for number in range(1_000)]
        futures = [spool.add(reading) for reading in readings]
        failures = [future.exception(DEADLINE_S) for future in futures]
        accepted = failures.index(next(filter(None, failures)))
        assert 100 < accepted < 1_000
        assert "100000 bytes, its limit" in str(failures[accepted])
        assert all(isinstance(failure, SpoolFullError) for failure in failures[accepted:])
        for reading in readings[:accepted]:
            decide(spool, reading)
        assert spool.count().backlog == 0
    finally:
        spool.close()


def test_pruning_removes_old_decided_readings_only(tmp_path: Path, clock: Clock) -> None:
    spool = Spool(tmp_path, clock, SpoolLimits(retention_s=1_000))
    try:
        waiting, done = make_reading("HOME-1"), make_reading("HOME-2")
        for reading in (waiting, done, make_reading("HOME-2", import_wh=5)):
            add(spool, reading)
        decide(spool, done)
        clock.now_s += 1_000
        assert spool.prune() == 0
        clock.now_s += 1
        assert spool.prune() == 1
        assert spool.find("HOME-2", SLOT) is None
        assert spool.count() == Counts(1, NOW_S, 0, 0, 0)
    finally:
        spool.close()


def test_pruning_keeps_the_newest_of_too_many(tmp_path: Path, clock: Clock) -> None:
    spool = Spool(tmp_path, clock, SpoolLimits(decided_max=2))
    try:
        for number in range(5):
            reading = make_reading(f"HOME-{number}")
            add(spool, reading)
            decide(spool, reading)
            clock.now_s += 1
        assert spool.prune() == 3
        assert [spool.find(f"HOME-{number}", SLOT) is not None for number in range(5)] == [
            False,
            False,
            False,
            True,
            True,
        ]
    finally:
        spool.close()


def test_many_adds_at_once_all_get_their_own_outcome(spool: Spool) -> None:
    readings = [make_reading(f"HOME-{number % 500}") for number in range(1_000)]
    outcomes = [future.result(DEADLINE_S) for future in [spool.add(one) for one in readings]]
    assert outcomes == [Outcome.ACCEPTED] * 500 + [Outcome.DUPLICATE] * 500


def test_spool_belongs_to_one_chain_and_one_bridge(spool: Spool) -> None:
    spool.require_owner("street-1", "energy1a")
    spool.require_owner("street-1", "energy1a")
    for chain_id, bridge in (("street-2", "energy1a"), ("street-1", "energy1b")):
        with pytest.raises(WrongOwnerError, match="bridge energy1a on chain street-1"):
            spool.require_owner(chain_id, bridge)


def test_second_bridge_in_the_same_folder_is_refused(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolBrokenError, match="Another bridge uses"):
        Spool(tmp_path, Clock())
    assert add(spool, make_reading()) is Outcome.ACCEPTED


@pytest.mark.parametrize("content", [b"not a database at all, but quite long" * 50])
def test_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    with pytest.raises(SpoolBrokenError, match="set it aside") as refused:
        Spool(tmp_path, Clock())
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == content


def test_damaged_or_newer_file_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SpoolBrokenError, match="version 99"):
        Spool(tmp_path, Clock())


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolBrokenError, match="cannot be made"):
        Spool(tmp_path / "file" / "home", Clock())


def test_files_are_for_their_owner_only(spool: Spool, tmp_path: Path) -> None:
    add(spool, make_reading())
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(modes, 0)
    assert "spool.db" in modes


def test_closed_spool_accepts_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Clock())
    spool.close()
    with pytest.raises(SpoolBrokenError, match="closed"):
        spool.add(make_reading())
