"""Which fill-or-kill orders leave a network, round by round, until all others are content.

The rule is that of one price (fill_or_kill). If somebody at a margin gets a part below the minimum,
those leave who could not have their minimum even if all others at the margin stood back. If there
are none, one order leaves: of all who are short, the one that asks for the largest part of its
quantity (of several, the smallest, then the one with the lowest hash). Only one, because what it
leaves may be enough for somebody else, at another node as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chain.market.clearing.auction import list_margin
from chain.market.clearing.excess import RANKS
from chain.market.clearing.fill_or_kill import get_rank
from chain.market.clearing.flows import Bounds
from chain.market.clearing.node_books import NodeBooks
from chain.market.clearing.orders import ASK, BID, Order, Side
from chain.market.clearing.rationing import share_among_orders


class _Short(NamedTuple):
    """An order that is offered less than its minimum, and the most that its margin could have."""

    place: int
    order: Order
    most_wh: int


def remove_leaving(
    books: NodeBooks,
    at: Sequence[int],
    traded: Sequence[tuple[int, int]],
    own_reach: Sequence[Bounds],
    seed: bytes,
) -> list[int]:
    """Empties the orders that leave in this round; gives their ids, none if all are content.

    at: the key of each node; traded: what it buys and sells; own_reach: between what it could take
    in net if all others stood back.
    """
    short = [
        one
        for place in books.bound
        for one in _list_short(books, place, at, traded, own_reach, seed)
    ]
    if not short:
        return []
    leaving = [one for one in short if one.order.minimum_acceptable_wh > one.most_wh]
    if not leaving:
        leaving = [min(short, key=lambda one: get_rank(one.order, seed))]
    for place in sorted({one.place for one in leaving}):
        books.remove(place, {one.order.order_id for one in leaving if one.place == place})
    return [one.order.order_id for one in leaving]


def _list_short(
    books: NodeBooks,
    place: int,
    at: Sequence[int],
    traded: Sequence[tuple[int, int]],
    own_reach: Sequence[Bounds],
    seed: bytes,
) -> Iterator[_Short]:
    key, (bought_wh, sold_wh), reach = at[place], traded[place], own_reach[place]
    bought_most, _ = books.get_traded(place, key, reach.most)
    _, sold_most = books.get_traded(place, key, reach.least)
    yield from _list_short_side(books, place, BID, key // RANKS, (bought_wh, bought_most), seed)
    yield from _list_short_side(books, place, ASK, key // RANKS, (sold_wh, sold_most), seed)


def _list_short_side(
    books: NodeBooks, place: int, side: Side, price: int, totals: tuple[int, int], seed: bytes
) -> Iterator[_Short]:
    orders = books.get_orders(place, side)
    firm_wh = books.get_side(place, side).get_accepted(price + side)
    shared_wh, most_wh = (total_wh - firm_wh for total_wh in totals)
    margin = list_margin(orders, side, price)
    shares = share_among_orders(
        shared_wh, [orders[index] for index in margin], list(margin.values()), seed
    )
    for index, share in zip(margin, shares, strict=True):
        if 0 < share < orders[index].minimum_acceptable_wh:
            yield _Short(place, orders[index], most_wh)
