"""Reference model of market orders: the ledger entries that a block of orders should lead to.

Prices are exact fractions, the price line is summed piece by piece, and each order is considered
alone. It implements docs/market.md and shares no arithmetic with the chain, but for who gets the
odd Wh among equal limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

from chain.market.clearing.orders import Order as ClearedOrder
from chain.market.clearing.rationing import share_among_orders
from tests.support.models.ledger import Entry, SlotLedger
from tests.support.streets import people

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
    margin: int = 0
    seed: bytes = b""
    ledger: SlotLedger = field(default_factory=SlotLedger)
    # Net energy over each line, towards the accounts behind it.
    flows: Counter[str] = field(default_factory=Counter)
    # All that was bought, and sold, until the middle of this block, in halves of a Wh; and what of
    # the other side there was when each account began.
    traded: Counter[bool] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)

    @property
    def net_wh(self) -> int:
        """Energy that the pool sells; negative if it buys."""
        return self.ledger.sums().net_wh

    def run(self, orders: Sequence[Order]) -> None:
        """Enters a block of orders that the chain has accepted."""
        texts = [
            f"{people.address_text(o.owner)},{1 if o.is_buy else 2},{o.wh},{o.limit},{o.cancels}"
            for o in orders
        ]
        self.seed = sha256("\n".join(sorted(texts)).encode()).digest()
        live = [order for order in orders if self._is_covered(order, orders)]
        price = self._match(live)
        block: Counter[bool] = Counter()
        for order in live:
            block[order.is_buy] += order.executed
        self.traded += block
        for order in sorted(live, key=lambda order: not order.cancels):
            if order.executed:
                (self._cancel if order.cancels else self._trade)(order, price)
                self._close(order)
        self.traded += block

    def marginal_price(self, net_wh: int) -> Fraction:
        """The price line, between the bounds but for the margin."""
        low, high = LOW + self.margin, HIGH - self.margin
        rise = Fraction(high - low, 2 * self.depth_wh)
        return min(max(low + rise * (net_wh + self.depth_wh), Fraction(low)), Fraction(high))

    def area(self, start_wh: int, end_wh: int) -> Fraction:
        """Under the price line between two net energies, in millionths."""
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
        """Decides what is executed of each order; returns the price per kWh before the margin."""
        wanted = [order.wh for order in orders]
        for _ in range(ROUNDS):
            price = self._meet(orders, wanted)
            executed = [order.executed for order in orders]
            self._ration(orders)
            carried = [order.executed for order in orders]
            broken = [
                i
                for i, order in enumerate(orders)
                if order.cancels and executed[i] and carried[i] < wanted[i]
            ]
            cut = [i for i in range(len(orders)) if carried[i] < executed[i]]
            if not cut and not broken:
                return price
            for i in broken or cut:
                wanted[i] = 0 if broken else carried[i]
        carried = [0 if order.cancels else order.executed for order in orders]
        return self._meet(orders, carried)

    def _meet(self, orders: list[Order], wanted: list[int]) -> Fraction:
        """Executes as much as fits at one price; returns it."""
        buys = [(self._bare_limit(o), wh) for o, wh in zip(orders, wanted, strict=True) if o.is_buy]
        sells = [
            (self._bare_limit(o), wh) for o, wh in zip(orders, wanted, strict=True) if not o.is_buy
        ]

        def eager(price: Fraction) -> tuple[int, int]:
            """Who buys at a better limit, and who sells at this one or a better one."""
            return (
                sum(wh for limit, wh in buys if limit > price),
                sum(wh for limit, wh in sells if limit <= price),
            )

        def willing(price: Fraction) -> tuple[int, int]:
            """Who buys at this limit or a better one, and who sells at a better one."""
            return (
                sum(wh for limit, wh in buys if limit >= price),
                sum(wh for limit, wh in sells if limit < price),
            )

        # The first net energy that is not less than what the eager want at its price.
        low, high = -sum(wh for _, wh in sells), sum(wh for _, wh in buys)
        while low < high:
            middle = (low + high) // 2
            bought, sold = eager(self._average(middle))
            low, high = (low, middle) if bought - sold <= middle else (middle + 1, high)
        net = low
        bought, sold = willing(self._average(net))
        if bought - sold < net:
            # One Wh jumps from too low to too high a price.
            sold_before, bought_at = eager(self._average(net - 1))[1], bought
            before = (sold_before + net - 1, sold_before)
            after = (bought_at, bought_at - net)
            if before[0] >= 0 and sum(before) >= sum(after):
                net, (bought, sold) = net - 1, before
            else:
                bought, sold = after
        else:
            price, most = self._average(net), bought - eager(self._average(net))[1]
            while net < most and self._average(net + 1) == price:
                # Where the line is flat, all who are content with its price meet.
                net += max(1, self._flat_step(net, most, price))
            sellers = eager(price)[1]
            bought = min(bought, sellers + net)
            sold = bought - net
        self._share(orders, wanted, True, bought)
        self._share(orders, wanted, False, sold)
        return self._average(net)

    def _flat_step(self, net: int, most: int, price: Fraction) -> int:
        """How far the average price stays the same from a net energy on."""
        step = most - net
        while step > 1 and self._average(net + step) != price:
            step //= 2
        return step

    def _share(self, orders: list[Order], wanted: list[int], is_buy: bool, total: int) -> None:
        """The best limits first; of equal ones pro rata, where the chain's own rule decides who
        gets the odd Wh.
        """
        limits = {self._bare_limit(o) for o in orders if o.is_buy == is_buy}
        for limit in sorted(limits, reverse=is_buy):
            group = [
                i
                for i, o in enumerate(orders)
                if o.is_buy == is_buy and self._bare_limit(o) == limit and wanted[i]
            ]
            shared = min(total, sum(wanted[i] for i in group))
            total -= shared
            shares = share_among_orders(
                shared,
                [
                    ClearedOrder(n, people.address_text(orders[i].owner).encode(), limit, wanted[i])
                    for n, i in enumerate(group)
                ],
                [wanted[i] for i in group],
                self.seed,
            )
            for i, share in zip(group, shares, strict=True):
                orders[i].executed = share
        for i, order in enumerate(orders):
            if order.is_buy == is_buy and not wanted[i]:
                order.executed = 0

    def _average(self, net: int) -> Fraction:
        """The average price if the pool sells so much net in this block."""
        if not net:
            return self.marginal_price(self.net_wh)
        return self.area(self.net_wh, self.net_wh + net) * 1000 / net

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
            amount = ceil((price + self.margin + fee) * wh / 1000)
            risk_per_kwh = HIGH
        else:
            amount = floor((price - self.margin - fee) * wh / 1000)
            risk_per_kwh = HIGH - order.limit
        collateral = ceil(Fraction(wh * risk_per_kwh * self.collateral_permille, 10**6))
        grid_fee = floor(Fraction(wh * fee, 1000))
        entry = Entry(order.is_buy, wh, amount, grid_fee, collateral)
        position = self.ledger.positions[order.owner]
        same = position.bought_wh if order.is_buy else position.sold_wh
        if not (position.sold_wh if order.is_buy else position.bought_wh):
            earlier, now = self.starts[order.owner], self.traded[not order.is_buy]
            self.starts[order.owner] = floor(Fraction(earlier * same + now * wh, same + wh))
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
            loss = max(part + fee, ceil((price + self.margin) * wh / 1000)) - part
            imbalance = ceil(Fraction(wh * HIGH, 1000)) - part
        else:
            of_purchase = Fraction(wh, position.bought_wh)
            part = floor(position.cost * of_purchase)
            fee = ceil(position.grid_fees * of_purchase)
            collateral = floor(position.buy_collateral * of_purchase)
            loss = part - min(max(0, part - fee), floor((price - self.margin) * wh / 1000))
            imbalance = part - floor(Fraction(wh * LOW, 1000))
        influence = self._influence(order, wh)
        # The order closes what was sold, if it buys.
        most_per_kwh = HIGH - LOW if order.is_buy else LOW
        keeping = imbalance + min(influence, floor(Fraction(wh * most_per_kwh, 1000)))
        loss = max(loss, min(influence, keeping))
        entry = Entry(not order.is_buy, wh, part, fee, collateral)
        self.ledger.cancel(order.owner, entry, loss)
        self._move(order)

    def _influence(self, order: Order, wh: int) -> int:
        """What energy that an order closes has brought others, who traded as the order does."""
        others = max(0, self.traded[order.is_buy] - wh - self.starts[order.owner])
        slope = Fraction(HIGH - LOW - 2 * self.margin, 2 * self.depth_wh)
        return ceil(wh * slope * others / 2000)

    def _close(self, order: Order) -> None:
        """Closes what is on both sides: its owner loses at least what it has brought others, as far
        as its hold goes.
        """
        owner = order.owner
        position = self.ledger.positions[owner]
        both = min(position.bought_wh, position.sold_wh)
        if not both:
            return
        of_purchase, of_sale = Fraction(both, position.bought_wh), Fraction(both, position.sold_wh)
        bought = Entry(
            True,
            both,
            floor(position.cost * of_purchase),
            ceil(position.grid_fees * of_purchase),
            floor(position.buy_collateral * of_purchase),
        )
        sold = Entry(
            False,
            both,
            floor(position.revenue * of_sale),
            ceil(position.sold_grid_fees * of_sale),
            floor(position.sell_collateral * of_sale),
        )
        loss = max(0, bought.amount - sold.amount)
        imbalance = (
            ceil(Fraction(both * HIGH, 1000)) - sold.amount
            if order.is_buy
            else bought.amount - floor(Fraction(both * LOW, 1000))
        )
        freed = bought.amount + bought.collateral + sold.collateral
        influence = self._influence(order, both)
        most_per_kwh = HIGH - LOW if order.is_buy else LOW
        keeping = imbalance + min(influence, floor(Fraction(both * most_per_kwh, 1000)))
        charge = min(influence, keeping, freed)
        self.ledger.cancel(owner, bought, max(loss, charge))
        self.ledger.cancel(owner, sold, 0)
        if position.bought_wh if order.is_buy else position.sold_wh:
            self.starts[owner] = self.traded[not order.is_buy]

    def _move(self, order: Order) -> None:
        change_wh = order.executed if order.is_buy else -order.executed
        for name in self._way(order):
            self.flows[name] += change_wh

    def _bare_limit(self, order: Order) -> int:
        """The limit on the price line."""
        extra = self.margin + (0 if order.cancels else self._fee(order))
        return order.limit - extra if order.is_buy else order.limit + extra

    def _fee(self, order: Order) -> int:
        return sum(self.lines[name].grid_fee_per_kwh for name in self._way(order))

    def _way(self, order: Order) -> list[str]:
        return self._path(self.feeders[order.owner])

    def _path(self, feeder: str) -> list[str]:
        return [feeder, *self._path(self.lines[feeder].parent)] if feeder else []
