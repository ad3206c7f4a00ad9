"""Which orders with a minimum are removed from a network, round by round.

The rule is that of one price (minimum_quantity). If an order at a margin gets a part below its
minimum, those are removed that could not get it even with priority over all others at the margin.
If there are none, one order is removed: of all that are short, the one with the largest minimum in
proportion to its quantity (of several, the smallest, then the one with the lowest hash). Only one,
because what it leaves may be enough for another one, at another node as well.

Each round looks at all orders, so there are only as many as WORK_MAX allows. If orders are short
after the last of them, all orders with a minimum leave that are not filled for certain: those whose
limit is not better than the price of their node. If then orders are still short, all with a minimum
leave. So a large book with many such orders may lose some that could have been filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chain.market.clearing.auction import list_margin
from chain.market.clearing.excess import RANKS
from chain.market.clearing.minimum_quantity import get_rank
from chain.market.clearing.nodes.flows import Bounds
from chain.market.clearing.nodes.node_books import NodeBooks
from chain.market.clearing.orders import ASK, BID, Order, Side
from chain.market.clearing.rationing import share_among_orders

# Rounds times step orders: 20 rounds in the largest book of a slot, 200 in one of 10,000 orders.
WORK_MAX = 2_000_000


def count_rounds_max(steps: int) -> int:
    """Max clearings of that many step orders before orders leave together; two more may follow."""
    return max(1, WORK_MAX // max(1, steps))


class _Short(NamedTuple):
    """An order that gets less than its minimum, and the maximum that its margin could get."""

    number: int
    order: Order
    most_wh: int


def remove_leaving(
    books: NodeBooks,
    at: Sequence[int],
    traded: Sequence[tuple[int, int]],
    own_reach: Sequence[Bounds],
    seed: bytes,
    rounds: int,
) -> list[int]:
    """Empties the orders that are removed in this round; returns their ids, none if there are none.

    at: the key of each node; traded: what it buys and sells; own_reach: bounds of its net import
    with priority over all others; rounds: clearings so far, this one included.
    """
    short = [
        one
        for number in books.bound
        for one in _list_short(books, number, at, traded, own_reach, seed)
    ]
    if not short:
        return []
    if rounds < count_rounds_max(books.steps):
        left = _choose(short, seed)
    else:
        everybody = rounds > count_rounds_max(books.steps)
        left = [
            order.order_id
            for number, side, order in books.get_bound_orders()
            if everybody or side * (order.limit - at[number] // RANKS) <= 0
        ]
    books.remove(left)
    return left


def _choose(short: Sequence[_Short], seed: bytes) -> list[int]:
    """The ids of the orders that leave for themselves."""
    leaving = [one for one in short if one.order.minimum_acceptable_wh > one.most_wh]
    if not leaving:
        leaving = [min(short, key=lambda one: get_rank(one.order, seed))]
    return [one.order.order_id for one in leaving]


def _list_short(
    books: NodeBooks,
    number: int,
    at: Sequence[int],
    traded: Sequence[tuple[int, int]],
    own_reach: Sequence[Bounds],
    seed: bytes,
) -> Iterator[_Short]:
    key, (bought_wh, sold_wh), reach = at[number], traded[number], own_reach[number]
    bought_most, _ = books.get_traded(number, key, reach.most)
    _, sold_most = books.get_traded(number, key, reach.least)
    yield from _list_short_side(books, number, BID, key // RANKS, (bought_wh, bought_most), seed)
    yield from _list_short_side(books, number, ASK, key // RANKS, (sold_wh, sold_most), seed)


def _list_short_side(
    books: NodeBooks, number: int, side: Side, price: int, totals: tuple[int, int], seed: bytes
) -> Iterator[_Short]:
    orders = books.get_orders(number, side)
    firm_wh = books.get_side(number, side).get_accepted(price + side)
    shared_wh, most_wh = (total_wh - firm_wh for total_wh in totals)
    margin = list_margin(orders, side, price)
    shares = share_among_orders(
        shared_wh, [orders[index] for index in margin], list(margin.values()), seed
    )
    for index, share in zip(margin, shares, strict=True):
        if 0 < share < orders[index].minimum_acceptable_wh:
            yield _Short(number, orders[index], most_wh)
