"""Where the orders of a block meet the pool's price line.

The price of a block is the average of the line over the net energy that its orders trade with the
pool, so the more they buy net, the higher it is, and the less they want to buy. At the net energy
where it is what they want at its price, everybody with a better limit gets all, and those whose
limit is the price share what is left. A line has a price for every whole Wh only: where one Wh more
would take the price from too low to too high, one of the two is taken, the one with more energy,
and the side that wants more shares it, the better limits first.

Costs a sort and a bisection; nobody's limit is ever broken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.ladder import Ladder
from chain.market.clearing.orders import Order
from chain.market.clearing.rationing import share_among_orders
from chain.market.rules import Curve, Price, compute_average_price


class Wanted(NamedTuple):
    """What an order wants at best; limit: on the price line."""

    is_buy: bool
    quantity_wh: int
    limit: int
    owner: str


class _Totals(NamedTuple):
    """What is bought and sold in all."""

    bought_wh: int
    sold_wh: int


class _Book:
    """The orders of a block by their limits, on the price line of their slot."""

    def __init__(self, curve: Curve, net_wh: int, orders: Sequence[Wanted]) -> None:
        self._curve, self._net_wh = curve, net_wh
        self._buys = _make_ladder(orders, is_buy=True)
        self._sells = _make_ladder(orders, is_buy=False)
        self.nets = range(-self._sells.total_wh, self._buys.total_wh + 1)

    def get_price(self, change_wh: int) -> Price:
        """The price if the pool sells so much net in this block."""
        return compute_average_price(self._curve, self._net_wh, change_wh)

    def get_least(self, price: Price) -> _Totals:
        """The least that is wanted: who buys at a better limit than a price, who sells at it."""
        floor = price.floor()
        return _Totals(
            self._buys.total_wh - self._buys.get_up_to(floor), self._sells.get_up_to(floor)
        )

    def get_most(self, price: Price) -> _Totals:
        """The most that is wanted: who buys at a price, who sells at a better limit."""
        below = price.ceil() - 1
        return _Totals(
            self._buys.total_wh - self._buys.get_up_to(below), self._sells.get_up_to(below)
        )


def meet(
    curve: Curve, net_wh: int, orders: Sequence[Wanted], seed: bytes
) -> tuple[Price, list[int]]:
    """The price of a block on the line, and what is executed of each order.

    seed: decides who gets the odd Wh.
    """
    book = _Book(curve, net_wh, orders)
    change_wh, totals = _find_totals(book)
    executed = [0] * len(orders)
    for is_buy, total_wh in ((True, totals.bought_wh), (False, totals.sold_wh)):
        _share(orders, is_buy, total_wh, seed, executed)
    return book.get_price(change_wh), executed


def _find_totals(book: _Book) -> tuple[int, _Totals]:
    """The net energy of the block, and what is bought and sold."""

    def is_enough(change_wh: int) -> bool:
        least = book.get_least(book.get_price(change_wh))
        return least.bought_wh - least.sold_wh <= change_wh

    def is_too_much(change_wh: int) -> bool:
        most = book.get_most(book.get_price(change_wh))
        return most.bought_wh - most.sold_wh < change_wh

    first = book.nets[bisect_left(book.nets, True, key=is_enough)]
    if is_too_much(first):
        return _choose_side(book, first)
    # Where the line is flat, as much as possible is traded at its price.
    price = book.get_price(first)
    most, least = book.get_most(price), book.get_least(price)
    last = book.nets[bisect_left(book.nets, True, key=is_too_much) - 1]
    change_wh = min(max(first, most.bought_wh - least.sold_wh), last)
    bought_wh = min(most.bought_wh, least.sold_wh + change_wh)
    return change_wh, _Totals(bought_wh, bought_wh - change_wh)


def _choose_side(book: _Book, above: int) -> tuple[int, _Totals]:
    """One Wh less than `above` is too little, and that too much: takes what trades more."""
    sold_wh = book.get_least(book.get_price(above - 1)).sold_wh
    bought_wh = book.get_most(book.get_price(above)).bought_wh
    below = _Totals(sold_wh + above - 1, sold_wh)
    beyond = _Totals(bought_wh, bought_wh - above)
    if below.bought_wh >= 0 and sum(below) >= sum(beyond):
        return above - 1, below
    return above, beyond


def _share(
    orders: Sequence[Wanted], is_buy: bool, total_wh: int, seed: bytes, executed: list[int]
) -> None:
    """Shares what one side trades: the best limits first, orders of the same limit pro rata."""
    groups: dict[int, list[int]] = {}
    for index, order in enumerate(orders):
        if order.is_buy == is_buy and order.quantity_wh:
            groups.setdefault(order.limit, []).append(index)
    for limit in sorted(groups, reverse=is_buy):
        group = groups[limit]
        wanted = [orders[index].quantity_wh for index in group]
        shared_wh = min(total_wh, sum(wanted))
        total_wh -= shared_wh
        shares = wanted
        if shared_wh < sum(wanted):
            tagged = [
                Order(place, orders[index].owner.encode(), limit, orders[index].quantity_wh)
                for place, index in enumerate(group)
            ]
            shares = share_among_orders(shared_wh, tagged, wanted, seed)
        for index, share_wh in zip(group, shares, strict=True):
            executed[index] = share_wh


def _make_ladder(orders: Sequence[Wanted], *, is_buy: bool) -> Ladder:
    totals: dict[int, int] = {}
    for order in orders:
        if order.is_buy == is_buy:
            totals[order.limit] = totals.get(order.limit, 0) + order.quantity_wh
    return Ladder(sorted(totals.items()))
