"""Slots and limit orders change their status along their tables and no other way."""

from __future__ import annotations

import pytest
from blockenergy.market.v1 import state_pb2

from chain import market
from chain.market.lifecycle import (
    LIMIT_ORDER,
    SLOT,
    LimitOrderEvent,
    LimitOrderStatus,
    SlotEvent,
    get_limit_order_status,
    transition,
)
from chain.market.state import SLOTS
from chain.runtime.context import BlockInfo, Context
from chain.runtime.state.store import CacheStore, MemoryStore

RESTING = state_pb2.LimitOrder(quantity_wh=5, hold_id=7)
FILLED = state_pb2.LimitOrder(quantity_wh=5, filled_wh=3)
UNFILLED = state_pb2.LimitOrder(quantity_wh=5)


def test_the_tables_have_every_status_and_event() -> None:
    assert set(SLOT.moves.values()) == set(state_pb2.SlotStatus.values()) - {SLOT.initial}
    assert {event for _, event in SLOT.moves} == set(SlotEvent)
    assert {event for _, event in LIMIT_ORDER.moves} == set(LimitOrderEvent)


@pytest.mark.parametrize("event", list(SlotEvent))
def test_a_settled_slot_never_changes(event: SlotEvent) -> None:
    ctx = Context(CacheStore(MemoryStore()), BlockInfo("chain", 1, 0))
    info = state_pb2.Slot(status=state_pb2.SLOT_STATUS_SETTLED)
    with pytest.raises(AssertionError, match="slot: no"):
        transition(ctx, 5, info, event)
    assert not ctx.store.changes


def test_a_slot_is_not_settled_while_its_fills_are_booked() -> None:
    ctx = Context(CacheStore(MemoryStore()), BlockInfo("chain", 1, 0))
    info = state_pb2.Slot(status=state_pb2.SLOT_STATUS_CLEARING)
    with pytest.raises(AssertionError, match="no SETTLED"):
        market.mark_settled(ctx, 5, info)
    transition(ctx, 5, info, SlotEvent.BOOKED)
    market.mark_settled(ctx, 5, info)
    assert SLOTS.get(ctx, 5) == state_pb2.Slot(status=state_pb2.SLOT_STATUS_SETTLED)


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (RESTING, LimitOrderStatus.RESTING),
        (FILLED, LimitOrderStatus.FILLED),
        (UNFILLED, LimitOrderStatus.UNFILLED),
    ],
)
def test_the_status_of_a_limit_order_follows_from_its_record(
    order: state_pb2.LimitOrder, status: LimitOrderStatus
) -> None:
    assert get_limit_order_status(order) == status
    is_resting = status == LimitOrderStatus.RESTING
    assert all(LIMIT_ORDER.has(status, event) == is_resting for event in LimitOrderEvent)
