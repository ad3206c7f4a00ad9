"""The pool's price line as a participant of a call auction.

The Wh that takes the pool from x to x + 1 net sold is worth the area of the line above it. The pool
sells it at no less than that and its margin, and buys it back at no more than that less its margin,
rounded to the grid of prices in its favour. So at one price for everything it earns at least the
area of its line and the margin on its net energy, and its loss keeps the bound of the price rule
(INV-5). At the bounds it takes any quantity. Bids and asks that meet each other pay no margin.
"""

from __future__ import annotations

from chain.market.clearing.orders import Pool
from chain.market.clearing.sums import ceil_sum, floor_sum
from chain.runtime.units import ceil_div


def compute_pool_net(pool: Pool | None, price: int, most_wh: int) -> int:
    """The maximum that the pool sells net at a price (negative: buys), up to most_wh."""
    if pool is None:
        return 0
    sold, bought = _count_sold(pool, price, most_wh), _count_bought(pool, price + 1, most_wh)
    assert not (sold and bought), "the pool trades with itself"
    return sold - bought


def compute_pool_cost(pool: Pool, net_wh: int) -> int:
    """The pool's cost of selling net energy, on the grid of prices; negative: of buying."""
    low, high = pool.curve.get_ends()
    depth = pool.curve.depth_wh
    start, end = sorted((pool.net_wh, pool.net_wh + net_wh))
    cost = low * max(0, min(end, -depth) - start) + high * max(0, end - max(start, depth))
    first, last = max(start, -depth), min(end, depth)
    slope = 2 * (high - low)
    offset = 4 * depth * low + (high - low) * (2 * first + 1 + 2 * depth)
    rounded_sum = ceil_sum if net_wh > 0 else floor_sum
    cost += rounded_sum(max(0, last - first), 4 * depth, slope, offset)
    return (cost if net_wh > 0 else -cost) + pool.curve.margin * abs(net_wh)


def _count_sold(pool: Pool, price: int, most_wh: int) -> int:
    """Wh that the pool sells at a price, of which the margin is not for the line."""
    low, high = pool.curve.get_ends()
    depth, price = pool.curve.depth_wh, price - pool.curve.margin
    if price >= high:
        return most_wh
    if price < low:
        return 0
    numerator = 4 * depth * (price - low) - (high - low) * (2 * depth + 1)
    last = numerator // (2 * (high - low))
    return min(most_wh, max(0, last + 1 - pool.net_wh))


def _count_bought(pool: Pool, price: int, most_wh: int) -> int:
    """Wh that the pool buys at a price, to which the margin comes on the line."""
    low, high = pool.curve.get_ends()
    depth, price = pool.curve.depth_wh, price + pool.curve.margin
    if price <= low:
        return most_wh
    if price > high:
        return 0
    numerator = 4 * depth * (price - low) - (high - low) * (2 * depth + 1)
    first = ceil_div(numerator, 2 * (high - low))
    return min(most_wh, max(0, pool.net_wh - first))
