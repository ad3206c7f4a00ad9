"""Slots and positions, as the market and the settlement use them."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.market.v1 import errors_pb2, state_pb2

from chain import bank, metering
from chain.market import rules
from chain.market.state import (
    CLEARINGS,
    CURTAILMENTS,
    FLOWS,
    LAST_SLOT,
    LIMIT_ORDERS,
    PARAMS,
    POSITIONS,
    SLOTS,
)
from chain.runtime import slots
from chain.runtime.collections import HasStore
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.keys import U64

MarketError = ErrorCodes("market", errors_pb2.Error.DESCRIPTOR)
# Holds the funding of all slots that are not settled, and what comes in and goes out for them.
POOL = bank.module_account("pool")


def get_params(state: HasStore) -> state_pb2.Params:
    """Prices, gate, horizon; to be read only."""
    return PARAMS.get_shared(state)


def get_slot_params(state: HasStore, slot: int) -> state_pb2.Params:
    """What is in force for a slot; to be read only."""
    return PARAMS.at(state, slot)


def get_price_max(state: HasStore) -> int:
    """The highest price per kWh that any slot is or will be opened with."""
    return max(params.price_high_per_kwh for params in PARAMS.list_all(state))


def get_last_opened(state: HasStore) -> int:
    """The last slot that was opened; 0 before the first."""
    return LAST_SLOT.last(state)


def get_curve(slot: state_pb2.Slot) -> rules.Curve:
    """The price line of a slot."""
    return rules.Curve(slot.price_low_per_kwh, slot.price_high_per_kwh, slot.depth_wh)


def get_net_wh(slot: state_pb2.Slot) -> int:
    """Net energy that the pool has sold in a slot."""
    return slot.bought_wh - slot.sold_wh


def get_gate_closure_s(slot_length_s: int, gate_closure_s: int, slot: int) -> int:
    """From this block time on the slot takes no orders."""
    return slots.start_s(slot, slot_length_s) - gate_closure_s


def require_takes_orders(state: HasStore, slot: int, time_s: int) -> state_pb2.Slot:
    """The slot; refuses one that takes no orders at this block time."""
    length_s, params = metering.get_params(state).slot_length_s, PARAMS.get_shared(state)
    gate_s = get_gate_closure_s(length_s, params.gate_closure_s, slot)
    require(time_s < gate_s, MarketError.SLOT_PAST)
    within = slot <= slots.slot_at(time_s, length_s) + params.horizon_slots
    require(within, MarketError.SLOT_NOT_OPEN)
    info = SLOTS.get(state, slot)
    if info is None or info.status == state_pb2.SLOT_STATUS_UNFUNDED:
        raise ChainError(MarketError.SLOT_UNFUNDED)
    require(info.status == state_pb2.SLOT_STATUS_OPEN, MarketError.SLOT_PAST)
    return info


def require_quantity(params: state_pb2.Params, quantity_wh: int) -> None:
    """Refuses a quantity that no order may have."""
    require(quantity_wh, MarketError.QUANTITY_ZERO)
    largest_wh = params.order_max_wh
    require(quantity_wh <= largest_wh, MarketError.QUANTITY_TOO_LARGE, f"at most {largest_wh} Wh")


def require_price_limit(curve: rules.Curve, limit: int) -> None:
    """Refuses a price limit per kWh outside the price range of a slot."""
    low, high = curve.price_low, curve.price_high
    in_range = low <= limit <= high
    require(in_range, MarketError.PRICE_LIMIT_INVALID, f"{low} to {high} millionths per kWh")


def require_headroom(params: state_pb2.Params, info: state_pb2.Slot, quantity_wh: int) -> None:
    """Refuses what a slot cannot take beside all that was bought and sold in it and is ordered.

    Whatever comes of the orders, on either side there is no more than the slot may have.
    """
    slot_max_wh = rules.ORDERS_PER_SLOT_MAX * params.order_max_wh
    ordered_wh = info.pending_wh + info.resting_orders * params.order_max_wh
    taken_wh = max(info.bought_wh, info.sold_wh) + ordered_wh
    require(taken_wh + quantity_wh <= slot_max_wh, MarketError.SLOT_FULL)


def get_position(state: HasStore, slot: int, owner: bytes) -> state_pb2.Position | None:
    """What an account has bought and sold for a slot, or None."""
    return POSITIONS.get(state, (slot, owner))


def get_collateral_hold(state: HasStore, owner: bytes, hold_id: int) -> bank_pb2.Hold | None:
    """A hold that can secure something: in the money of the market, and without a deadline."""
    hold = bank.get_hold(state, owner, hold_id)
    if hold is None or hold.deadline_s or hold.denom != PARAMS.get_shared(state).settlement_denom:
        return None
    return hold


def iter_slots(state: HasStore, first: int = 0) -> Iterator[tuple[int, state_pb2.Slot]]:
    """Slots on record with their numbers, in order, from the first one given."""
    after = SLOTS.key.encode(first - 1) if first else None
    return SLOTS.items(state, after=after)


def get_first_slot_from(state: HasStore, slot: int) -> tuple[int, state_pb2.Slot] | None:
    """The first slot on record that is not before the given one."""
    return next(iter_slots(state, slot), None)


def get_positions(
    state: HasStore, slot: int, after: bytes
) -> Iterator[tuple[bytes, state_pb2.Position]]:
    """Positions of a slot, owner by owner, behind the given owner."""
    after_key = POSITIONS.key.encode((slot, after)) if after else None
    for (_, owner), position in POSITIONS.items(state, POSITIONS.first(slot), after_key):
        yield owner, position


def mark_settled(ctx: Context, slot: int, info: state_pb2.Slot) -> None:
    """Notes that a slot is metered and paid."""
    info.status = state_pb2.SLOT_STATUS_SETTLED
    SLOTS.set(ctx, slot, info)


def prune(ctx: Context, before: int, limit: int) -> int:
    """Removes what was recorded beside slots before a slot, up to a limit; returns how much.

    Such slots are settled: their limit orders are booked and their offers have ended.
    """
    removed = 0
    for records in (CLEARINGS, LIMIT_ORDERS, FLOWS, CURTAILMENTS):
        removed += records.prune(ctx, U64.encode(before), limit - removed)
    return removed + PARAMS.prune(ctx, before, limit - removed)


def remove_slot(ctx: Context, slot: int) -> None:
    """Forgets a settled slot."""
    SLOTS.delete(ctx, slot)
