"""The call auction: all orders of a book at one price.

Promises the largest volume, an envy-free price (every filled order is within its limit, and no
order wants more at this price), pro-rata shares at the margin, and a result that does not depend on
the sequence of the orders. Exact; a sort and two bisections.

Excess demand just below a price p is `Z(p) = accepted by bids at p - sold by asks and pool at
p - 1`. It falls as p rises, and p clears the book if and only if Z(p) >= 0 >= Z(p + 1). So the
envy-free interval is [low, high] with low + 1 the first p with Z(p) <= 0 and high the last p with
Z(p) >= 0. An order that is not filled can bound it, but sets no price where nothing is traded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chain.market.clearing.ladder import SideOfBook
from chain.market.clearing.minimum_quantity import choose_leaving
from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.orders import (
    ASK,
    BID,
    MIDPOINT,
    Book,
    Order,
    Pool,
    PriceRule,
    Side,
    compute_accepted,
    compute_required,
    require_valid,
    require_valid_rule,
)
from chain.market.clearing.pool import compute_pool_net
from chain.market.clearing.rationing import share_among_orders


class Outcome(NamedTuple):
    """The result of a call auction; fills are in the sequence of their orders.

    price is None if nothing is traded. price_low and price_high are None where neither an order nor
    the pool bounds the price. pool_wh is the net energy that the pool sells. killed are the ids of
    orders that were removed because they could not get their minimum.
    """

    volume_wh: int
    price: int | None
    price_low: int | None
    price_high: int | None
    bid_fills: list[int]
    ask_fills: list[int]
    pool_wh: int
    killed: list[int]


class Meeting(NamedTuple):
    """Where supply meets demand; `at` is the price at whose margin quantities are shared."""

    low: int | None
    high: int | None
    at: int
    bought_wh: int
    sold_wh: int


def clear_auction(book: Book, rule: PriceRule = MIDPOINT, seed: bytes = b"") -> Outcome:
    """Clears a book; raises BookError if an order is invalid.

    seed: unknown when the orders were placed, such as a hash of all of them; decides rounding.
    """
    require_valid(book)
    require_valid_rule(rule)
    bids, asks = remove_self_trades(book.bids, book.asks)
    demand, supply = SideOfBook(bids, BID), SideOfBook(asks, ASK)
    margins = [Margins(bids, BID), Margins(asks, ASK)]
    killed: list[int] = []
    while True:
        met = find_meeting(demand, supply, book.pool)
        left = _remove_leaving(met, (demand, supply), margins, seed)
        if not left:
            break
        killed += left
    volume = max(met.bought_wh, met.sold_wh)
    price = None
    if volume:
        assert met.low is not None and met.high is not None, "energy is traded without a price"
        price = rule.choose(met.low, met.high)
    return Outcome(
        volume_wh=volume,
        price=price,
        price_low=met.low,
        price_high=met.high,
        bid_fills=compute_fills(bids, BID, met.at, met.bought_wh, seed),
        ask_fills=compute_fills(asks, ASK, met.at, met.sold_wh, seed),
        pool_wh=met.bought_wh - met.sold_wh,
        killed=sorted(killed),
    )


def compute_fills(
    orders: Sequence[Order], side: Side, price: int, total_wh: int, seed: bytes
) -> list[int]:
    """Shares what one side trades: orders better than the margin whole, the margin the rest.

    price: that of the margin.
    """
    fills = compute_firm_fills(orders, side, price)
    margin = list_margin(orders, side, price)
    shares = share_among_orders(
        total_wh - sum(fills), [orders[i] for i in margin], list(margin.values()), seed
    )
    for index, share in zip(margin, shares, strict=True):
        fills[index] += share
    return fills


def compute_firm_fills(orders: Sequence[Order], side: Side, price: int) -> list[int]:
    """The fill that each order must have at a price."""
    # Inlined for step orders, which may be a million: calling a function for each is slower.
    return [
        (order.quantity_wh if side * (order.limit - price) > 0 else 0)
        if order.full_at is None
        else compute_required(order, side, price)
        for order in orders
    ]


def list_margin(
    orders: Sequence[Order], side: Side, price: int, indexes: Iterable[int] | None = None
) -> dict[int, int]:
    """The indexes of the orders that may get more at this price, with how much more.

    indexes: those to look at; None: all.
    """
    margin = {}
    for index in range(len(orders)) if indexes is None else indexes:
        order = orders[index]
        if order.limit != price and order.full_at is None:
            continue
        more = compute_accepted(order, side, price) - compute_required(order, side, price)
        if more:
            margin[index] = more
    return margin


class Margins:
    """Finds the orders at a margin repeatedly, while orders with a minimum are removed.

    Without such orders none is ever removed.
    """

    def __init__(self, orders: list[Order], side: Side) -> None:
        self._orders, self._side = orders, side
        self._linear: list[int] = []
        self._by_limit: dict[int, list[int]] = {}
        self._patient = not any(order.minimum_acceptable_wh for order in orders)
        for index, order in enumerate(() if self._patient else orders):
            if order.full_at is None:
                self._by_limit.setdefault(order.limit, []).append(index)
            else:
                self._linear.append(index)

    def remove_leaving(self, price: int, shared_wh: int, seed: bytes) -> list[Order]:
        """Empties, in place, the orders that cannot get their minimum of what is shared."""
        if self._patient:
            return []
        indexes = self._by_limit.get(price, []) + self._linear
        margin = list_margin(self._orders, self._side, price, indexes)
        by_id = {self._orders[index].order_id: index for index in margin}
        leaving = choose_leaving(
            shared_wh, [self._orders[index] for index in margin], list(margin.values()), seed
        )
        for order in leaving:
            self._orders[by_id[order.order_id]] = order._replace(
                quantity_wh=0, minimum_acceptable_wh=0
            )
        return leaving


def find_meeting(demand: SideOfBook, supply: SideOfBook, pool: Pool | None) -> Meeting:
    """The envy-free interval and the largest volume."""
    # More than all orders together stands for any quantity.
    most_wh = demand.total_wh + supply.total_wh + 1

    def compute_excess(price: int) -> int:
        sold = supply.get_accepted(price - 1) + compute_pool_net(pool, price - 1, most_wh)
        return demand.get_accepted(price) - sold

    ends = demand.get_prices() + supply.get_prices() + (list(pool.curve[:2]) if pool else [])
    if not ends:
        return Meeting(None, None, 0, 0, 0)
    prices = range(min(ends), max(ends) + 2)
    not_above = bisect_left(prices, True, key=lambda price: compute_excess(price) <= 0)
    below = bisect_left(prices, True, key=lambda price: compute_excess(price) < 0)
    low = prices[not_above] - 1 if compute_excess(prices[0]) > 0 else None
    high = prices[below] - 1 if below < len(prices) else None
    at = high if high is not None else low if low is not None else prices[0]
    # Bids and asks trade as much as they can at the margin; the pool takes the rest.
    bought = min(
        demand.get_accepted(at), supply.get_accepted(at) + compute_pool_net(pool, at, most_wh)
    )
    sold = min(supply.get_accepted(at), bought - compute_pool_net(pool, at - 1, most_wh))
    return Meeting(low, high, at, bought, sold)


def _remove_leaving(
    met: Meeting,
    sides: tuple[SideOfBook, SideOfBook],
    margins: list[Margins],
    seed: bytes,
) -> list[int]:
    """Removes the orders that cannot get their minimum; returns their ids."""
    left: list[int] = []
    for total_wh, side, margin in zip((met.bought_wh, met.sold_wh), sides, margins, strict=True):
        shared_wh = total_wh - side.get_accepted(met.at + side.side)
        leaving = margin.remove_leaving(met.at, shared_wh, seed)
        if leaving:
            side.remove(leaving)
        left += [order.order_id for order in leaving]
    return left
