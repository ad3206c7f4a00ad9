"""Opening slots as they come within the horizon, each funded by the treasury."""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2

from chain import bank, metering
from chain.market import rules
from chain.market.keeper import POOL, get_gate_closure_s
from chain.market.lifecycle import SLOT, SlotEvent, transition
from chain.market.state import LAST_SLOT, PARAMS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def open_slots(ctx: Context) -> None:
    """Opens slots within the horizon, each funded by the treasury.

    A slot that cannot be funded waits, and so do the slots after it, until its gate closes; then it
    is recorded as unfunded.
    """
    params, metering_params = PARAMS.get_shared(ctx), metering.get_params(ctx)
    length_s, now_s = metering_params.slot_length_s, ctx.block.time_s
    last = slots.slot_at(now_s, length_s) + params.horizon_slots
    slot = _get_next_slot(ctx, params, metering_params)
    for _ in range(params.slots_opened_per_block_max):
        gate_open = now_s < get_gate_closure_s(length_s, params.gate_closure_s, slot)
        if slot > last or not _open_slot(ctx, slot, params, gate_open):
            break
        LAST_SLOT.set(ctx, slot)
        slot += 1


def _get_next_slot(
    ctx: Context, params: state_pb2.Params, metering_params: metering_pb2.Params
) -> int:
    """The slot to open next.

    The chain begins with the first slot whose gate is open. After a halt of the chain, slots past
    their reading deadline are skipped.
    """
    length_s, now_s = metering_params.slot_length_s, ctx.block.time_s
    opened = LAST_SLOT.last(ctx)
    if not opened:
        return slots.slot_at(now_s + params.gate_closure_s, length_s) + 1
    still_metered_s = max(0, now_s - metering_params.reading_deadline_s)
    return max(opened + 1, slots.slot_at(still_metered_s, length_s))


def _open_slot(ctx: Context, slot: int, params: state_pb2.Params, gate_open: bool) -> bool:
    """Records a slot; False if it has to wait for the treasury."""
    curve = rules.Curve(params.price_low_per_kwh, params.price_high_per_kwh, params.depth_wh)
    funding = rules.compute_funding(curve)
    treasury = bech32.decode(params.treasury)
    funded = bank.get_balance(ctx, treasury, params.settlement_denom) >= funding
    if gate_open and not funded:
        return False
    info = state_pb2.Slot(
        status=SLOT.initial,
        price_low_per_kwh=curve.price_low,
        price_high_per_kwh=curve.price_high,
        depth_wh=curve.depth_wh,
    )
    if gate_open:
        bank.transfer(ctx, treasury, POOL, params.settlement_denom, funding)
        info.funding = funding
        transition(ctx, slot, info, SlotEvent.FUNDED)
        price = rules.compute_marginal_price(curve, 0).ceil()
        ctx.emit(events_pb2.EventSlotOpened(slot=slot, funding=funding, price_per_kwh=price))
    else:
        transition(ctx, slot, info, SlotEvent.NOT_FUNDED)
        ctx.emit(events_pb2.EventSlotUnfunded(slot=slot, funding=funding))
    return True
