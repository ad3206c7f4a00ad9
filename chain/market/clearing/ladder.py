"""How much the orders of one side accept at any price, found by bisection."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from chain.market.clearing.orders import BID, Order, Side, compute_accepted


class Ladder:
    """Quantities by limit and their running sums."""

    def __init__(self, steps: Sequence[tuple[int, int]]) -> None:
        """steps: in ascending order of their limits."""
        self.limits = [limit for limit, _ in steps]
        self._totals = [quantity_wh for _, quantity_wh in steps]
        self._sums = [0, *accumulate(self._totals)]

    @property
    def total_wh(self) -> int:
        """All quantities together."""
        return self._sums[-1]

    def get_up_to(self, limit: int) -> int:
        """The quantity with at most this limit."""
        return self._sums[bisect_right(self.limits, limit)]

    def remove(self, steps: Iterable[tuple[int, int]]) -> None:
        """Takes quantities off limits that are there."""
        for limit, quantity_wh in steps:
            self._totals[bisect_right(self.limits, limit) - 1] -= quantity_wh
        self._sums = [0, *accumulate(self._totals)]


class SideOfBook:
    """All bids or all asks: what they accept together."""

    def __init__(self, orders: Sequence[Order], side: Side) -> None:
        self.side = side
        self._linear = [order for order in orders if order.full_at is not None]
        plain = [order for order in orders if order.full_at is None] if self._linear else orders
        totals: defaultdict[int, int] = defaultdict(int)
        for order in plain:
            totals[order.limit] += order.quantity_wh
        self.steps = Ladder(sorted(totals.items()))
        self.total_wh = self.steps.total_wh + sum(order.quantity_wh for order in self._linear)

    def get_accepted(self, price: int) -> int:
        """The most that is taken at a price."""
        if self.side == BID:
            accepted = self.steps.total_wh - self.steps.get_up_to(price - 1)
        else:
            accepted = self.steps.get_up_to(price)
        if self._linear:
            accepted += sum(compute_accepted(order, self.side, price) for order in self._linear)
        return accepted

    def has_at(self, price: int) -> bool:
        """Whether a price is the limit of anything."""
        return self.get_accepted(price) != self.get_accepted(price + self.side)

    def get_prices(self) -> list[int]:
        """The lowest and the highest price that means anything to an order."""
        prices = [price for order in self._linear for price in (order.limit, order.full_at or 0)]
        return prices + self.steps.limits[:1] + self.steps.limits[-1:]

    def remove(self, orders: Sequence[Order]) -> None:
        """Takes step orders out."""
        self.steps.remove((order.limit, order.quantity_wh) for order in orders)
        self.total_wh -= sum(order.quantity_wh for order in orders)
