"""Invariants of market orders, of the pool and of its purses."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain import bank
from chain.market import rules
from chain.market.keeper import get_curve, get_net_wh, iter_slots
from chain.market.pool.purses import PURSES_ACCOUNT
from chain.market.state import ORDERS, PARAMS, POSITIONS, PURSES, RESTORED, SLOTS
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
    """The pool has earned at least the area of its line, and its margin on what it has sold or
    bought net, in every slot (INV-5).
    """
    problems = []
    for slot, info in SLOTS.items(state):
        curve, net_wh = get_curve(info), get_net_wh(info)
        area = rules.compute_potential(curve, net_wh) - rules.compute_potential(curve, 0)
        least = area + curve.margin * abs(net_wh) * rules.compute_scale(curve) // 1000
        earned = info.cost + info.cancellation_income - info.revenue
        earned -= info.grid_fees + info.congestion_rent
        if earned * rules.compute_scale(curve) < least:
            problems.append(f"slot {slot}: the pool has earned less than its line")
    return problems


def funded(state: HasStore) -> list[str]:
    """The funding of a slot follows from its prices and depth."""
    return [
        f"slot {slot}: the funding is not that of its prices"
        for slot, info in SLOTS.items(state)
        if info.funding != rules.compute_funding(get_curve(info))
    ]


def purse_sums(state: HasStore) -> list[str]:
    """A purse has what was put in, what its slots have earned, less what they lost, what is in
    open slots and what was paid out (INV-14). As nothing of that is below zero, all slots together
    never lose more than the seed.
    """
    in_slots: dict[int, int] = {}
    count = PARAMS.get_shared(state).purses
    for slot, info in iter_slots(state):
        if info.status != state_pb2.SLOT_STATUS_SETTLED:
            in_slots[slot % count] = in_slots.get(slot % count, 0) + info.funding
    problems = []
    for number, purse in PURSES.items(state):
        came = purse.seed + purse.gained + purse.surplus
        has = purse.money + purse.owed + in_slots.pop(number, 0) + purse.lost + purse.paid_out
        if came != has:
            problems.append(f"purse {number}: {came} came in, it accounts for {has}")
    problems += [
        f"purse {number} funds slots and has no record" for number in in_slots if in_slots[number]
    ]
    expected = add_up_purses(state).money + RESTORED.get(state)
    denom = PARAMS.get_shared(state).settlement_denom
    actual = bank.get_balance(state, PURSES_ACCOUNT, denom)
    if actual != expected:
        problems.append(f"the purses have {actual}, their records {expected}")
    return problems


def add_up_purses(state: HasStore) -> state_pb2.Purse:
    """All purses together."""
    total = state_pb2.Purse()
    for _, purse in PURSES.items(state):
        for field in state_pb2.Purse.DESCRIPTOR.fields:
            setattr(total, field.name, getattr(total, field.name) + getattr(purse, field.name))
    return total
