"""The spool stores each accepted reading once, with its state."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockenergy.bridge.v1.bridge_pb2 import (
    PUSH_ACCEPTED,
    PUSH_CONFLICT,
    PUSH_DUPLICATE,
    SPOOL_REJECTED,
    SPOOL_SUBMITTED,
    SPOOL_WAITING,
    PushResult,
    ReadingStatusResponse,
)
from blockenergy.metering.v1.state_pb2 import (
    READING_OUT_OF_RANGE,
    READING_RECORDED,
    READING_RESULT_UNSPECIFIED,
    Reading,
)

from meter_bridge.chain import Result
from meter_bridge.spool import (
    Counts,
    Spool,
    SpoolBrokenError,
    SpoolFullError,
    SpoolLimits,
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


def add(spool: Spool, reading: Reading) -> PushResult:
    return spool.add(reading).result(DEADLINE_S)


def decide(spool: Spool, reading: Reading, *, done: bool = True) -> None:
    spool.record([(reading, Result(READING_RECORDED if done else READING_OUT_OF_RANGE, 7))])


def get_status(spool: Spool, meter_id: str = "HOME-07", slot: int = SLOT) -> ReadingStatusResponse:
    status = spool.get_status(meter_id, slot)
    assert status is not None
    return status


def test_reading_is_kept_as_it_was_signed(spool: Spool) -> None:
    reading = make_reading(import_wh=(1 << 63) - 1, export_wh=5)
    assert add(spool, reading) == PUSH_ACCEPTED
    assert spool.find(reading.meter_id, reading.slot) == reading
    status = get_status(spool)
    assert (status.state, status.result) == (SPOOL_WAITING, READING_RESULT_UNSPECIFIED)
    assert spool.find("HOME-08", reading.slot) is None
    assert spool.get_status("HOME-08", reading.slot) is None


def test_same_content_is_a_duplicate_and_other_content_a_conflict(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    reading = make_reading(import_wh=1_000)
    other = make_reading(import_wh=1_001)
    results = [add(spool, one) for one in (reading, reading, other, other, reading)]
    assert results == [
        PUSH_ACCEPTED,
        PUSH_DUPLICATE,
        PUSH_CONFLICT,
        PUSH_CONFLICT,
        PUSH_DUPLICATE,
    ]
    assert spool.find(reading.meter_id, reading.slot) == reading
    assert get_status(spool).conflicts == 2
    # However often a meter repeats itself, the log has one line.
    assert [text for text in caplog.messages if text.startswith("conflict: meter")] == [
        f"conflict: meter {reading.meter_id} signed two readings for slot {reading.slot}"
    ]
    assert spool.count() == Counts(
        backlog=1, backlog_since_s=NOW_S, done=0, rejected=0, conflicts=1
    )


def test_everything_survives_a_restart(tmp_path: Path, clock: Clock) -> None:
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
    states = [get_status(spool, slot=slot).state for slot in (SLOT, SLOT + 1)]
    assert states == [SPOOL_SUBMITTED, SPOOL_WAITING]


def test_what_is_decided_is_not_submitted_or_decided_again(spool: Spool) -> None:
    rejected, done = make_reading("HOME-1"), make_reading("HOME-2")
    for reading in (rejected, done):
        add(spool, reading)
        decide(spool, reading, done=reading is done)
        decide(spool, reading, done=reading is not done)
    assert spool.take_due(SLOT, SLOT, 10) == []
    status = get_status(spool, "HOME-1")
    assert (status.state, status.result, status.height) == (SPOOL_REJECTED, READING_OUT_OF_RANGE, 7)
    assert spool.count() == Counts(0, 0, 1, 1, 0)
    assert [one.meter_id for one in spool.list_rejections(10)] == ["HOME-1"]


def test_full_spool_rejects_new_readings_only(tmp_path: Path, clock: Clock) -> None:
    spool = Spool(tmp_path, clock, SpoolLimits(backlog_max=2))
    try:
        first, second, third = (make_reading(f"HOME-{number}") for number in range(3))
        add(spool, first)
        add(spool, second)
        with pytest.raises(SpoolFullError, match="limit of 2 readings"):
            add(spool, third)
        assert add(spool, first) == PUSH_DUPLICATE
        decide(spool, first)
        assert add(spool, third) == PUSH_ACCEPTED
    finally:
        spool.close()


def test_file_at_its_limit_rejects_new_readings(tmp_path: Path, clock: Clock) -> None:
    spool = Spool(tmp_path, clock, SpoolLimits(file_bytes_max=100_000))
    try:
        readings = [make_reading(f"HOME-{number}") for number in range(1_000)]
        futures = [spool.add(reading) for reading in readings]
        failures = [future.exception(DEADLINE_S) for future in futures]
        accepted = failures.index(next(filter(None, failures)))
        assert 100 < accepted < 1_000
        assert "limit of 100000 bytes" in str(failures[accepted])
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


def test_pruning_keeps_the_newest_decided_readings(tmp_path: Path, clock: Clock) -> None:
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


def test_concurrent_adds_each_get_their_own_result(spool: Spool) -> None:
    readings = [make_reading(f"HOME-{number % 500}") for number in range(1_000)]
    results = [future.result(DEADLINE_S) for future in [spool.add(one) for one in readings]]
    assert results == [PUSH_ACCEPTED] * 500 + [PUSH_DUPLICATE] * 500


def test_spool_belongs_to_one_chain_and_one_bridge(spool: Spool) -> None:
    spool.require_owner("street-1", "energy1a")
    spool.require_owner("street-1", "energy1a")
    for chain_id, bridge in (("street-2", "energy1a"), ("street-1", "energy1b")):
        with pytest.raises(WrongOwnerError, match="bridge energy1a on chain street-1"):
            spool.require_owner(chain_id, bridge)


def test_second_bridge_in_the_same_folder_is_rejected(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(SpoolBrokenError, match="Another bridge uses"):
        Spool(tmp_path, Clock())
    assert add(spool, make_reading()) == PUSH_ACCEPTED


@pytest.mark.parametrize("content", [b"not a database at all, but quite long" * 50])
def test_foreign_file_is_rejected_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    with pytest.raises(SpoolBrokenError, match="move it away") as rejected:
        Spool(tmp_path, Clock())
    assert "\n" not in str(rejected.value)
    assert path.read_bytes() == content


def test_file_of_another_version_is_rejected(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SpoolBrokenError, match="version 99"):
        Spool(tmp_path, Clock())


def test_folder_that_cannot_be_created_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolBrokenError, match="cannot be created"):
        Spool(tmp_path / "file" / "home", Clock())


def test_files_are_readable_by_their_owner_only(spool: Spool, tmp_path: Path) -> None:
    add(spool, make_reading())
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(modes, 0)
    assert "spool.db" in modes


def test_closed_spool_accepts_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Clock())
    spool.close()
    with pytest.raises(SpoolBrokenError, match="closed"):
        spool.add(make_reading())
