"""What time does to certificates and claims, a bounded number per block."""

from __future__ import annotations

from itertools import islice

from blockenergy.certificates.v1 import events_pb2

from chain import carbon, settlement
from chain.certificates.keeper import get_expiry_s, list_holdings
from chain.certificates.state import CLAIMS, HOLDINGS, LAST_CLOSED, PARAMS, SERIES, TOUCHED
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def end_block(ctx: Context) -> None:
    """Closes windows, ends certificates whose life is over, and removes what is not needed."""
    params = PARAMS.get_shared(ctx)
    first_open = max(0, settlement.get_next_slot(ctx) - params.claim_slots)
    for _ in range(params.closed_slots_per_block_max):
        slot = carbon.find_slot_after(ctx, LAST_CLOSED.last(ctx))
        if slot is None or slot >= first_open:
            break
        _close(ctx, slot, bech32.decode(params.beneficiary))
    limit = params.expired_per_block_max
    removed = _expire(ctx, limit)
    before = min(settlement.get_history_from(ctx), LAST_CLOSED.last(ctx))
    removed += CLAIMS.prune(ctx, before, limit - removed)
    carbon.prune(ctx, before, limit - removed)


def _close(ctx: Context, slot: int, beneficiary: bytes) -> None:
    """Ends the window of a slot: what is left in the fund is paid out, and what nobody has touched
    is not issued any more.
    """
    free_wh = carbon.get_free_wh(ctx, slot)
    touched_wh = TOUCHED.get(ctx, slot) or 0
    TOUCHED.delete(ctx, slot)
    paid = settlement.close_window(ctx, slot, beneficiary)
    LAST_CLOSED.set(ctx, slot)
    ctx.emit(
        events_pb2.EventClaimWindowClosed(slot=slot, lapsed_wh=free_wh - touched_wh, paid=paid)
    )


def _expire(ctx: Context, limit: int) -> int:
    """Ends series whose life is over, the oldest first; returns how many entries it removed."""
    removed = 0
    while removed < limit:
        found = next(SERIES.items(ctx), None)
        if found is None or ctx.block.time_s < get_expiry_s(ctx, found[0][0]):
            break
        removed += _expire_series(ctx, *found[0], limit - removed)
    return removed


def _expire_series(ctx: Context, slot: int, producer: bytes, limit: int) -> int:
    """Removes what is held of a series, and then the series; returns how many entries."""
    held = list(islice(list_holdings(ctx, slot, producer), limit))
    wh = sum(holding.wh for _, holding in held)
    for holder, _ in held:
        HOLDINGS.delete(ctx, (slot, (producer, holder)))
    if wh:
        producer_text = bech32.encode(producer)
        ctx.emit(events_pb2.EventCertificatesExpired(slot=slot, producer=producer_text, wh=wh))
    if len(held) < limit:
        SERIES.delete(ctx, (slot, producer))
        return len(held) + 1
    _note_expired(ctx, slot, producer, wh)
    return len(held)


def _note_expired(ctx: Context, slot: int, producer: bytes, wh: int) -> None:
    """Of a series with more holders than one block removes, the first are gone."""
    series = SERIES.get(ctx, (slot, producer))
    assert series is not None
    series.expired_wh += wh
    SERIES.set(ctx, (slot, producer), series)
