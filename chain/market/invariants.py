"""What always holds of slots, positions, flows, and the places of accounts."""

from __future__ import annotations

from collections import Counter

from blockenergy.market.v1 import state_pb2

from chain import registry
from chain.market import rules
from chain.market.keeper import get_collateral_hold, get_curve, get_net_wh
from chain.market.state import FLOWS, LIMIT_ORDERS, OFFERS, ORDERS, POSITIONS, SLOTS
from chain.runtime import bech32
from chain.runtime.collections import HasStore

# Of a slot, or of the positions in it: bought and sold Wh, cost, revenue, and grid fees.
_Sums = list[int]


def no_orders_left(state: HasStore) -> list[str]:
    """Between blocks there are no market orders: they were executed, or they lapsed."""
    return [f"order {order_id} is left" for (_, order_id), _ in ORDERS.items(state)] + [
        f"slot {slot}: {info.pending_wh} Wh are pending"
        for slot, info in SLOTS.items(state)
        if info.pending_wh
    ]


def slot_sums(state: HasStore) -> list[str]:
    """The positions of a slot add up to the slot.

    While fills of its auction are booked they are on their way there, and while the slot is being
    settled they are taken one by one. Fees of the auction, and of what was cancelled, are the
    slot's alone.
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


def solvency(state: HasStore) -> list[str]:
    """What the pool has earned in a slot is at least the area of its curve (INV-5)."""
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
    """A slot has the funding that its prices and its depth ask for, or none if it is unfunded."""
    problems = []
    for slot, info in SLOTS.items(state):
        has_traded = info.bought_wh or info.sold_wh
        is_funded = info.status == state_pb2.SLOT_STATUS_OPEN or info.funding or has_traded
        expected = rules.compute_funding(get_curve(info)) if is_funded else 0
        wrongly = info.status == state_pb2.SLOT_STATUS_UNFUNDED and is_funded
        if info.funding != expected or wrongly:
            problems.append(f"slot {slot}: the funding is not that of its prices")
    return problems


def secured(state: HasStore) -> list[str]:
    """Every position has a hold with exactly what it has to pay, cover and bond."""
    problems = []
    for (slot, owner), position in POSITIONS.items(state):
        hold = get_collateral_hold(state, owner, position.hold_id)
        needed = position.cost + position.buy_collateral + position.sell_collateral
        if hold is None or hold.amount != needed:
            problems.append(f"slot {slot}: hold {position.hold_id} does not secure its position")
    return problems


def offers_secured(state: HasStore) -> list[str]:
    """Every offer has something left, a hold, and a slot that is not closed yet."""
    problems = []
    waiting = (state_pb2.SLOT_STATUS_OPEN, state_pb2.SLOT_STATUS_CLEARING)
    for (slot, owner), offer in OFFERS.items(state):
        info = SLOTS.get(state, slot)
        if info is None or info.status not in waiting or not offer.available_wh:
            problems.append(f"slot {slot}: an offer is left")
        if get_collateral_hold(state, owner, offer.hold_id) is None:
            problems.append(f"slot {slot}: hold {offer.hold_id} does not secure its offer")
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
    """What is agreed over a line is what is bought and sold behind it, as long as nobody in the
    slot is settled and all fills are booked.
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


def one_place(state: HasStore) -> list[str]:
    """All that an account has in a slot stands at one feeder."""
    places: dict[tuple[int, bytes], set[str]] = {}
    for key, position in POSITIONS.items(state):
        places.setdefault(key, set()).add(position.feeder)
    for key, offer in OFFERS.items(state):
        places.setdefault(key, set()).add(offer.feeder)
    for (slot, _), order in LIMIT_ORDERS.items(state):
        if order.hold_id:
            places.setdefault((slot, bech32.decode(order.owner)), set()).add(order.feeder)
    return [
        f"slot {slot}: an account is at {sorted(found)}"
        for (slot, _), found in places.items()
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
