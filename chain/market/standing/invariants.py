"""Invariants of standing orders."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.keeper import get_collateral_hold
from chain.market.state import BOOKING, LIMIT_ORDERS, STANDING_ORDERS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def standing_orders(state: HasStore) -> list[str]:
    """Every standing order has energy left, a hold, and gas for being placed once more; its limit
    order is in the slot that is being booked, is no more than a slot may have, and is secured at
    its limit. What is left may need more than is on hold, if collateral has risen since: then it
    waits.
    """
    problems = []
    booked = BOOKING.get(state).slot
    for order_id, order in STANDING_ORDERS.items(state):
        placed = LIMIT_ORDERS.get(state, (booked, order.placed_order_id))
        if order.placed_order_id and not _is_its_own(state, order_id, order, placed):
            problems.append(f"standing order {order_id} has another limit order than it says")
        hold = get_collateral_hold(state, bech32.decode(order.owner), order.hold_id)
        if not order.left_wh or hold is None:
            problems.append(f"standing order {order_id} is filled, or has no hold")
        if not order.placings_left and not order.placed_order_id:
            problems.append(f"standing order {order_id} waits for more than its gas has paid for")
    return problems


def _is_its_own(
    state: HasStore,
    order_id: int,
    order: state_pb2.StandingOrder,
    placed: state_pb2.LimitOrder | None,
) -> bool:
    if placed is None or placed.standing_order_id != order_id or placed.owner != order.owner:
        return False
    hold = get_collateral_hold(state, bech32.decode(placed.owner), placed.hold_id)
    limit = rules.Price(order.price_limit_per_kwh if order.side == state_pb2.SIDE_BUY else 0, 1)
    secured = hold is not None and hold.amount >= rules.compute_payment(limit, placed.quantity_wh)
    return secured and placed.quantity_wh <= min(order.slot_max_wh, order.left_wh)
