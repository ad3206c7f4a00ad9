"""What became of an order: executed, lapsed, resting, filled or cancelled.

A market order is on record only within its block, so its outcome is in the events of that block; a
limit order is on record as long as its slot. Orders are found by their number with the index of
transactions that a node keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from blockenergy.market.v1 import errors_pb2, events_pb2
from blockenergy.market.v1.events_pb2 import (
    EventLimitOrderCancelled,
    EventLimitOrderFilled,
    EventLimitOrderPlaced,
    EventOrderExecuted,
    EventOrderLapsed,
    EventOrderPlaced,
    EventSlotTraded,
)
from blockenergy.market.v1.query_pb2 import (
    QueryLimitOrderRequest,
    QueryLimitOrderResponse,
    QueryQuoteRequest,
    QueryQuoteResponse,
)
from blockenergy.market.v1.state_pb2 import SIDE_BUY, LimitOrder
from blockenergy.options.v1 import options_pb2 as options
from google.protobuf.message import Message

from client import units
from client.errors import ClientError, NotFoundError, RejectedError, RpcError
from client.node.rpc import Rpc
from client.queries import query
from client.watch import WatchedBlock, decode_events, get_block

_UNKNOWN = ("market", errors_pb2.ORDER_UNKNOWN)
_SLOT_UNKNOWN = ("market", errors_pb2.SLOT_UNKNOWN)
_LAPSES = {
    events_pb2.LAPSE_REASON_WHOLE: "it has to be executed whole, and only a part was possible",
    events_pb2.LAPSE_REASON_LINK: "it is linked with another order, which could not be executed",
    events_pb2.LAPSE_REASON_FEEDER_FULL: "a feeder on its way is full",
    events_pb2.LAPSE_REASON_POSITION_CHANGED: "the position has changed in the same block",
}


class OrderStatus(StrEnum):
    """Where an order is in its life."""

    # Market orders.
    EXECUTED = "executed"
    PARTLY_EXECUTED = "partly executed"
    LAPSED = "lapsed"
    # Limit orders.
    RESTING = "resting"
    FILLED = "filled"
    PARTLY_FILLED = "partly filled"
    NOT_FILLED = "not filled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order and what became of it."""

    order_id: int
    slot: int
    owner: str
    # A value of blockenergy.market.v1.Side.
    side: int
    is_limit_order: bool
    quantity_wh: int
    price_limit_per_kwh: int
    status: OrderStatus
    # What was traded, and the amount to pay or to receive for it.
    traded_wh: int = 0
    amount: int = 0
    # The block of the outcome; 0 if there is none yet, or if it is only known from the state.
    height: int = 0
    # Why it lapsed, as a sentence.
    reason: str = ""


def follow_orders(rpc: Rpc, events: Iterable[Message], height: int) -> list[OrderState]:
    """The states of the orders that a transaction placed, from its events and its block."""
    placed = [event for event in events if isinstance(event, EventOrderPlaced)]
    states = [
        _make_limit_state(event, OrderStatus.RESTING)
        for event in events
        if isinstance(event, EventLimitOrderPlaced)
    ]
    if placed:
        block = get_block(rpc, height)
        states += [_follow_market_order(rpc, event, block) for event in placed]
    return sorted(states, key=lambda state: state.order_id)


def find_order(rpc: Rpc, order_id: int) -> OrderState:
    """The state of an order by its number. Errors: NotFoundError if the node has none."""
    market = _search(rpc, EventOrderPlaced, order_id)
    if market:
        height, placed = market[0]
        assert isinstance(placed, EventOrderPlaced)
        return _follow_market_order(rpc, placed, get_block(rpc, height))
    limit = _search(rpc, EventLimitOrderPlaced, order_id)
    if limit:
        _, last = limit[0]
        assert isinstance(last, EventLimitOrderPlaced)
        return _follow_limit_order(rpc, last)
    raise NotFoundError(
        f"the node at {rpc.node} knows no order {order_id}; it may not have kept the transaction"
    )


def _search(rpc: Rpc, event_type: type[Message], order_id: int) -> list[tuple[int, Message]]:
    """Height and event of the last transaction with an event about an order."""
    name = event_type.DESCRIPTOR.full_name
    found = rpc.tx_search(f"{name}.order_id='{order_id}'", limit=1, latest_first=True)
    return [
        (result.height, event)
        for result in found
        for event in reversed(decode_events(result.result.events))
        if isinstance(event, event_type) and event.order_id == order_id  # type: ignore[attr-defined]
    ]


def _follow_market_order(rpc: Rpc, placed: EventOrderPlaced, block: WatchedBlock) -> OrderState:
    for event in block.block_events:
        if isinstance(event, EventOrderExecuted):
            if event.order_id == placed.order_id:
                is_whole = event.quantity_wh == placed.quantity_wh
                status = OrderStatus.EXECUTED if is_whole else OrderStatus.PARTLY_EXECUTED
                return _make_state(placed, status, block.height, event.quantity_wh, event.amount)
        elif isinstance(event, EventOrderLapsed) and event.order_id == placed.order_id:
            reason = _explain_lapse(rpc, placed, event.reason, block)
            return _make_state(placed, OrderStatus.LAPSED, block.height, reason=reason)
    raise RpcError(f"block {block.height} of {rpc.node} does not say what became of the order")


