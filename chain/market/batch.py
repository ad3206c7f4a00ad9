"""The batch rule: the market orders of a slot in one block are executed at one price.

Promises that nobody trades beyond a limit, that no line carries more than it has headroom for, and
that the sequence of the orders does not matter. Nothing here reads state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chain.market.rules import Curve, Price, compute_average_price

# So often a batch is computed again because an order could not be executed whole; those that ask
# for it and are still there then lapse together.
ROUNDS_MAX = 16


class LineHeadroom(NamedTuple):
    """What a line can still carry in either direction, in Wh."""

    import_wh: int
    export_wh: int


class MarketOrder(NamedTuple):
    """An order to trade with the pool at no worse than a limit per kWh.

    lines: what the energy crosses between its place and the pool, the one furthest from the pool
    first. whole: executed whole or not at all, even if a line is full.
    """

    is_buy: bool
    quantity_wh: int
    limit: int
    lines: tuple[str, ...] = ()
    whole: bool = False


class Execution(NamedTuple):
    """What a batch comes to: one price, and for each order the Wh executed; 0: it lapses."""

    price: Price
    quantities: list[int]


def execute_batch(
    curve: Curve,
    net_wh: int,
    orders: Sequence[MarketOrder],
    headrooms: Mapping[str, LineHeadroom] | None = None,
) -> Execution:
    """Executes the orders of one block at one price, as far as the lines have headroom.

    An order that has to be whole and is cut lapses, and the batch is computed without it.
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
        wanted = [0 if place in broken else wh for place, wh in enumerate(wanted)]
    else:
        wanted = [0 if order.whole else order.quantity_wh for order in orders]
        _, accepted = _find_price(curve, net_wh, orders, wanted)
        carried = _cut(orders, accepted, headrooms or {})
    return Execution(*_find_price(curve, net_wh, orders, carried))


def _find_price(
    curve: Curve, net_wh: int, orders: Sequence[MarketOrder], wanted: Sequence[int]
) -> tuple[Price, list[int]]:
    """The price at which all that are left are within their limits, and what they trade.

    While the price of what is left breaks somebody's limit, those who want the least acceptable
    price leave: the buyers with the lowest limit, the sellers with the highest. So nobody leaves
    while somebody with a worse limit stays.
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
    """Limits with their total quantities; the one that leaves first stands last."""
    totals: dict[int, int] = {}
    for order, wh in zip(orders, wanted, strict=True):
        if wh and order.is_buy == is_buy:
            totals[order.limit] = totals.get(order.limit, 0) + wh
    return sorted(totals.items(), reverse=is_buy)


def _cut(
    orders: Sequence[MarketOrder], accepted: list[int], headrooms: Mapping[str, LineHeadroom]
) -> list[int]:
    """Brings what crosses each line down to its headroom, pro rata, rounded down.

    The lines furthest from the pool come first. What flows in and what flows out is not netted:
    either alone has to fit, so that nobody depends on whether somebody else is executed.
    """
    carried = list(accepted)
    for line, places in _group_by_line(orders):
        for is_buy, headroom_wh in (
            (True, headrooms[line].import_wh),
            (False, headrooms[line].export_wh),
        ):
            side = [place for place in places if orders[place].is_buy == is_buy]
            total_wh = sum(carried[place] for place in side)
            if total_wh > headroom_wh:
                for place in side:
                    carried[place] = carried[place] * headroom_wh // total_wh
    return carried


def _group_by_line(orders: Sequence[MarketOrder]) -> list[tuple[str, list[int]]]:
    """Lines, the furthest from the pool first, with the places of the orders that cross them."""
    distances: dict[str, int] = {}
    places: dict[str, list[int]] = {}
    for place, order in enumerate(orders):
        for distance, line in enumerate(reversed(order.lines)):
            distances[line] = distance
            places.setdefault(line, []).append(place)
    furthest_first = sorted(places, key=lambda line: (-distances[line], line))
    return [(line, places[line]) for line in furthest_first]


def _find_broken(
    orders: Sequence[MarketOrder], accepted: list[int], carried: list[int]
) -> set[int]:
    """The places of the orders that have to be whole and are not."""
    return {
        place
        for place, order in enumerate(orders)
        if order.whole and carried[place] != accepted[place]
    }
