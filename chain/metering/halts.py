"""Halts of the chain: while it makes no blocks nobody can be late.

The deadline for the readings of a slot counts the time in which there are blocks. So that a gap can
be seen, the time of a block is noted twice in the length of a halt, and not more often: an idle
chain changes its app hash no more than that. A gap of that length is a halt, and moves the
deadlines that it overlaps.
"""

from __future__ import annotations

from blockenergy.metering.v1 import events_pb2, state_pb2

from chain.metering.state import HALTS, LAST_NOTED_S, PARAMS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore


def begin_block(ctx: Context) -> None:
    """Notes the time of the block if it is time to, and a halt that the block has ended."""
    noted_s, now_s = LAST_NOTED_S.last(ctx), ctx.block.time_s
    halt_min_s = PARAMS.get_shared(ctx).halt_min_s
    if noted_s and now_s - noted_s >= halt_min_s:
        HALTS.set(ctx, noted_s, state_pb2.Halt(until_s=now_s))
        ctx.emit(events_pb2.EventChainHalted(from_s=noted_s, until_s=now_s))
    if 2 * (now_s - noted_s) >= halt_min_s:
        LAST_NOTED_S.set(ctx, now_s)


def get_deadline_s(state: HasStore, slot: int) -> int:
    """From this block time on readings of the slot are rejected, and it is settled."""
    end_s = slots.end_s(slot, PARAMS.get_shared(state).slot_length_s)
    deadline_s = end_s + PARAMS.at(state, slot).reading_deadline_s
    for from_s, halt in HALTS.items(state):
        if from_s >= deadline_s:
            break
        deadline_s += max(0, halt.until_s - max(from_s, end_s))
    return deadline_s


def is_past_deadline(ctx: Context, slot: int, params: state_pb2.Params) -> bool:
    """Whether readings of a slot come too late. params: those of the slot."""
    now_s = ctx.block.time_s
    if now_s < slots.end_s(slot, params.slot_length_s) + params.reading_deadline_s:
        return False
    return now_s >= get_deadline_s(ctx, slot)


def get_window(state: HasStore, time_s: int) -> tuple[int, int]:
    """The first and the last slot whose readings are accepted at a block time."""
    last = slots.slot_at(time_s, PARAMS.get_shared(state).slot_length_s) - 1
    first, beyond = 0, last + 1
    # Later slots have later deadlines.
    while first < beyond:
        middle = (first + beyond) // 2
        if get_deadline_s(state, middle) > time_s:
            beyond = middle
        else:
            first = middle + 1
    return first, max(0, last)


def prune(ctx: Context, settled: int) -> None:
    """Removes the halts that had ended before any slot did that is still to be settled."""
    end_s = slots.end_s(settled + 1, PARAMS.get_shared(ctx).slot_length_s)
    past = [from_s for from_s, halt in HALTS.items(ctx) if halt.until_s <= end_s]
    for from_s in past:
        HALTS.delete(ctx, from_s)
