"""What the owner allows, whatever a strategy wants.

Deadlines come first: where money is short, orders for a flexible load without time left are kept
before all others, then those of the slot whose gate closes next, then those that pay most for a
kWh. What is left out is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.trading.cover import format_price
from agents.trading.observation import Limits, Observation, Order

WH_PER_KWH = 1000


def apply_limits(seen: Observation, orders: Sequence[Order]) -> tuple[list[Order], list[str]]:
    """The orders within the limits, in their order, and a sentence for what was cut."""
    limits = seen.limits
    sized = [
        _cut_quantity(order, limits)
        for order in orders
        if (seen.can_buy if order.is_buy else seen.can_sell)
    ]
    kept: dict[int, Order] = {}
    money_left, missing_wh = limits.money_left, 0
    for number in sorted(range(len(sized)), key=lambda number: _rank(seen, sized[number])):
        if len(kept) == limits.orders_max:
            break
        order = sized[number]
        if order.is_buy and money_left is not None:
            order = _afford(order, money_left)
            missing_wh += sized[number].quantity_wh - order.quantity_wh
        if order.quantity_wh >= limits.order_min_wh:
            money_left = None if money_left is None else money_left - compute_cost(order)
            kept[number] = order
    reasons = []
    if missing_wh and limits.money_left is not None:
        reasons.append(
            f"{missing_wh} Wh less than wanted are bought, because the owner allows "
            f"{format_price(limits.money_left)} more today"
        )
    if len(kept) == limits.orders_max < len(sized):
        reasons.append(f"{len(sized) - len(kept)} orders wait for the next turn")
    return [kept[number] for number in sorted(kept)], reasons


def _afford(order: Order, money_left: int) -> Order:
    if compute_cost(order) <= money_left:
        return order
    quantity_wh = money_left * WH_PER_KWH // order.price_limit_per_kwh
    return replace(order, quantity_wh=quantity_wh)


def compute_cost(order: Order) -> int:
    """The most that a purchase costs, rounded up; 0 for a sale."""
    if not order.is_buy:
        return 0
    return -(-order.quantity_wh * order.price_limit_per_kwh // WH_PER_KWH)


def _rank(seen: Observation, order: Order) -> tuple[bool, bool, int, int]:
    """Deadlines, then the slot whose gate closes next, then what pays most, the nearest first."""
    is_urgent = order.is_flexible and order.price_limit_per_kwh >= seen.price_high_per_kwh
    is_next = order.slot == seen.open_slots[0].slot
    return not is_urgent, not is_next, -order.price_limit_per_kwh, order.slot


def _cut_quantity(order: Order, limits: Limits) -> Order:
    if limits.order_max_wh is None:
        return order
    return replace(order, quantity_wh=min(order.quantity_wh, limits.order_max_wh))