def _explain_lapse(
    rpc: Rpc, placed: EventOrderPlaced, reason: events_pb2.LapseReason, block: WatchedBlock
) -> str:
    """Why an order lapsed; if it was its limit, with the price of the block, or with a quote."""
    if reason != events_pb2.LAPSE_REASON_LIMIT:
        return _LAPSES.get(reason, "the node does not say why")
    limit = units.format_value(options.UNIT_PRICE, placed.price_limit_per_kwh)
    traded = [event for event in block.block_events if isinstance(event, EventSlotTraded)]
    for event in traded:
        if event.slot == placed.slot and _is_beyond(placed, event.price_per_kwh):
            price = units.format_value(options.UNIT_PRICE, event.price_per_kwh)
            return f"the price of the block was {price}, its limit {limit}"
    # The smallest order has the best price.
    request = QueryQuoteRequest(slot=placed.slot, side=placed.side, quantity_wh=1)
    try:
        quote = query(rpc, request, QueryQuoteResponse, height=block.height - 1).price_per_kwh
    except ClientError:
        # The node has dropped the state, or the slot can no longer be quoted.
        quote = placed.price_limit_per_kwh
    if _is_beyond(placed, quote):
        price = units.format_value(options.UNIT_PRICE, quote)
        return f"alone in its block it would have traded at {price}, its limit is {limit}"
    return f"with the other orders and the grid fee the price was beyond its limit {limit}"


def _is_beyond(placed: EventOrderPlaced, price_per_kwh: int) -> bool:
    if placed.side == SIDE_BUY:
        return price_per_kwh > placed.price_limit_per_kwh
    return price_per_kwh < placed.price_limit_per_kwh


def _follow_limit_order(rpc: Rpc, placed: EventLimitOrderPlaced) -> OrderState:
    request = QueryLimitOrderRequest(slot=placed.slot, order_id=placed.order_id)
    try:
        order = query(rpc, request, QueryLimitOrderResponse).order
    except RejectedError as error:
        if (error.codespace, error.code) not in (_UNKNOWN, _SLOT_UNKNOWN):
            raise
        return _find_end(rpc, placed)
    if order.hold_id:
        return _make_limit_state(placed, OrderStatus.RESTING, order=order)
    status = _get_fill_status(order.filled_wh, order.quantity_wh)
    return _make_limit_state(placed, status, order=order)


def _find_end(rpc: Rpc, placed: EventLimitOrderPlaced) -> OrderState:
    """How a limit order ended that is no longer on record."""
    for height, _ in _search(rpc, EventLimitOrderCancelled, placed.order_id):
        return _make_limit_state(placed, OrderStatus.CANCELLED, height)
    name = EventLimitOrderFilled.DESCRIPTOR.full_name
    for height in rpc.block_search(f"{name}.order_id='{placed.order_id}'"):
        for event in get_block(rpc, height).block_events:
            if isinstance(event, EventLimitOrderFilled) and event.order_id == placed.order_id:
                status = _get_fill_status(event.filled_wh, placed.quantity_wh)
                order = LimitOrder(filled_wh=event.filled_wh, amount=event.amount)
                return _make_limit_state(placed, status, height, order)
    raise NotFoundError(
        f"order {placed.order_id} of slot {placed.slot} is no longer on record, and the node at "
        f"{rpc.node} has not kept how it ended"
    )


def _get_fill_status(filled_wh: int, quantity_wh: int) -> OrderStatus:
    if not filled_wh:
        return OrderStatus.NOT_FILLED
    return OrderStatus.FILLED if filled_wh == quantity_wh else OrderStatus.PARTLY_FILLED


def _make_limit_state(
    placed: EventLimitOrderPlaced,
    status: OrderStatus,
    height: int = 0,
    order: LimitOrder | None = None,
) -> OrderState:
    order = order or LimitOrder()
    return _make_state(placed, status, height, order.filled_wh, order.amount)


def _make_state(
    placed: EventOrderPlaced | EventLimitOrderPlaced,
    status: OrderStatus,
    height: int,
    traded_wh: int = 0,
    amount: int = 0,
    reason: str = "",
) -> OrderState:
    return OrderState(
        order_id=placed.order_id,
        slot=placed.slot,
        owner=placed.owner,
        side=placed.side,
        is_limit_order=isinstance(placed, EventLimitOrderPlaced),
        quantity_wh=placed.quantity_wh,
        price_limit_per_kwh=placed.price_limit_per_kwh,
        status=status,
        traded_wh=traded_wh,
        amount=amount,
        height=height,
        reason=reason,
    )
