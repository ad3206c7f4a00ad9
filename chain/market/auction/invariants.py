"""Invariants of limit orders and call auctions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.auction import record
from chain.market.auction.proof import verify_record
from chain.market.keeper import get_collateral_hold, get_curve
from chain.market.state import (
    BOOKING,
    CLEARINGS,
    LAST_CLEARED,
    LIMIT_ORDERS,
    POSITIONS,
    RESTING,
    SLOTS,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore

_GATE_CLOSED = (state_pb2.SLOT_STATUS_CLEARING, state_pb2.SLOT_STATUS_CLOSED)


def gates(state: HasStore) -> list[str]:
    """Gates close in the order of the slots, and one slot at a time is being booked."""
    booking, last = BOOKING.get(state).slot, LAST_CLEARED.last(state)
    problems = []
    for slot, info in SLOTS.items(state):
        if info.status == state_pb2.SLOT_STATUS_OPEN and slot <= last:
            problems.append(f"slot {slot} is open and its gate was closed")
        if info.status in _GATE_CLOSED and slot > last:
            problems.append(f"slot {slot} is closed out of order")
        if (info.status == state_pb2.SLOT_STATUS_CLEARING) != (slot == booking):
            problems.append(f"slot {slot} is not the one that is being booked, {booking}")
    return problems


def resting_orders(state: HasStore) -> list[str]:
    """Every resting order has a hold that covers its worst case, and the slot counts them."""
    problems: list[str] = []
    for slot, info in SLOTS.items(state):
        orders = _get_orders(state, slot)
        problems += _check_holds(state, slot, orders)
        if info.status == state_pb2.SLOT_STATUS_OPEN:
            counted = (
                len(orders),
                sum(1 for _, order in orders if order.minimum_acceptable_wh),
                sum(1 for _, order in orders if order.full_price_per_kwh),
            )
            kept = info.resting_orders, info.minimum_quantity_orders, info.linear_orders
            if counted != kept:
                problems.append(f"slot {slot} has {counted} limit orders and counts {kept}")
    return problems


def resting_accounts(state: HasStore) -> list[str]:
    """The orders of each account that are not booked are counted, with their grid node."""
    counted: dict[tuple[int, bytes], Counter[str]] = {}
    for (slot, _), order in LIMIT_ORDERS.items(state):
        if order.hold_id:
            own = counted.setdefault((slot, bech32.decode(order.owner)), Counter())
            own[f"at {order.feeder}"] += 1
            own["bid" if order.side == state_pb2.SIDE_BUY else "ask"] += order.quantity_wh
    kept = {
        key: +Counter({f"at {own.feeder}": own.orders, "bid": own.bid_wh, "ask": own.ask_wh})
        for key, own in RESTING.items(state)
    }
    different = sorted(key for key in counted | kept if counted.get(key) != kept.get(key))
    return [f"slot {slot}: an account's limit orders are miscounted" for slot, _ in different]


def clearings(state: HasStore) -> list[str]:
    """Until its slot is settled, every clearing is optimal, bookings are its fills, and positions
    and pending fills add up to the slot (INV-8, INV-9).
    """
    problems: list[str] = []
    for slot, info in SLOTS.items(state):
        if info.status not in _GATE_CLOSED:
            continue
        clearing, orders = CLEARINGS.get(state, slot), _get_orders(state, slot)
        if clearing is None:
            problems += [f"slot {slot} has limit orders and no clearing"] * bool(orders)
            continue
        found = verify_record(clearing, get_curve(info), orders)
        found = found or list(_check_fills(state, slot, info, clearing, orders))
        problems += [f"clearing of slot {slot}: {problem}" for problem in found]
    return problems


def bookings(state: HasStore) -> list[str]:
    """In the slot that is being booked, the first orders are done, and they are counted."""
    booking = BOOKING.get(state)
    orders = _get_orders(state, booking.slot) if booking.slot else []
    done = [order_id for order_id, order in orders if not order.hold_id]
    first = [order_id for order_id, _ in orders[: len(done)]]
    if done != first or (booking.booked, booking.order_id) != (len(done), max(done, default=0)):
        return [f"slot {booking.slot} is not booked as far as its record says"]
    return []


def _get_orders(state: HasStore, slot: int) -> list[tuple[int, state_pb2.LimitOrder]]:
    return list(LIMIT_ORDERS.under(slot).items(state))


def _check_holds(state: HasStore, slot: int, orders: record.Orders) -> Iterator[str]:
    for order_id, order in orders:
        if not order.hold_id:
            continue
        hold = get_collateral_hold(state, bech32.decode(order.owner), order.hold_id)
        is_buy = order.side == state_pb2.SIDE_BUY
        limit = rules.Price(order.price_limit_per_kwh if is_buy else 0, 1)
        if hold is None or hold.amount < rules.compute_payment(limit, order.quantity_wh):
            yield f"slot {slot}: hold {order.hold_id} does not cover limit order {order_id}"


def _check_fills(
    state: HasStore,
    slot: int,
    info: state_pb2.Slot,
    clearing: state_pb2.Clearing,
    orders: record.Orders,
) -> Iterator[str]:
    # Bought, sold, cost and revenue of pending fills.
    waiting = [0, 0, 0, 0]
    for (order_id, order), fill in zip(orders, record.list_fills(clearing, orders), strict=True):
        low, high = info.price_low_per_kwh, info.price_high_per_kwh
        if fill.filled_wh and not low <= fill.price_per_kwh <= high:
            yield f"order {order_id} is filled at {fill.price_per_kwh}"
        is_sale = order.side != state_pb2.SIDE_BUY
        if order.hold_id:
            waiting[is_sale] += fill.filled_wh
            waiting[2 + is_sale] += fill.amount
        elif (order.filled_wh, order.amount) != (fill.filled_wh, fill.amount):
            yield f"order {order_id} is booked with {order.filled_wh} Wh and {order.amount}"
    if info.status == state_pb2.SLOT_STATUS_CLEARING:
        for _, one in POSITIONS.under(slot).items(state):
            amounts = one.bought_wh, one.sold_wh, one.cost, one.revenue
            waiting = [a + b for a, b in zip(waiting, amounts, strict=True)]
        if waiting != [info.bought_wh, info.sold_wh, info.cost, info.revenue]:
            yield f"positions and fills come to {waiting}"
    elif any(waiting) or any(order.hold_id for _, order in orders):
        yield "the slot is closed, and not all orders are booked"
