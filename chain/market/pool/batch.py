"""The frequent batch auction: the market orders of a slot in one block execute at one price.

Promises that no order trades beyond its limit, that no feeder carries more than its headroom, and
that the sequence of the orders is irrelevant. Nothing here reads state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chain.market.grid.feeders import FeederHeadroom
from chain.market.rules import Curve, Price, compute_average_price

# Max recomputations of a batch; all-or-nothing orders that are cut after that lapse together.
ROUNDS_MAX = 16


class MarketOrder(NamedTuple):
    """An order to trade with the pool at no worse than a limit per kWh.

    feeders: what the energy crosses up to the grid supply point, the lowest one first. whole: all
    or nothing, even if a feeder is full.
    """

    is_buy: bool
    quantity_wh: int
    limit: int
    feeders: tuple[str, ...] = ()
    whole: bool = False


class Execution(NamedTuple):
    """The result of a batch: one price, and the executed Wh of each order; 0: it lapses."""

    price: Price
    quantities: list[int]


def execute_batch(
    curve: Curve,
    net_wh: int,
    orders: Sequence[MarketOrder],
    headrooms: Mapping[str, FeederHeadroom] | None = None,
) -> Execution:
    """Executes the orders of one block at one price, within the headroom of the feeders.

    An all-or-nothing order that is cut lapses, and the batch is computed without it.
    """
    wanted = [order.quantity_wh for order in orders]
    for _ in range(ROUNDS_MAX):
        price, accepted = _find_price(curve, net_wh, orders, wanted)
        carried = _cut(orders, accepted, headrooms or {})
        if carried == accepted:
            return Execution(price, accepted)
        broken = _find_broken(orders, accepted, carried)
        if not broken:
            break
        wanted = [0 if index in broken else wh for index, wh in enumerate(wanted)]
    else:
        wanted = [0 if order.whole else order.quantity_wh for order in orders]
        _, accepted = _find_price(curve, net_wh, orders, wanted)
        carried = _cut(orders, accepted, headrooms or {})
    return Execution(*_find_price(curve, net_wh, orders, carried))


def _find_price(
    curve: Curve, net_wh: int, orders: Sequence[MarketOrder], wanted: Sequence[int]
) -> tuple[Price, list[int]]:
    """The price at which all remaining orders are within their limits, and what they trade.

    While the price of the remaining orders is beyond a limit, the least competitive ones leave: the
    bids with the lowest limit, the asks with the highest. So no order leaves while a less
    competitive one stays.
    """
    buys = _sum_by_limit(orders, wanted, is_buy=True)
    sells = _sum_by_limit(orders, wanted, is_buy=False)
    net_change_wh = sum(wh for _, wh in buys) - sum(wh for _, wh in sells)
    while True:
        price = compute_average_price(curve, net_wh, net_change_wh)
        if buys and buys[-1][0] * price.denominator < price.numerator:
            net_change_wh -= buys.pop()[1]
        elif sells and sells[-1][0] * price.denominator > price.numerator:
            net_change_wh += sells.pop()[1]
        else:
            break
    accepted = {True: {limit for limit, _ in buys}, False: {limit for limit, _ in sells}}
    return price, [
        wh if order.limit in accepted[order.is_buy] else 0
        for order, wh in zip(orders, wanted, strict=True)
    ]


def _sum_by_limit(
    orders: Sequence[MarketOrder], wanted: Sequence[int], is_buy: bool
) -> list[tuple[int, int]]:
    """Limits with their total quantities; the least competitive one is last."""
    totals: dict[int, int] = {}
    for order, wh in zip(orders, wanted, strict=True):
        if wh and order.is_buy == is_buy:
            totals[order.limit] = totals.get(order.limit, 0) + wh
    return sorted(totals.items(), reverse=is_buy)


def _cut(
    orders: Sequence[MarketOrder], accepted: list[int], headrooms: Mapping[str, FeederHeadroom]
) -> list[int]:
    """Cuts what crosses each feeder to its headroom, pro rata, rounded down.

    The feeders furthest from the grid supply point come first. Import and export are not netted:
    each has to fit alone, so that no order depends on the execution of another one.
    """
    carried = list(accepted)
    for feeder, crossing in _group_by_feeder(orders):
        for is_buy, headroom_wh in (
            (True, headrooms[feeder].import_wh),
            (False, headrooms[feeder].export_wh),
        ):
            side = [index for index in crossing if orders[index].is_buy == is_buy]
            total_wh = sum(carried[index] for index in side)
            if total_wh > headroom_wh:
                for index in side:
                    carried[index] = carried[index] * headroom_wh // total_wh
    return carried


def _group_by_feeder(orders: Sequence[MarketOrder]) -> list[tuple[str, list[int]]]:
    """Feeders, the furthest first, with the indexes of the orders that cross them."""
    distances: dict[str, int] = {}
    crossing: dict[str, list[int]] = {}
    for index, order in enumerate(orders):
        for distance, feeder in enumerate(reversed(order.feeders)):
            distances[feeder] = distance
            crossing.setdefault(feeder, []).append(index)
    furthest_first = sorted(crossing, key=lambda feeder: (-distances[feeder], feeder))
    return [(feeder, crossing[feeder]) for feeder in furthest_first]


def _find_broken(
    orders: Sequence[MarketOrder], accepted: list[int], carried: list[int]
) -> set[int]:
    """The indexes of all-or-nothing orders that were cut."""
    return {
        index
        for index, order in enumerate(orders)
        if order.whole and carried[index] != accepted[index]
    }
