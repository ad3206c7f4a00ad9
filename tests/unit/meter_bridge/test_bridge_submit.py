"""Accepted readings are submitted until each has a final result."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockenergy.bridge.v1.bridge_pb2 import (
    SPOOL_DONE,
    SPOOL_REJECTED,
    SPOOL_SUBMITTED,
    SPOOL_WAITING,
    ReadingStatusResponse,
)
from blockenergy.metering.v1 import state_pb2
from blockenergy.metering.v1.state_pb2 import Reading
from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.chain import ChainRejectedError, ChainUnreachableError, ChainView, Head, Params
from meter_bridge.chain.submit import Submitter, compute_due_slots
from meter_bridge.spool import Spool, WrongOwnerError
from tests.bridge.fakes import (
    CHAIN_ID,
    SLOT,
    SLOT_LENGTH_S,
    Clock,
    FakeChain,
    make_reading,
)
from tests.bridge.waiting import wait_until

WAIT_S = 20


class Desk:
    """A submitter with its spool and a fake chain."""

    def __init__(self, folder: Path) -> None:
        self.chain = FakeChain()
        self.spool = Spool(folder, Clock())
        self.failures: list[Exception] = []
        self.view = ChainView(self.chain)
        self.submitter = Submitter(
            self.chain, self.view, self.spool, self.failures.append, poll_s=0.01, backoff_max_s=0.02
        )

    def add(self, *readings: Reading) -> None:
        for future in [self.spool.add(reading) for reading in readings]:
            future.result(WAIT_S)

    def get_status(self, reading: Reading) -> ReadingStatusResponse:
        status = self.spool.get_status(reading.meter_id, reading.slot)
        assert status is not None
        return status


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.spool.close()
    assert desk.failures == []


def test_due_readings_are_submitted_together(desk: Desk) -> None:
    readings = [make_reading(f"HOME-{number}") for number in range(10)]
    desk.add(*readings)
    assert desk.submitter.run_once() is False
    assert desk.chain.submissions == [10]
    assert desk.chain.recorded == {(one.meter_id, one.slot): one for one in readings}
    for reading in readings:
        status = desk.get_status(reading)
        assert (status.state, status.result, status.height) == (
            SPOOL_DONE,
            state_pb2.READING_RECORDED,
            desk.chain.head.height,
        )
    desk.submitter.run_once()
    assert desk.chain.submissions == [10]


def test_submissions_respect_the_maximum_of_the_chain(desk: Desk) -> None:
    desk.add(*(make_reading(f"HOME-{number}") for number in range(120)))
    assert [desk.submitter.run_once() for _ in range(3)] == [True, True, False]
    assert desk.chain.submissions == [50, 50, 20]


def test_reading_waits_until_block_time_has_passed_its_slot(desk: Desk) -> None:
    reading = make_reading(slot=SLOT + 1)
    desk.add(reading)
    desk.chain.pass_time(SLOT_LENGTH_S - 1)
    desk.submitter.run_once()
    assert desk.get_status(reading).state == SPOOL_WAITING
    desk.chain.pass_time(1)
    desk.submitter.run_once()
    assert desk.get_status(reading).state == SPOOL_DONE


def test_lost_result_leads_to_a_second_submission_of_the_same_content(desk: Desk) -> None:
    reading = make_reading()
    desk.add(reading)
    desk.chain.responses_to_lose = 1
    with pytest.raises(ChainUnreachableError):
        desk.submitter.run_once()
    assert desk.get_status(reading).state == SPOOL_SUBMITTED
    desk.submitter.run_once()
    status = desk.get_status(reading)
    assert (status.state, status.result) == (SPOOL_DONE, state_pb2.READING_ALREADY_RECORDED)


def test_too_early_is_submitted_again(desk: Desk) -> None:
    reading = make_reading()
    desk.add(reading)
    desk.chain.results["HOME-07"] = state_pb2.READING_TOO_EARLY
    assert desk.submitter.run_once() is False
    assert desk.get_status(reading).state == SPOOL_SUBMITTED
    desk.chain.results.clear()
    desk.submitter.run_once()
    assert desk.get_status(reading).state == SPOOL_DONE


@pytest.mark.parametrize(
    "result",
    [
        state_pb2.READING_CONFLICT,
        state_pb2.READING_METER_UNKNOWN,
        state_pb2.READING_METER_NOT_ACTIVE,
        state_pb2.READING_WRONG_SIGNATURE,
        state_pb2.READING_TOO_LATE,
        state_pb2.READING_OUT_OF_RANGE,
    ],
)
def test_rejection_is_final_and_logged_as_an_error(
    desk: Desk, result: state_pb2.ReadingResult, caplog: pytest.LogCaptureFixture
) -> None:
    rejected, good = make_reading(), make_reading("HOME-08")
    desk.add(rejected, good)
    desk.chain.results["HOME-07"] = result
    with caplog.at_level(logging.ERROR):
        desk.submitter.run_once()
    status = desk.get_status(rejected)
    assert (status.state, status.result) == (SPOOL_REJECTED, result)
    assert desk.get_status(good).state == SPOOL_DONE
    assert state_pb2.ReadingResult.Name(result) in caplog.text
    assert "HOME-07" in caplog.text
    assert "HOME-08" not in caplog.text
    desk.submitter.run_once()
    assert desk.chain.submissions == [2]


def test_rejected_submission_keeps_all_its_readings(desk: Desk) -> None:
    reading = make_reading()
    desk.add(reading)
    desk.chain.rejection = "The participant lacks the role that this needs."
    with pytest.raises(ChainRejectedError):
        desk.submitter.run_once()
    assert desk.get_status(reading).state == SPOOL_SUBMITTED
    desk.chain.rejection = ""
    desk.submitter.run_once()
    assert desk.get_status(reading).state == SPOOL_DONE


def test_spool_of_another_chain_is_not_submitted(desk: Desk) -> None:
    desk.spool.require_owner("street-2", desk.chain.bridge)
    desk.add(make_reading())
    with pytest.raises(WrongOwnerError, match="street-2"):
        desk.submitter.run_once()
    assert desk.chain.submissions == []
    assert desk.view.params is None


def test_thread_survives_failures_and_reports_the_problem(desk: Desk) -> None:
    reading = make_reading()
    desk.add(reading)
    desk.chain.is_reachable = False
    desk.submitter.start()
    try:
        wait_until(lambda: desk.submitter.problem == "The chain is unreachable.")
        desk.chain.rejection = "No fee."
        desk.chain.is_reachable = True
        wait_until(lambda: desk.submitter.problem == "No fee.")
        desk.chain.rejection = ""
        wait_until(lambda: desk.get_status(reading).state == SPOOL_DONE)
        wait_until(lambda: desk.submitter.problem == "")
    finally:
        assert desk.submitter.stop(WAIT_S)


def test_unexpected_failure_is_reported(desk: Desk) -> None:
    desk.chain.head = None  # type: ignore[assignment]
    desk.submitter.start()
    wait_until(lambda: desk.failures != [])
    assert desk.submitter.stop(WAIT_S)
    desk.failures.clear()


@given(slot=st.integers(0, 10**9), slot_length_s=st.integers(1, 3_600), off_s=st.integers(-99, 99))
def test_due_slots_are_those_that_the_next_block_may_accept(
    slot: int, slot_length_s: int, off_s: int
) -> None:
    ends_s = (slot + 1) * slot_length_s
    time_s = max(0, ends_s + off_s)
    first_open, last_ended = compute_due_slots(
        Params(CHAIN_ID, slot_length_s, 50), Head(1, time_s, 7)
    )
    assert (slot <= last_ended) == (time_s >= ends_s)
    assert first_open == 7
