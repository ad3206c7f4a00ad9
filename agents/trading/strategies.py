"""The strategies by name, behind one signature: from what a home sees and remembers to a decision.

taker    covers the forecast at any price that beats an imbalance; a battery serves its own home
planner  bids what a kWh is worth to the home, with the battery's plan behind it
learner  as the planner, but asks for a little more than that, as much more as has paid (Roth-Erev)
zero     draws its limits by chance between what never pays and what always does (zero intelligence)

`decide` is the one entry: strategy, then the owner's limits, which bind each of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agents.trading.bids import bid_curve, plan_battery
from agents.trading.cover import cover_forecast, place_flexible
from agents.trading.limits import apply_limits
from agents.trading.observation import PERMILLE, Decision, Observation, Order
from agents.trading.stored_value import get_usable_wh, list_bids

# By how much a learner may shade what is worth more or less than the bounds, in permille of it.
SHADES = (0, 20, 50, 100, 200)
FIRST_PROPENSITY, FORGET_PERMILLE = 1_000, 20
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """What a learner knows: how well each shade has done, and the one it has taken last."""

    propensities: tuple[int, ...] = (FIRST_PROPENSITY,) * len(SHADES)
    chosen: int = 0


NOTHING = Memory()


def learn(memory: Memory, gain: int) -> Memory:
    """The memory after a slot: what was gained, in millionths, is credited to the shade taken."""
    kept = [
        value * (PERMILLE - FORGET_PERMILLE) // PERMILLE + FORGET_PERMILLE
        for value in memory.propensities
    ]
    kept[memory.chosen] += max(0, gain) // PERMILLE
    return replace(memory, propensities=tuple(max(1, value) for value in kept))


def decide(
    seen: Observation, strategy: str = "planner", memory: Memory = NOTHING
) -> tuple[Decision, Memory]:
    """What to do now, and what to remember. The same input gives the same output."""
    decision, memory = STRATEGIES[strategy](seen, memory)
    orders, cut = apply_limits(seen, decision.orders)
    reasons = (*decision.reasons, *cut)
    if not orders and not reasons:
        reasons = ("nothing is worth ordering",)
    return replace(decision, orders=tuple(orders), reasons=reasons), memory


def _take(seen: Observation, memory: Memory) -> tuple[Decision, Memory]:
    planned = plan_battery(replace(seen, expected_price_per_kwh={}, spread_per_kwh=_span(seen)))
    battery_wh = planned[0] if planned else {}
    with_battery = replace(
        seen,
        forecast_wh={slot: wh + battery_wh.get(slot, 0) for slot, wh in seen.forecast_wh.items()},
    )
    orders = (*cover_forecast(with_battery), *place_flexible(seen))
    return Decision(orders, battery_wh), memory


def _plan(seen: Observation, memory: Memory) -> tuple[Decision, Memory]:
    planned = plan_battery(seen)
    battery_wh, values = planned or ({}, None)
    orders: list[Order] = []
    worth = None
    for number, open_slot in enumerate(seen.open_slots):
        slot = open_slot.slot
        is_next = number == 0
        has_none = seen.position_wh.get(slot, 0) == seen.flexible.planned_wh.get(slot, 0)
        if slot not in seen.forecast_wh or not (is_next or has_none):
            continue
        bids = None
        if values is not None and is_next:
            bids = list_bids(values, 0, get_usable_wh(values.battery))
            worth = bids.charge[0].worth_per_kwh if bids.charge else None
        orders += bid_curve(seen, slot, bids)
    decision = Decision((*orders, *place_flexible(seen)), battery_wh, worth)
    if values is not None:
        decision = replace(decision, reasons=_explain(battery_wh))
    return decision, memory


def _learn_to_bid(seen: Observation, memory: Memory) -> tuple[Decision, Memory]:
    decision, _ = _plan(seen, memory)
    if not seen.open_slots:
        return decision, memory
    place = _draw(seen, "shade") % sum(memory.propensities)
    chosen = 0
    while place >= memory.propensities[chosen]:
        place -= memory.propensities[chosen]
        chosen += 1
    orders = tuple(_shade(seen, order, SHADES[chosen]) for order in decision.orders)
    return replace(decision, orders=orders), replace(memory, chosen=chosen)


def _draw_limits(seen: Observation, memory: Memory) -> tuple[Decision, Memory]:
    decision, _ = _take(seen, memory)
    span = _span(seen)
    orders = []
    for number, order in enumerate(decision.orders):
        limit = seen.price_low_per_kwh + _draw(seen, f"limit {number}") % (span + 1)
        # A deadline is kept by chance as well, as long as it has to be.
        orders.append(replace(order, price_limit_per_kwh=limit, reason="its limit is drawn"))
    return replace(decision, orders=tuple(orders)), memory


def _shade(seen: Observation, order: Order, shade_permille: int) -> Order:
    """A limit that is worth waiting with: between the bounds, not at them."""
    low, high = seen.price_low_per_kwh, seen.price_high_per_kwh
    limit = order.price_limit_per_kwh
    if not shade_permille or not low < limit < high:
        return order
    part = limit * shade_permille // PERMILLE
    shaded = max(low, limit - part) if order.is_buy else min(high, limit + part)
    reason = f"{order.reason}; {shade_permille / 10:g}% more has paid so far"
    return replace(order, price_limit_per_kwh=shaded, reason=reason)


def _explain(battery_wh: Mapping[int, int]) -> tuple[str, ...]:
    """What the battery is to do, in a sentence."""
    charging = [slot for slot, wh in battery_wh.items() if wh > 0]
    giving = [slot for slot, wh in battery_wh.items() if wh < 0]
    if not charging and not giving:
        return ("the battery rests: what it could gain is less than what it loses",)
    said = []
    if charging:
        total_wh = sum(battery_wh[slot] for slot in charging)
        said.append(f"stores {total_wh} Wh in {len(charging)} slots from {charging[0]} on")
    if giving:
        total_wh = -sum(battery_wh[slot] for slot in giving)
        said.append(f"gives {total_wh} Wh in {len(giving)} slots from {giving[0]} on")
    return (f"the battery {' and '.join(said)}",)


def _span(seen: Observation) -> int:
    return seen.price_high_per_kwh - seen.price_low_per_kwh


def _draw(seen: Observation, what: str) -> int:
    """A number by chance, the same for the same home, slot and purpose."""
    slot = seen.open_slots[0].slot if seen.open_slots else 0
    digest = hashlib.sha256(f"{seen.seed}/{slot}/{what}".encode()).digest()
    return int.from_bytes(digest[:_DIGEST_BYTES], "big")


Strategy = Callable[[Observation, Memory], tuple[Decision, Memory]]
STRATEGIES: dict[str, Strategy] = {
    "taker": _take,
    "planner": _plan,
    "learner": _learn_to_bid,
    "zero": _draw_limits,
}
