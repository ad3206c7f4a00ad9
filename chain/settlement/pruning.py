"""Forgetting settled slots after their time, a bounded piece per block.

The chain's blocks keep everything; the state keeps what the rules still need and a stretch of
history for those who read it.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.settlement.v1 import state_pb2

from chain import market, metering
from chain.runtime.context import Context
from chain.settlement.state import LINES, RESULTS


def prune(ctx: Context, params: state_pb2.Params, progress: state_pb2.Progress) -> None:
    """Removes what belongs to slots older than the history, so many entries at the most."""
    budget = params.pruned_per_block_max
    while budget > 0:
        found = market.get_first_slot_from(ctx, 0)
        if found is None or not is_old(found[0], params, progress):
            return
        slot = found[0]
        removed = metering.prune(ctx, slot, budget)
        if removed < budget:
            removed += _prune_lines(ctx, slot, budget - removed)
        if removed < budget:
            RESULTS.delete(ctx, slot)
            market.remove_slot(ctx, slot)
            removed += 1
        budget -= removed


def is_old(slot: int, params: state_pb2.Params, progress: state_pb2.Progress) -> bool:
    """Whether a slot is past its history. Only settled slots lie before progress.slot."""
    return slot + params.history_slots < progress.slot


def _prune_lines(ctx: Context, slot: int, limit: int) -> int:
    entries = list(islice(LINES.items(ctx, LINES.first(slot)), limit))
    for key, _ in entries:
        LINES.delete(ctx, key)
    return len(entries)
