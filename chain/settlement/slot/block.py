"""The settlement at the end of every block.

Slots are settled one after the other, each after its reading deadline, with a maximum number of
accounts per block: a slot with a million meters takes several blocks, and no block takes long.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.settlement.v1 import events_pb2, state_pb2

from chain import carbon, market, metering
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.settlement import default_fund, keeper, listeners, rules
from chain.settlement.keeper import SlotContext
from chain.settlement.lifecycle import Event, move
from chain.settlement.pruning import prune
from chain.settlement.slot import accounts, closing, feeder_checks, feeder_sums, line_roots
from chain.settlement.state import LINE_ROOTS, PARAMS, PROGRESS, RESULTS


def end_block(ctx: Context) -> None:
    """Settles what is due, up to the limit of one block; then removes what is old."""
    params = PARAMS.get_shared(ctx)
    progress = PROGRESS.get(ctx)
    before = state_pb2.Progress()
    before.CopyFrom(progress)
    budget = params.accounts_per_block_max
    while budget > 0 and _begin_due_slot(ctx, progress):
        budget -= _settle(ctx, progress, budget)
    default_fund.pay_creditors(ctx)
    prune(ctx, params, progress)
    # An idle chain keeps its app hash: only what has changed is written.
    if progress != before:
        PROGRESS.set(ctx, progress)


def _begin_due_slot(ctx: Context, progress: state_pb2.Progress) -> bool:
    """Whether there is a slot to settle; begins the next one if none is being settled.

    A slot whose trades are still being booked waits, and so do the slots after it.
    """
    if progress.stage != state_pb2.STAGE_UNSPECIFIED:
        return True
    found = next(market.iter_slots(ctx, progress.slot), None)
    if found is None:
        return False
    slot, info = found
    if not rules.is_final(info):
        return False
    if ctx.block.time_s < metering.get_deadline_s(ctx, slot):
        return False
    move(progress, Event.DUE)
    progress.slot = slot
    carbon.begin_slot(ctx, slot)
    RESULTS.set(ctx, slot, state_pb2.SlotResult(cash=info.funding + info.cancellation_income))
    return True


def _settle(ctx: Context, progress: state_pb2.Progress, budget: int) -> int:
    """Continues with the slot in hand; returns how much of the budget it used."""
    slot_ctx = keeper.load_slot(ctx, progress.slot)
    if progress.stage == state_pb2.STAGE_LINES:
        done = _write_lines(ctx, slot_ctx, progress, budget)
    else:
        done = closing.pay_deferred(ctx, slot_ctx, budget)
        if not slot_ctx.result.deferred:
            done += feeder_sums.announce(ctx, slot_ctx.slot, budget - done)
            if not feeder_sums.is_waiting(ctx, slot_ctx.slot):
                _finish(ctx, slot_ctx, progress)
    RESULTS.set(ctx, slot_ctx.slot, slot_ctx.result)
    # A slot costs at least one, so that the loop ends with empty slots too.
    return max(1, done)


def _write_lines(
    ctx: Context, slot_ctx: SlotContext, progress: state_pb2.Progress, budget: int
) -> int:
    """Settles the next accounts, and after the last one collects from outside."""
    after = bech32.decode(progress.owner) if progress.owner else b""
    waiting = accounts.get_parties(ctx, slot_ctx.slot, after)
    parties = list(islice(waiting, budget))
    accounts.read_ahead(ctx, slot_ctx, parties)
    settled = [accounts.settle_account(ctx, slot_ctx, party) for party in parties]
    kept = [account for account in settled if account.kept]
    line_roots.add(ctx, progress, slot_ctx.result.parties, [account.owner for account in kept])
    accounts.add_up(slot_ctx.result, [account.line for account in kept])
    feeder_sums.add_up(ctx, slot_ctx.slot, kept)
    listeners.announce(ctx, slot_ctx.slot, settled)
    if next(waiting, None) is not None:
        progress.owner = bech32.encode(parties[-1][0])
    else:
        closing.collect_from_outside(ctx, slot_ctx)
        line_roots.finish(ctx, progress)
        move(progress, Event.LINES_WRITTEN)
    return len(parties)


def _finish(ctx: Context, slot_ctx: SlotContext, progress: state_pb2.Progress) -> None:
    closing.close_slot(ctx, slot_ctx)
    feeder_checks.close(ctx, slot_ctx)
    market.mark_settled(ctx, slot_ctx.slot, slot_ctx.info)
    metering.end_slot(ctx, slot_ctx.slot)
    listeners.announce_slot(ctx, slot_ctx.slot, slot_ctx.info)
    root = LINE_ROOTS.get(ctx, slot_ctx.slot) or b""
    settled = events_pb2.EventSlotSettled(slot=slot_ctx.slot, result=slot_ctx.result)
    settled.lines_root = root
    ctx.emit(settled)
    carbon.announce_slot(ctx, slot_ctx.slot)
    move(progress, Event.CREDITS_PAID)
    progress.slot += 1
