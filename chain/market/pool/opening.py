"""Opening slots as they come within the horizon, each funded by its purse."""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2

from chain import metering
from chain.market.lifecycle import SLOT, SlotEvent, transition
from chain.market.pool.purses import fund_slot
from chain.market.state import LAST_SLOT, PARAMS
from chain.runtime import slots
from chain.runtime.context import Context


def open_slots(ctx: Context) -> None:
    """Opens the slots within the horizon."""
    params, metering_params = PARAMS.get_shared(ctx), metering.get_params(ctx)
    last = slots.slot_at(ctx.block.time_s, metering_params.slot_length_s) + params.horizon_slots
    first = _get_next_slot(ctx, params, metering_params)
    for slot in range(first, min(last + 1, first + params.slots_opened_per_block_max)):
        _open_slot(ctx, slot, params)
        LAST_SLOT.set(ctx, slot)


def _get_next_slot(
    ctx: Context, params: state_pb2.Params, metering_params: metering_pb2.Params
) -> int:
    """The slot to open next.

    The chain begins with the first slot whose gate is open. After a halt of the chain, slots past
    their reading deadline are skipped; those whose gate has passed take no orders and are settled.
    """
    length_s, now_s = metering_params.slot_length_s, ctx.block.time_s
    opened = LAST_SLOT.last(ctx)
    if not opened:
        return slots.slot_at(now_s + params.gate_closure_s, length_s) + 1
    still_metered_s = max(0, now_s - metering_params.reading_deadline_s)
    return max(opened + 1, slots.slot_at(still_metered_s, length_s))


def _open_slot(ctx: Context, slot: int, params: state_pb2.Params) -> None:
    curve, funding = fund_slot(ctx, slot, params)
    info = state_pb2.Slot(
        status=SLOT.initial,
        price_low_per_kwh=curve.price_low,
        price_high_per_kwh=curve.price_high,
        depth_wh=curve.depth_wh,
        margin_per_kwh=curve.margin,
        funding=funding,
    )
    transition(ctx, slot, info, SlotEvent.OPENED)
    ctx.emit(
        events_pb2.EventSlotOpened(
            slot=slot, funding=funding, depth_wh=curve.depth_wh, margin_per_kwh=curve.margin
        )
    )
