"""What always holds of slots and positions."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain import bank
from chain.market import rules
from chain.market.keeper import get_curve, get_net_wh
from chain.market.state import ORDERS, POSITIONS, SLOTS
from chain.runtime.collections import HasStore


def no_orders_left(state: HasStore) -> list[str]:
    """Between blocks there are no orders: they were executed, or they lapsed."""
    return [f"order {order_id} is left" for (_, order_id), _ in ORDERS.items(state)]


def slot_sums(state: HasStore) -> list[str]:
    """The positions of a slot that nobody has begun to settle add up to the slot."""
    sums: dict[int, list[int]] = {}
    for (slot, _), p in POSITIONS.items(state):
        total = sums.setdefault(slot, [0, 0, 0, 0])
        for index, amount in enumerate((p.bought_wh, p.sold_wh, p.cost, p.revenue)):
            total[index] += amount
    problems = []
    for slot, info in SLOTS.items(state):
        expected = [info.bought_wh, info.sold_wh, info.cost, info.revenue]
        total = sums.pop(slot, [0, 0, 0, 0])
        # While a slot is being settled its positions are taken one by one.
        if any(a > b for a, b in zip(total, expected, strict=True)):
            problems.append(f"slot {slot}: positions {total}, slot {expected}")
        if info.status == state_pb2.SLOT_STATUS_SETTLED and any(total):
            problems.append(f"slot {slot} is settled and has positions")
    return problems + [f"positions in slot {slot}, which is not on record" for slot in sums]


def solvency(state: HasStore) -> list[str]:
    """What the pool has earned in a slot is at least the area of its curve (INV-5)."""
    problems = []
    for slot, info in SLOTS.items(state):
        curve = get_curve(info)
        area = rules.compute_potential(curve, get_net_wh(info)) - rules.compute_potential(curve, 0)
        if (info.cost - info.revenue) * 4000 * info.depth_wh < area:
            problems.append(f"slot {slot}: the pool has earned less than its curve")
    return problems


def secured(state: HasStore) -> list[str]:
    """Every position has its own hold, and a buyer's hold covers what it has to pay."""
    problems, seen = [], set()
    for (slot, owner), position in POSITIONS.items(state):
        hold = bank.get_hold(state, owner, position.hold_id)
        if hold is None or hold.amount < position.cost or position.hold_id in seen:
            problems.append(f"slot {slot}: hold {position.hold_id} does not secure its position")
        seen.add(position.hold_id)
    return problems
