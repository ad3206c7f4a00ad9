"""Limit orders and the outcomes of call auctions, for tests that go through the chain."""

from __future__ import annotations

from typing import Any

from blockenergy.market.v1 import query_pb2, state_pb2, tx_pb2

from tests.support.streets import people
from tests.support.streets.settling import opened
from tests.support.world import World, response

GATE_S = 20


def bid(world: World, owner: str, slot: int, wh: int, limit: int, **fields: Any) -> bytes:
    """A signed limit order to buy."""
    return _place(world, owner, slot, state_pb2.SIDE_BUY, wh, limit, fields)


def ask(world: World, owner: str, slot: int, wh: int, limit: int, **fields: Any) -> bytes:
    """A signed limit order to sell."""
    return _place(world, owner, slot, state_pb2.SIDE_SELL, wh, limit, fields)


def cleared(changes: dict[str, Any] | None, *orders: Any) -> tuple[World, int]:
    """A street whose first slot is cleared with orders: (bid or ask, owner, Wh, limit, fields)."""
    world, slot = opened(changes)
    world.block(*[place(world, owner, slot, wh, p, **f) for place, owner, wh, p, f in orders])
    assert not [result.log for result in world.results if result.code]
    close(world, slot)
    return world, slot


def order_ids(world: World) -> list[int]:
    """Numbers of the limit orders that the last block has placed, all of which it took."""
    return [
        response(result, tx_pb2.MsgPlaceLimitOrderResponse).order_id for result in world.results
    ]


def gate_s(slot: int) -> int:
    """When the gate of a slot closes, on the street."""
    return slot * 60 - GATE_S


def close(world: World, slot: int) -> None:
    """Empty blocks from the gate of a slot on, until it is closed."""
    world.block(at=max(world.time_s, gate_s(slot)))
    for _ in range(200):
        if slot_of(world, slot).status == state_pb2.SLOT_STATUS_CLOSED:
            return
        world.block()
    raise AssertionError(f"slot {slot} is not closed after 200 blocks")


def slot_of(world: World, slot: int) -> state_pb2.Slot:
    request = query_pb2.QuerySlotRequest(slot=slot)
    path = "/blockenergy.market.v1.Query/Slot"
    return world.query(path, request, query_pb2.QuerySlotResponse).info


def clearing_of(world: World, slot: int) -> query_pb2.QueryClearingResponse:
    request = query_pb2.QueryClearingRequest(slot=slot)
    path = "/blockenergy.market.v1.Query/Clearing"
    return world.query(path, request, query_pb2.QueryClearingResponse)


def orders_of(world: World, slot: int) -> list[tuple[int, state_pb2.LimitOrder]]:
    """All limit orders of a slot, page by page."""
    request = query_pb2.QueryLimitOrdersRequest(slot=slot)
    request.pagination.limit = 7
    path = "/blockenergy.market.v1.Query/LimitOrders"
    orders: list[tuple[int, state_pb2.LimitOrder]] = []
    while True:
        answer = world.query(path, request, query_pb2.QueryLimitOrdersResponse)
        orders += [(entry.order_id, entry.order) for entry in answer.orders]
        if not answer.pagination.next_key:
            return orders
        request.pagination.key = answer.pagination.next_key


def fills_of(world: World, slot: int) -> dict[int, tuple[int, int]]:
    """Energy and amount by order."""
    return {number: (order.filled_wh, order.amount) for number, order in orders_of(world, slot)}


def position_of(world: World, slot: int, owner: str) -> state_pb2.Position:
    request = query_pb2.QueryPositionRequest(slot=slot, owner=people.address_text(owner))
    path = "/blockenergy.market.v1.Query/Position"
    return world.query(path, request, query_pb2.QueryPositionResponse).position


def _place(
    world: World,
    owner: str,
    slot: int,
    side: state_pb2.Side,
    quantity_wh: int,
    limit: int,
    fields: dict[str, Any],
) -> bytes:
    message = tx_pb2.MsgPlaceLimitOrder(
        owner=people.address_text(owner),
        slot=slot,
        side=side,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        **fields,
    )
    return world.sign(owner, message)
