"""What the settlement does by itself in every block.

Slots are settled one after the other, each after its reading deadline, with so many accounts per
block at the most: a slot with a million meters takes several blocks, and no block takes long.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import events_pb2, state_pb2

from chain import market, metering
from chain.runtime import bech32
from chain.runtime.context import Context
from chain.settlement import accounts, closing, keeper, rules
from chain.settlement.pruning import prune
from chain.settlement.state import PARAMS, PROGRESS, RESULTS


def end_block(ctx: Context) -> None:
    """Settles what is due, as far as the limit of this block allows; then removes what is old."""
    params = PARAMS.get(ctx)
    progress = PROGRESS.get(ctx)
    before = state_pb2.Progress()
    before.CopyFrom(progress)
    budget = params.accounts_per_block_max
    while budget > 0 and _begin_due_slot(ctx, progress):
        budget -= _settle(ctx, progress, budget)
    prune(ctx, params, progress)
    # An idle chain keeps its app hash: only what has changed is written.
    if progress != before:
        PROGRESS.set(ctx, progress)


def _begin_due_slot(ctx: Context, progress: state_pb2.Progress) -> bool:
    """Whether there is a slot to settle; begins the next one if none is being settled.

    A slot whose trades are still being booked waits, and the slots behind it.
    """
    if progress.stage != state_pb2.STAGE_UNSPECIFIED:
        return True
    found = market.get_first_slot_from(ctx, progress.slot)
    if found is None:
        return False
    slot, info = found
    if not rules.is_final(info):
        return False
    if ctx.block.time_s < metering.get_deadline_s(metering.get_params(ctx), slot):
        return False
    progress.stage = state_pb2.STAGE_LINES
    progress.slot = slot
    progress.owner = ""
    RESULTS.set(ctx, slot, state_pb2.SlotResult(cash=info.funding + info.cancellation_income))
    return True


def _settle(ctx: Context, progress: state_pb2.Progress, budget: int) -> int:
    """Goes on with the slot in hand; returns how many accounts it dealt with."""
    found = market.get_first_slot_from(ctx, progress.slot)
    result = RESULTS.get(ctx, progress.slot)
    assert found is not None and result is not None, "the slot in settlement is gone"
    slot, info = found
    denom = keeper.get_denom(ctx)
    if progress.stage == state_pb2.STAGE_LINES:
        done = _write_lines(ctx, progress, info, result, budget)
    else:
        done = closing.pay_deferred(ctx, slot, result, denom, budget)
        if not result.deferred:
            _finish(ctx, progress, info, result, denom)
    RESULTS.set(ctx, slot, result)
    # A slot costs at least one, so that empty slots end the loop as well.
    return max(1, done)


def _write_lines(
    ctx: Context,
    progress: state_pb2.Progress,
    info: market_pb2.Slot,
    result: state_pb2.SlotResult,
    budget: int,
) -> int:
    curve, denom = market.get_curve(info), keeper.get_denom(ctx)
    after = bech32.decode(progress.owner) if progress.owner else b""
    waiting = accounts.get_parties(ctx, progress.slot, after)
    parties = list(islice(waiting, budget))
    accounts.read_ahead(ctx, parties, denom)
    for party in parties:
        accounts.settle_account(ctx, progress.slot, party, curve, result, denom)
    if next(waiting, None) is not None:
        progress.owner = bech32.encode(parties[-1][0])
        return len(parties)
    closing.collect_from_outside(ctx, info, result, denom)
    progress.stage = state_pb2.STAGE_PAYMENTS
    progress.owner = ""
    return len(parties)


def _finish(
    ctx: Context,
    progress: state_pb2.Progress,
    info: market_pb2.Slot,
    result: state_pb2.SlotResult,
    denom: str,
) -> None:
    closing.close_slot(ctx, info, result, denom)
    market.mark_settled(ctx, progress.slot, info)
    metering.end_slot(ctx, progress.slot)
    ctx.emit(events_pb2.EventSlotSettled(slot=progress.slot, result=result))
    progress.stage = state_pb2.STAGE_UNSPECIFIED
    progress.slot += 1
