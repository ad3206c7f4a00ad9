"""How a home trades: from an observation to orders, as pure functions.

A home covers its forecast: most of it as soon as a slot can be traded, the rest with the better
forecast just before the gate closes. It pays anything up to what a deviation would cost, and sells
for anything above what a deviation would bring, so each trade is better than none. What does not
depend on the hour, such as charging a car, waits for a low price as long as it can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# The part of an early forecast that is worth trading.
EARLY_PERMILLE = 700
# Less than this is left to the imbalance price.
ORDER_MIN_WH = 20
# Share of the price range up to which energy counts as cheap.
CHEAP_PERMILLE = 400
_PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot that takes orders, and the middle between the pool's bid and ask."""

    slot: int
    price_per_kwh: int


@dataclass(frozen=True, slots=True)
class Flexible:
    """The rest of a flexible load."""

    # Not planned for any slot yet.
    left_wh: int
    slot_max_wh: int
    # Slots that it may use, with what is already planned in each.
    slots: range
    planned_wh: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a home knows when it decides."""

    # In ascending order; the gate of the first one closes next.
    open_slots: tuple[OpenSlot, ...]
    # Expected net use per slot, without the flexible load; negative is surplus.
    forecast_wh: Mapping[int, int]
    # Net energy bought so far per slot.
    position_wh: Mapping[int, int]
    flexible: Flexible
    can_sell: bool
    price_low_per_kwh: int
    price_high_per_kwh: int


@dataclass(frozen=True, slots=True)
class Order:
    """A quantity to buy or sell."""

    slot: int
    is_buy: bool
    quantity_wh: int
    price_limit_per_kwh: int
    is_flexible: bool = False


def decide(seen: Observation) -> list[Order]:
    """The orders to place now."""
    return [*_cover_forecast(seen), *_place_flexible(seen)]


def _cover_forecast(seen: Observation) -> Iterator[Order]:
    """Everything missing in the next slot, most of it in slots without orders."""
    for number, open_slot in enumerate(seen.open_slots):
        slot = open_slot.slot
        if slot not in seen.forecast_wh:
            continue
        position_wh = seen.position_wh.get(slot, 0)
        planned_wh = seen.flexible.planned_wh.get(slot, 0)
        if number == 0:
            missing_wh = seen.forecast_wh[slot] + planned_wh - position_wh
        elif position_wh == planned_wh:
            missing_wh = seen.forecast_wh[slot] * EARLY_PERMILLE // _PERMILLE
        else:
            continue
        if missing_wh >= ORDER_MIN_WH:
            yield Order(slot, True, missing_wh, seen.price_high_per_kwh)
        elif -missing_wh >= ORDER_MIN_WH and seen.can_sell:
            yield Order(slot, False, -missing_wh, seen.price_low_per_kwh)


def _place_flexible(seen: Observation) -> Iterator[Order]:
    """Fills the cheapest slots; expensive ones only as far as the remaining time requires."""
    flexible = seen.flexible
    left_wh = flexible.left_wh
    in_sight = [one for one in seen.open_slots if one.slot in flexible.slots]
    if not in_sight or left_wh <= 0:
        return
    later_slots = len([slot for slot in flexible.slots if slot > in_sight[-1].slot])
    urgent_wh = left_wh - later_slots * flexible.slot_max_wh
    span = seen.price_high_per_kwh - seen.price_low_per_kwh
    cheap = seen.price_low_per_kwh + span * CHEAP_PERMILLE // _PERMILLE
    for one in sorted(in_sight, key=lambda one: (one.price_per_kwh, one.slot)):
        is_cheap = one.price_per_kwh <= cheap
        room_wh = flexible.slot_max_wh - flexible.planned_wh.get(one.slot, 0)
        quantity_wh = min(room_wh, left_wh if is_cheap else urgent_wh)
        if quantity_wh >= ORDER_MIN_WH:
            limit = cheap if is_cheap else seen.price_high_per_kwh
            yield Order(one.slot, True, quantity_wh, limit, is_flexible=True)
            left_wh -= quantity_wh
            urgent_wh -= quantity_wh
