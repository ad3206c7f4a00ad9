"""Invariants of positions: their sums, their holds, their flows and their grid nodes."""

from __future__ import annotations

from collections import Counter

from blockenergy.market.v1 import state_pb2

from chain import registry
from chain.market.keeper import get_collateral_hold
from chain.market.positions.influence import Traded, get_traded
from chain.market.state import FLOWS, LIMIT_ORDERS, OFFERS, POSITIONS, SLOTS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore

# Of a slot, or of the positions in it: bought and sold Wh, cost, revenue, and grid fees.
_Sums = list[int]


def slot_sums(state: HasStore) -> list[str]:
    """The positions of a slot add up to the slot.

    While fills are booked or accounts are settled the sums of the positions are lower. Fees of the
    auction and of cancelled energy are the slot's alone.
    """
    problems = []
    sums = _add_up_positions(state)
    for slot, info in SLOTS.items(state):
        expected = [info.bought_wh, info.sold_wh, info.cost, info.revenue, info.grid_fees]
        total = sums.pop(slot, [0] * 5)
        complete = info.status != state_pb2.SLOT_STATUS_OPEN or total[:4] == expected[:4]
        if not complete or any(a > b for a, b in zip(total, expected, strict=True)):
            problems.append(f"slot {slot}: positions {total}, slot {expected}")
        if info.status == state_pb2.SLOT_STATUS_SETTLED and any(total):
            problems.append(f"slot {slot} is settled and has positions")
    return problems + [f"positions in slot {slot}, which is not on record" for slot in sums]


def secured(state: HasStore) -> list[str]:
    """Every position has a hold with exactly its cost and collateral."""
    problems = []
    for (slot, owner), position in POSITIONS.items(state):
        hold = get_collateral_hold(state, owner, position.hold_id)
        needed = position.cost + position.buy_collateral + position.sell_collateral
        if hold is None or hold.amount != needed:
            problems.append(f"slot {slot}: hold {position.hold_id} does not secure its position")
    return problems


def one_side(state: HasStore) -> list[str]:
    """No account has both bought and sold in a slot: the smaller quantity is closed at once."""
    return [
        f"slot {slot}: a position has two sides"
        for (slot, _), position in POSITIONS.items(state)
        if position.bought_wh and position.sold_wh
    ]


def starts(state: HasStore) -> list[str]:
    """No position began after more than what was traded the other way."""
    problems = []
    for (slot, _), position in POSITIONS.items(state):
        info = SLOTS.get(state, slot)
        traded = get_traded(info) if info is not None else Traded(0, 0)
        has_energy = position.bought_wh or position.sold_wh
        start_max = traded.before(bool(position.bought_wh))
        if has_energy and position.opposite_start_half_wh > start_max:
            problems.append(f"slot {slot}: a position began after what was traded")
    return problems


def own_holds(state: HasStore) -> list[str]:
    """No two positions, offers and limit orders have the same hold."""
    used = [position.hold_id for _, position in POSITIONS.items(state)]
    used += [offer.hold_id for _, offer in OFFERS.items(state)]
    used += [order.hold_id for _, order in LIMIT_ORDERS.items(state) if order.hold_id]
    return [
        f"hold {hold_id} secures {times} things"
        for hold_id, times in Counter(used).items()
        if times > 1
    ]


def flows(state: HasStore) -> list[str]:
    """The flow over a feeder is the net energy of the positions below it, while all fills are
    booked and no account is settled.
    """
    problems, sums = [], _add_up_positions(state)
    expected: dict[int, dict[str, int]] = {}
    for (slot, _), position in POSITIONS.items(state):
        slot_flows = expected.setdefault(slot, {})
        for name, _ in registry.get_path(state, position.feeder):
            change_wh = position.bought_wh - position.sold_wh
            slot_flows[name] = slot_flows.get(name, 0) + change_wh
    actual: dict[int, dict[str, int]] = {}
    for (slot, name), flow in FLOWS.items(state):
        actual.setdefault(slot, {})[name] = flow.import_wh - flow.export_wh
    for slot, info in SLOTS.items(state):
        complete = sums.get(slot, [0, 0])[:2] == [info.bought_wh, info.sold_wh]
        of_positions = {name: wh for name, wh in expected.get(slot, {}).items() if wh}
        if complete and of_positions != actual.get(slot, {}):
            problems.append(f"slot {slot}: positions {of_positions}, flows {actual.get(slot)}")
    return problems


def one_grid_node(state: HasStore) -> list[str]:
    """An account has one grid node in a slot."""
    nodes: dict[tuple[int, bytes], set[str]] = {}
    for key, position in POSITIONS.items(state):
        nodes.setdefault(key, set()).add(position.feeder)
    for key, offer in OFFERS.items(state):
        nodes.setdefault(key, set()).add(offer.feeder)
    for (slot, _), order in LIMIT_ORDERS.items(state):
        if order.hold_id:
            nodes.setdefault((slot, bech32.decode(order.owner)), set()).add(order.feeder)
    return [
        f"slot {slot}: an account is at {sorted(found)}"
        for (slot, _), found in nodes.items()
        if len(found) > 1
    ]


def _add_up_positions(state: HasStore) -> dict[int, _Sums]:
    sums: dict[int, _Sums] = {}
    for (slot, _), p in POSITIONS.items(state):
        total = sums.setdefault(slot, [0] * 5)
        fees = p.grid_fees + p.sold_grid_fees
        for index, amount in enumerate((p.bought_wh, p.sold_wh, p.cost, p.revenue, fees)):
            total[index] += amount
    return sums
