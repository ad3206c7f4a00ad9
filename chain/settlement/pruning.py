"""Removing old settled slots from the state, a bounded number of entries per block.

The chain's blocks keep everything; the state keeps what the rules still need and a stretch of
history for queries.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.settlement.v1 import state_pb2

from chain import market, metering
from chain.runtime.context import Context
from chain.settlement.state import FEEDER_CHECKS, LINES, PARAMS, RESULTS


def prune(ctx: Context, params: state_pb2.Params, progress: state_pb2.Progress) -> None:
    """Removes what belongs to slots before the history, up to the limit of one block."""
    progress.history_from = max(progress.history_from, progress.slot - params.history_slots, 0)
    before, limit = progress.history_from, params.pruned_per_block_max
    if not before:
        return
    removed = metering.prune(ctx, before, limit)
    removed += LINES.prune(ctx, before, limit - removed)
    removed += FEEDER_CHECKS.prune(ctx, before, limit - removed)
    removed += PARAMS.prune(ctx, before, limit - removed)
    removed += market.prune(ctx, before, limit - removed)
    # A slot and its result go last and together, after all that belongs to them.
    for slot, _ in islice(market.iter_slots(ctx), limit - removed):
        if slot >= before:
            break
        RESULTS.delete(ctx, slot)
        market.remove_slot(ctx, slot)
