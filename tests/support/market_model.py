"""Reference model of market orders: the ledger entries that a block of orders should lead to.

Prices are exact fractions, the price curve is summed piece by piece, and each order is considered
alone. It implements docs/market.md and shares no arithmetic with the chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

from tests.support.ledger import Entry, SlotLedger

LOW, HIGH = 80_000, 300_000
ROUNDS = 16


class Line(NamedTuple):
    """The line of a feeder: its parent feeder, its capacity in a slot, and its grid fee."""

    parent: str
    capacity_wh: int
    grid_fee_per_kwh: int


@dataclass
class Order:
    """A market order of the block."""

    owner: str
    is_buy: bool
    wh: int
    limit: int
    cancels: bool = False
    executed: int = 0


@dataclass
class MarketModel:
    """One slot from its opening on. feeders: where each account trades; empty: at the top."""

    depth_wh: int
    collateral_permille: int
    lines: Mapping[str, Line]
    feeders: Mapping[str, str]
    ledger: SlotLedger = field(default_factory=SlotLedger)
    # Net energy over each line, towards the accounts behind it.
    flows: Counter[str] = field(default_factory=Counter)

    @property
    def net_wh(self) -> int:
        """Energy that the pool sells; negative if it buys."""
        return self.ledger.sums().net_wh

    def run(self, orders: Sequence[Order]) -> None:
        """Enters a block of orders that the chain has accepted."""
        live = [order for order in orders if self._is_covered(order, orders)]
        price = self._match(live)
        for order in sorted(live, key=lambda order: not order.cancels):
            if order.executed:
                (self._cancel if order.cancels else self._trade)(order, price)

    def marginal_price(self, net_wh: int) -> Fraction:
        """The price curve: linear between the bounds."""
        rise = Fraction(HIGH - LOW, 2 * self.depth_wh)
        return min(max(LOW + rise * (net_wh + self.depth_wh), Fraction(LOW)), Fraction(HIGH))

    def area(self, start_wh: int, end_wh: int) -> Fraction:
        """Under the price curve between two net energies, in millionths."""
        if end_wh < start_wh:
            return -self.area(end_wh, start_wh)
        corners = {x for x in (-self.depth_wh, self.depth_wh) if start_wh < x < end_wh}
        points = sorted({start_wh, end_wh} | corners)
        heights = [
            (a, b, self.marginal_price(a) + self.marginal_price(b)) for a, b in pairwise(points)
        ]
        return sum(((b - a) * both / 2000 for a, b, both in heights), Fraction(0))

    def _is_covered(self, order: Order, orders: Sequence[Order]) -> bool:
        """Whether the position still has the energy that it cancels, after the orders before it."""
        if not order.cancels:
            return True
        position = self.ledger.positions[order.owner]
        left = position.sold_wh if order.is_buy else position.bought_wh
        for other in orders:
            same = (other.owner, other.is_buy, other.cancels) == (order.owner, order.is_buy, True)
            if same and other.wh <= left:
                left -= other.wh
                if other is order:
                    return True
            if other is order:
                return False
        raise AssertionError("the order is not one of the block")

    def _match(self, orders: list[Order]) -> Fraction:
        """Decides what is executed of each order; returns the price per kWh."""
        tried = list(orders)
        for round_number in range(ROUNDS + 1):
            if round_number == ROUNDS:
                tried = [order for order in tried if not order.cancels]
            for order in orders:
                order.executed = order.wh if any(order is other for other in tried) else 0
            self._find_price(orders)
            wanted = [order.executed for order in orders]
            self._ration(orders)
            cut = [w for w, wh in zip(orders, wanted, strict=True) if w.executed != wh]
            if not any(order.cancels for order in cut):
                break
            tried = [order for order in tried if not any(order is c for c in cut if c.cancels)]
        return self._find_price(orders)

    def _find_price(self, orders: list[Order]) -> Fraction:
        """Drops the orders with the worst limit until the price is within all limits."""
        while True:
            change = sum(w.executed if w.is_buy else -w.executed for w in orders)
            if change:
                price = self.area(self.net_wh, self.net_wh + change) * 1000 / change
            else:
                price = self.marginal_price(self.net_wh)
            buys = [w for w in orders if w.is_buy and w.executed]
            sells = [w for w in orders if not w.is_buy and w.executed]
            lowest = min((self._bare_limit(w) for w in buys), default=price)
            highest = max((self._bare_limit(w) for w in sells), default=price)
            if lowest < price:
                leaving = [w for w in buys if self._bare_limit(w) == lowest]
            elif highest > price:
                leaving = [w for w in sells if self._bare_limit(w) == highest]
            else:
                return price
            for order in leaving:
                order.executed = 0

    def _ration(self, orders: list[Order]) -> None:
        """Shares the headroom of each line pro rata, beginning with the deepest feeders."""
        for name in sorted(self.lines, key=lambda name: (-len(self._path(name)), name)):
            flow, capacity = self.flows[name], self.lines[name].capacity_wh
            for is_buy, headroom in (
                (True, max(0, capacity - flow)),
                (False, max(0, capacity + flow)),
            ):
                users = [w for w in orders if w.is_buy == is_buy and name in self._way(w)]
                total = sum(w.executed for w in users)
                if total > headroom:
                    for order in users:
                        order.executed = floor(Fraction(order.executed * headroom, total))

    def _trade(self, order: Order, price: Fraction) -> None:
        wh, fee = order.executed, self._fee(order)
        if order.is_buy:
            amount = ceil((price + fee) * wh / 1000)
            risk_per_kwh = HIGH
        else:
            amount = floor((price - fee) * wh / 1000)
            risk_per_kwh = HIGH - order.limit
        collateral = ceil(Fraction(wh * risk_per_kwh * self.collateral_permille, 10**6))
        grid_fee = floor(Fraction(wh * fee, 1000))
        entry = Entry(order.is_buy, wh, amount, grid_fee, collateral)
        self.ledger.trade(order.owner, entry)
        self._move(order)

    def _cancel(self, order: Order, price: Fraction) -> None:
        """Closes a pro-rata part of the position at the price, but never at a profit."""
        position, wh = self.ledger.positions[order.owner], order.executed
        if order.is_buy:
            of_sale = Fraction(wh, position.sold_wh)
            part = floor(position.revenue * of_sale)
            fee = ceil(position.sold_grid_fees * of_sale)
            collateral = floor(position.sell_collateral * of_sale)
            loss = max(part + fee, ceil(price * wh / 1000)) - part
        else:
            of_purchase = Fraction(wh, position.bought_wh)
            part = floor(position.cost * of_purchase)
            fee = ceil(position.grid_fees * of_purchase)
            collateral = floor(position.buy_collateral * of_purchase)
            loss = part - min(max(0, part - fee), floor(price * wh / 1000))
        entry = Entry(not order.is_buy, wh, part, fee, collateral)
        self.ledger.cancel(order.owner, entry, loss)
        self._move(order)

    def _move(self, order: Order) -> None:
        change_wh = order.executed if order.is_buy else -order.executed
        for name in self._way(order):
            self.flows[name] += change_wh

    def _bare_limit(self, order: Order) -> int:
        """The limit for the energy alone."""
        if order.cancels:
            return order.limit
        return order.limit - self._fee(order) if order.is_buy else order.limit + self._fee(order)

    def _fee(self, order: Order) -> int:
        return sum(self.lines[name].grid_fee_per_kwh for name in self._way(order))

    def _way(self, order: Order) -> list[str]:
        return self._path(self.feeders[order.owner])

    def _path(self, feeder: str) -> list[str]:
        return [feeder, *self._path(self.lines[feeder].parent)] if feeder else []
