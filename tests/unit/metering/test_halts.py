"""While the chain makes no blocks nobody can be late."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1 import events_pb2, query_pb2, state_pb2, tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.metering import get_deadline_s
from chain.metering.state import HALTS
from tests.support.properties import examples
from tests.support.streets.settling import is_settled, line_of, opened
from tests.support.world import World, reading, response

LOW = 80_000
RECORDED = state_pb2.READING_RECORDED
TOO_LATE = state_pb2.READING_TOO_LATE
DIRK = "meter-dirk"
# Slots of 60 s, whose readings have 60 s. Blocks in a row are noted one by one.
STRICT = {"metering.params": {"halt_min_s": 20}}


def submit(world: World, shown: state_pb2.Reading, at: int) -> Any:
    world.block(world.submit(shown), at=at)
    [result] = response(world.results[0], tx_pb2.MsgSubmitReadingsResponse).results
    return result


def run_to(world: World, time_s: int) -> None:
    """Blocks in a row, without a halt."""
    world.run_until(time_s, step_s=10)


def window(world: World) -> tuple[int, int]:
    path = "/blockenergy.metering.v1.Query/ReadingWindow"
    request = query_pb2.QueryReadingWindowRequest()
    found = world.query(path, request, query_pb2.QueryReadingWindowResponse)
    return found.first_slot, found.last_slot


class TestAttack:
    def test_what_was_delivered_before_a_halt_is_paid_as_delivered(self) -> None:
        world, slot = opened(STRICT)
        world.block(world.sell("dirk", slot, 5_000, LOW))
        run_to(world, world.end_s(slot) + 5)
        # Ten times as long as the deadline.
        resumed_s = world.time_s + 600
        assert submit(world, reading(DIRK, slot, 0, 5_000), resumed_s) == RECORDED
        run_to(world, resumed_s + 60)
        assert is_settled(world, slot)
        assert line_of(world, slot, "dirk").imbalance_charge == 0

    def test_a_pause_that_is_no_halt_makes_late(self) -> None:
        world, slot = opened(STRICT)
        run_to(world, world.end_s(slot) + 51)
        assert submit(world, reading(DIRK, slot), world.time_s + 9) == TOO_LATE


class TestDeadline:
    def test_as_long_as_before_the_halt(self) -> None:
        world, slot = opened(STRICT)
        run_to(world, world.end_s(slot) + 50)
        world.block(at=world.time_s + 500)
        deadline_s = world.end_s(slot) + 60 + 500
        assert get_deadline_s(world.state, slot) == deadline_s
        run_to(world, deadline_s - 1)
        assert not is_settled(world, slot)
        assert submit(world, reading(DIRK, slot), world.time_s) == RECORDED
        world.block(at=deadline_s)
        assert is_settled(world, slot)

    def test_a_slot_that_ends_during_a_halt_has_its_whole_time_after_it(self) -> None:
        world, slot = opened(STRICT)
        run_to(world, world.end_s(slot) - 10)
        resumed_s = world.end_s(slot) + 300
        world.block(at=resumed_s)
        assert get_deadline_s(world.state, slot) == resumed_s + 60

    def test_halts_add_up(self) -> None:
        world, slot = opened(STRICT)
        run_to(world, world.end_s(slot) + 30)
        for _ in range(3):
            world.block(at=world.time_s + 100)
            world.block(at=world.time_s + 10)
        assert get_deadline_s(world.state, slot) == world.end_s(slot) + 60 + 300

    def test_the_window_is_what_is_accepted(self) -> None:
        world, slot = opened(STRICT)
        run_to(world, world.end_s(slot) + 10)
        assert window(world) == (slot, slot)
        world.block(at=world.time_s + 600)
        first, last = window(world)
        assert (first, last) == (slot, world.slot_ahead(-1))
        world.block(
            world.submit(reading(DIRK, first - 1)), world.submit(reading(DIRK, first)),
        )  # fmt: skip
        results = [
            response(result, tx_pb2.MsgSubmitReadingsResponse).results[0]
            for result in world.results
        ]
        assert results == [TOO_LATE, RECORDED]


class TestRecord:
    def test_it_is_announced_and_forgotten_with_the_slots_that_it_concerns(self) -> None:
        world, slot = opened(STRICT)
        run_to(world, world.end_s(slot) + 10)
        before_s = world.time_s
        result = world.block(at=before_s + 100)
        halted = [e for e in result.events if isinstance(e, events_pb2.EventChainHalted)]
        assert [(e.from_s, e.until_s) for e in halted] == [(before_s, before_s + 100)]
        assert dict(HALTS.items(world.state)) == {before_s: state_pb2.Halt(until_s=before_s + 100)}
        run_to(world, world.time_s + 400)
        assert not list(HALTS.items(world.state))

    def test_a_block_of_an_idle_chain_writes_something_twice_in_the_length_of_a_halt(self) -> None:
        world, _ = opened(STRICT)
        written = [bool(world.block(at=world.time_s + 1).changes) for _ in range(20)]
        assert written == ([False] * 9 + [True]) * 2


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=12),
    st.integers(-60, 120),
    st.sampled_from([20, 45]),
)
@examples(30)
@pytest.mark.slow
def test_the_deadline_counts_the_time_in_which_there_are_blocks(
    steps: list[int], first_s: int, halt_min_s: int
) -> None:
    """Nobody is late who had not all the time; and what is counted too little is half a halt for
    each halt.
    """
    world, slot = opened({"metering.params": {"halt_min_s": halt_min_s}})
    end_s = world.end_s(slot)
    run_to(world, end_s + min(0, first_s))
    with_blocks_s, surely_s = 0, 0
    for step_s in steps:
        from_s = max(world.time_s, end_s)
        world.block(at=world.time_s + step_s)
        passed_s = max(0, world.time_s - from_s)
        with_blocks_s += passed_s if step_s < halt_min_s else 0
        surely_s += passed_s if 2 * step_s < halt_min_s else -halt_min_s // 2
        is_open = world.time_s < get_deadline_s(world.state, slot)
        assert is_open or with_blocks_s >= 60
        assert not is_open or surely_s < 60
        if not is_open:
            break
