"""Covers what is expected to be used, and fills flexible loads: the orders of a home.

A home covers its forecast: most of it as soon as a slot can be traded, the rest with the better
forecast just before the gate closes. It pays anything up to what a deviation would cost, and sells
for anything above what a deviation would bring, so each trade is better than none. What does not
depend on the hour, such as charging a car, waits for a low price as long as it can.
"""

from __future__ import annotations

from collections.abc import Iterator

from agents.trading.observation import PERMILLE, Observation, Order

# The part of an early forecast that is worth trading.
EARLY_PERMILLE = 700
# Less than this is left to the imbalance price.
ORDER_MIN_WH = 20
# Share of the price range up to which energy counts as cheap.
CHEAP_PERMILLE = 400
_MICRO = 1_000_000


def cover_forecast(seen: Observation) -> Iterator[Order]:
    """Everything missing in the next slot, most of it in slots without orders."""
    for number, open_slot in enumerate(seen.open_slots):
        slot = open_slot.slot
        if slot not in seen.forecast_wh:
            continue
        missing_wh = find_missing_wh(seen, slot, is_next=number == 0)
        least_wh = max(ORDER_MIN_WH, seen.limits.order_min_wh)
        share = "the rest of what" if number == 0 else f"{EARLY_PERMILLE // 10}% of what"
        if missing_wh >= least_wh:
            reason = f"{share} is expected to be used"
            yield Order(slot, True, missing_wh, seen.price_high_per_kwh, reason=reason)
        elif -missing_wh >= least_wh and seen.can_sell:
            reason = f"{share} is expected to be left over"
            yield Order(slot, False, -missing_wh, seen.price_low_per_kwh, reason=reason)


def find_missing_wh(seen: Observation, slot: int, *, is_next: bool) -> int:
    """What a slot with a forecast still needs now, flexible load included; negative: too much."""
    position_wh = seen.position_wh.get(slot, 0)
    planned_wh = seen.flexible.planned_wh.get(slot, 0)
    if is_next:
        return seen.forecast_wh[slot] + planned_wh - position_wh
    if position_wh == planned_wh:
        return seen.forecast_wh[slot] * EARLY_PERMILLE // PERMILLE
    return 0


def place_flexible(seen: Observation) -> Iterator[Order]:
    """Fills the cheapest slots; expensive ones only as far as the remaining time requires."""
    flexible = seen.flexible
    left_wh = flexible.left_wh
    in_sight = [one for one in seen.open_slots if one.slot in flexible.slots]
    if not in_sight or left_wh <= 0:
        return
    later_slots = len([slot for slot in flexible.slots if slot > in_sight[-1].slot])
    urgent_wh = left_wh - later_slots * flexible.slot_max_wh
    span = seen.price_high_per_kwh - seen.price_low_per_kwh
    cheap = seen.price_low_per_kwh + span * CHEAP_PERMILLE // PERMILLE
    least_wh = max(ORDER_MIN_WH, seen.limits.order_min_wh)
    for one in sorted(in_sight, key=lambda one: (one.price_per_kwh, one.slot)):
        is_cheap = one.price_per_kwh <= cheap
        room_wh = flexible.slot_max_wh - flexible.planned_wh.get(one.slot, 0)
        quantity_wh = min(room_wh, left_wh if is_cheap else urgent_wh)
        if quantity_wh >= least_wh:
            limit = cheap if is_cheap else seen.price_high_per_kwh
            reason = (
                f"a flexible load is filled while a kWh costs at most {format_price(cheap)}"
                if is_cheap
                else "a flexible load has no time left to wait for a lower price"
            )
            yield Order(one.slot, True, quantity_wh, limit, is_flexible=True, reason=reason)
            left_wh -= quantity_wh
            urgent_wh -= quantity_wh


def format_price(per_kwh: int) -> str:
    """A price in tokens, for a sentence."""
    return f"{per_kwh / _MICRO:.3f}"
