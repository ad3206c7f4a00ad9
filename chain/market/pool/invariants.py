"""Invariants of market orders and of the pool."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.keeper import get_curve, get_net_wh
from chain.market.state import ORDERS, POSITIONS, SLOTS
from chain.runtime.state.collections import HasStore


def no_orders_left(state: HasStore) -> list[str]:
    """Between blocks there are no market orders: each was executed or has lapsed."""
    return (
        [f"order {order_id} is left" for (_, order_id), _ in ORDERS.items(state)]
        + [
            f"slot {slot}: {info.pending_wh} Wh are pending"
            for slot, info in SLOTS.items(state)
            if info.pending_wh
        ]
        + [
            f"slot {slot}: orders are pending in a position"
            for (slot, _), position in POSITIONS.items(state)
            if position.pending_buy_wh or position.pending_sell_wh
        ]
    )


def solvency(state: HasStore) -> list[str]:
    """The pool has earned at least the area of its curve in every slot (INV-5)."""
    problems = []
    for slot, info in SLOTS.items(state):
        curve = get_curve(info)
        area = rules.compute_potential(curve, get_net_wh(info)) - rules.compute_potential(curve, 0)
        earned = info.cost + info.cancellation_income - info.revenue
        earned -= info.grid_fees + info.congestion_rent
        if earned * 4000 * info.depth_wh < area:
            problems.append(f"slot {slot}: the pool has earned less than its curve")
    return problems


def funded(state: HasStore) -> list[str]:
    """The funding of a slot follows from its prices and depth; an unfunded slot has none."""
    problems = []
    for slot, info in SLOTS.items(state):
        has_traded = info.bought_wh or info.sold_wh
        is_funded = info.status == state_pb2.SLOT_STATUS_OPEN or info.funding or has_traded
        expected = rules.compute_funding(get_curve(info)) if is_funded else 0
        wrongly = info.status == state_pb2.SLOT_STATUS_UNFUNDED and is_funded
        if info.funding != expected or wrongly:
            problems.append(f"slot {slot}: the funding is not that of its prices")
    return problems
