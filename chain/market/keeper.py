"""Slots and positions: the verbs that other modules and the rooms of the market use."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.market.v1 import errors_pb2, state_pb2

from chain import bank, metering
from chain.market import lifecycle, rules
from chain.market.state import (
    CLEARINGS,
    CURTAILMENTS,
    EXPECTED,
    FLOWS,
    LAST_SLOT,
    LIMIT_ORDERS,
    PARAMS,
    POSITIONS,
    RENEWABLE_TRADES,
    SLOTS,
)
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import ErrorCodes
from chain.runtime.state.collections import HasStore

MarketError = ErrorCodes("market", errors_pb2.Error.DESCRIPTOR)
# Has the funding of all slots that are not settled, and the payments that they make and receive.
POOL = bank.module_account("pool")


def get_params(state: HasStore) -> state_pb2.Params:
    """Prices, gate closure, horizon, limits; to be read only."""
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


def get_slot(state: HasStore, slot: int) -> state_pb2.Slot | None:
    """A slot, or None if it is not on record."""
    return SLOTS.get(state, slot)


def iter_slots(state: HasStore, first: int = 0) -> Iterator[tuple[int, state_pb2.Slot]]:
    """Slots on record with their numbers, in order, from the first one given."""
    return SLOTS.items(state, start=first)


def get_curve(slot: state_pb2.Slot) -> rules.Curve:
    """What the pool quotes in a slot."""
    return rules.Curve(
        slot.price_low_per_kwh, slot.price_high_per_kwh, slot.depth_wh, slot.margin_per_kwh
    )


def get_net_wh(slot: state_pb2.Slot) -> int:
    """Net energy that the pool has sold in a slot."""
    return slot.bought_wh - slot.sold_wh


def get_gate_closure_s(state: HasStore, slot: int) -> int:
    """The block time from which on nothing about a slot is traded or fixed any more."""
    length_s = metering.get_params(state).slot_length_s
    return slots.start_s(slot, length_s) - PARAMS.at(state, slot).gate_closure_s


def get_position(state: HasStore, slot: int, owner: bytes) -> state_pb2.Position | None:
    """What an account has bought and sold for a slot, or None."""
    return POSITIONS.get(state, (slot, owner))


def get_positions(
    state: HasStore, slot: int, after: bytes
) -> Iterator[tuple[bytes, state_pb2.Position]]:
    """Positions of a slot by owner, after the given owner; an empty one stands for none."""
    return POSITIONS.under(slot).items(state, after=after or None)


def get_collateral_hold(state: HasStore, owner: bytes, hold_id: int) -> bank_pb2.Hold | None:
    """A hold that can be collateral: in the settlement denomination, without a deadline."""
    hold = bank.get_hold(state, owner, hold_id)
    if hold is None or hold.deadline_s or hold.denom != PARAMS.get_shared(state).settlement_denom:
        return None
    return hold


def mark_settled(ctx: Context, slot: int, info: state_pb2.Slot) -> None:
    """Notes that a slot is metered and paid."""
    lifecycle.transition(ctx, slot, info, lifecycle.SlotEvent.SETTLED)


def prune(ctx: Context, before: int, limit: int) -> int:
    """Removes what was recorded beside slots before a slot, up to a limit; returns how much.

    Such slots are settled: their limit orders are booked and their offers have ended.
    """
    removed = CLEARINGS.prune(ctx, before, limit)
    removed += LIMIT_ORDERS.prune(ctx, before, limit - removed)
    removed += FLOWS.prune(ctx, before, limit - removed)
    removed += CURTAILMENTS.prune(ctx, before, limit - removed)
    removed += RENEWABLE_TRADES.prune(ctx, before, limit - removed)
    removed += EXPECTED.prune(ctx, before, limit - removed)
    return removed + PARAMS.prune(ctx, before, limit - removed)


def note_forecast(ctx: Context, slot: int, target_id: int, median: int) -> None:
    """Notes the chain's own forecast of a slot, for the conditions of standing orders."""
    EXPECTED.set(ctx, (slot, target_id), state_pb2.ExpectedValue(median=median))


def remove_slot(ctx: Context, slot: int) -> None:
    """Removes a settled slot."""
    SLOTS.delete(ctx, slot)
