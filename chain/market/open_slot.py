"""A slot that accepts orders, loaded once for each message, and what its orders must satisfy."""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain import metering
from chain.market import rules
from chain.market.keeper import MarketError, get_curve
from chain.market.state import PARAMS, SLOTS
from chain.runtime import slots
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore


class OpenSlot(NamedTuple):
    """A slot before gate closure. info: a copy of its own, which the caller may change and write;
    params: those in force for the slot, to be read only.
    """

    number: int
    info: state_pb2.Slot
    curve: rules.Curve
    params: state_pb2.Params


def require_open_slot(state: HasStore, number: int, time_s: int) -> OpenSlot:
    """The slot; rejects one that accepts no orders at this block time."""
    length_s, params = metering.get_params(state).slot_length_s, PARAMS.at(state, number)
    # As get_gate_closure_s, with what was read already.
    gate_s = slots.start_s(number, length_s) - params.gate_closure_s
    require(time_s < gate_s, MarketError.SLOT_PAST)
    within = number <= slots.slot_at(time_s, length_s) + params.horizon_slots
    require(within, MarketError.SLOT_NOT_OPEN)
    info = SLOTS.get(state, number)
    if info is None:
        raise ChainError(MarketError.SLOT_NOT_OPEN)
    require(info.status == state_pb2.SLOT_STATUS_OPEN, MarketError.SLOT_PAST)
    return OpenSlot(number, info, get_curve(info), params)


def require_quantity(slot: OpenSlot, quantity_wh: int) -> None:
    """Rejects a quantity of zero or above the maximum of one order."""
    require(quantity_wh, MarketError.QUANTITY_ZERO)
    max_wh = slot.params.order_max_wh
    require(quantity_wh <= max_wh, MarketError.QUANTITY_TOO_LARGE, f"max {max_wh} Wh")


def require_price_limit(slot: OpenSlot, limit: int) -> None:
    """Rejects a price limit per kWh outside the price range of the slot."""
    low, high = slot.curve.price_low, slot.curve.price_high
    in_range = low <= limit <= high
    require(in_range, MarketError.PRICE_LIMIT_INVALID, f"{low} to {high} millionths per kWh")


def require_headroom(slot: OpenSlot, quantity_wh: int) -> None:
    """Rejects a quantity that, beside all trades and orders of the slot, exceeds its maximum.

    Then neither side can exceed it, whatever becomes of the orders.
    """
    info, order_max_wh = slot.info, slot.params.order_max_wh
    ordered_wh = info.pending_wh + info.resting_orders * order_max_wh
    taken_wh = max(info.bought_wh, info.sold_wh) + ordered_wh
    fits = taken_wh + quantity_wh <= rules.ORDERS_PER_SLOT_MAX * order_max_wh
    require(fits, MarketError.SLOT_FULL)
