"""Invariants of standing orders."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.keeper import get_collateral_hold
from chain.market.state import BOOKING, LIMIT_ORDERS, STANDING_ORDERS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def standing_orders(state: HasStore) -> list[str]:
    """What is left of every standing order is on hold at its limit, there or in its limit order;
    that one is in the slot that is being booked, and is no more than a slot may have.
    """
    problems = []
    booked = BOOKING.get(state).slot
    for order_id, order in STANDING_ORDERS.items(state):
        placed = LIMIT_ORDERS.get(state, (booked, order.placed_order_id))
        if order.placed_order_id and not _is_its_own(order_id, order, placed):
            problems.append(f"standing order {order_id} has another limit order than it says")
        owner, is_buy = bech32.decode(order.owner), order.side == state_pb2.SIDE_BUY
        ids = [order.hold_id] + ([placed.hold_id] if placed else [])
        holds = [get_collateral_hold(state, owner, hold_id) for hold_id in ids]
        held = sum(hold.amount for hold in holds if hold is not None)
        needed = rules.Price(order.price_limit_per_kwh if is_buy else 0, 1)
        secured = None not in holds and held >= rules.compute_payment(needed, order.left_wh)
        if not order.left_wh or not secured:
            problems.append(f"standing order {order_id} is filled, or its hold does not cover it")
    return problems


def _is_its_own(
    order_id: int, order: state_pb2.StandingOrder, placed: state_pb2.LimitOrder | None
) -> bool:
    return (
        placed is not None
        and placed.standing_order_id == order_id
        and placed.owner == order.owner
        and placed.hold_id > 0
        and placed.quantity_wh <= min(order.slot_max_wh, order.left_wh)
    )
