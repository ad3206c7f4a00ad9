"""What one trader alone pays to the pool, or receives from it."""

from __future__ import annotations

from chain.market import rules


def compute_buy_cost(curve: rules.Curve, net_wh: int, quantity_wh: int) -> int:
    price = rules.compute_average_price(curve, net_wh, quantity_wh).add(curve.margin)
    return rules.compute_payment(price, quantity_wh)


def compute_sell_revenue(curve: rules.Curve, net_wh: int, quantity_wh: int) -> int:
    price = rules.compute_average_price(curve, net_wh, -quantity_wh).add(-curve.margin)
    return rules.compute_receipt(price, quantity_wh)
