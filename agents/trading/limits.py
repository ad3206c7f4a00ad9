"""What the owner allows, whatever a strategy wants.

Deadlines come first: where money is short, orders for a flexible load without time left are kept
before all others, then those that pay most for a kWh. What is left out is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.trading.cover import format_price
from agents.trading.observation import Limits, Observation, Order

WH_PER_KWH = 1000


def apply_limits(seen: Observation, orders: Sequence[Order]) -> tuple[list[Order], list[str]]:
    """The orders within the limits, in their order, and a sentence for what was cut."""
    limits, reasons = seen.limits, []
    sized = [_cut_quantity(order, limits) for order in orders]
    kept: dict[int, Order] = {}
    money_left = limits.money_left
    for number in sorted(range(len(sized)), key=lambda number: _rank(seen, sized[number])):
        order = sized[number]
        if not order.is_buy or money_left is None:
            kept[number] = order
            continue
        cost = compute_cost(order)
        if cost > money_left:
            quantity_wh = money_left * WH_PER_KWH // order.price_limit_per_kwh
            reasons.append(
                f"slot {order.slot}: {order.quantity_wh - quantity_wh} Wh less than wanted, "
                f"because the owner allows {format_price(money_left)} more today"
            )
            order = replace(order, quantity_wh=quantity_wh)
            cost = compute_cost(order)
        if order.quantity_wh >= limits.order_min_wh:
            money_left -= cost
            kept[number] = order
    return [kept[number] for number in sorted(kept)], reasons


def compute_cost(order: Order) -> int:
    """The most that a purchase costs, rounded up; 0 for a sale."""
    if not order.is_buy:
        return 0
    return -(-order.quantity_wh * order.price_limit_per_kwh // WH_PER_KWH)


def _rank(seen: Observation, order: Order) -> tuple[bool, int]:
    is_urgent = order.is_flexible and order.price_limit_per_kwh >= seen.price_high_per_kwh
    return not is_urgent, -order.price_limit_per_kwh


def _cut_quantity(order: Order, limits: Limits) -> Order:
    if limits.order_max_wh is None:
        return order
    return replace(order, quantity_wh=min(order.quantity_wh, limits.order_max_wh))
