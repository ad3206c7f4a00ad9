"""A second opinion on market orders: what a block of them has to come to, by the plainest means.

Prices are exact fractions, the price line is added up piece by piece, and every order is looked at
alone. Only what docs/market.md says is in here; it shares no arithmetic with the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

LOW, HIGH = 80_000, 300_000
ROUNDS = 16


class Line(NamedTuple):
    """A feeder's line: the one behind which it lies, what it carries in a slot, and its fee."""

    parent: str
    capacity_wh: int
    grid_fee_per_kwh: int


@dataclass
class Account:
    """What somebody has agreed for the slot, what is on hold for it, and what cancelling cost."""

    feeder: str
    bought: int = 0
    sold: int = 0
    cost: int = 0
    revenue: int = 0
    buy_fees: int = 0
    sell_fees: int = 0
    buy_collateral: int = 0
    sell_collateral: int = 0
    lost: int = 0


@dataclass
class Wish:
    """An order of the block."""

    owner: str
    is_buy: bool
    wh: int
    limit: int
    cancels: bool = False
    # What it can cost at the worst, for one that takes back a sale.
    reserved: int = 0
    executed: int = 0


@dataclass
class Reference:
    """One slot, from its opening on."""

    depth_wh: int
    collateral_permille: int
    lines: Mapping[str, Line]
    accounts: dict[str, Account]
    net_wh: int = 0
    income: int = 0
    flows: dict[str, int] = field(default_factory=dict)

    def run(self, wishes: Sequence[Wish]) -> None:
        """A block of orders that the chain has taken."""
        live = [wish for wish in wishes if self._is_covered(wish, wishes)]
        price = self._match(live)
        for wish in sorted(live, key=lambda wish: not wish.cancels):
            if wish.executed:
                (self._take_back if wish.cancels else self._trade)(wish, price)

    def reserve(self, wish: Wish) -> int:
        """What taking back a sale can cost beyond what is to be received for it."""
        account = self.accounts[wish.owner]
        received = floor(Fraction(account.revenue * wish.wh, account.sold))
        fee = ceil(Fraction(account.sell_fees * wish.wh, account.sold))
        return max(fee, ceil(Fraction(wish.wh * wish.limit, 1000)) - received)

    def marginal_price(self, net_wh: int) -> Fraction:
        """The price line as it is drawn."""
        rise = Fraction(HIGH - LOW, 2 * self.depth_wh)
        return min(max(LOW + rise * (net_wh + self.depth_wh), Fraction(LOW)), Fraction(HIGH))

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

    def _is_covered(self, wish: Wish, wishes: Sequence[Wish]) -> bool:
        """Whether there is still so much to take back after those before it."""
        if not wish.cancels:
            return True
        account = self.accounts[wish.owner]
        left = account.sold if wish.is_buy else account.bought
        for other in wishes:
            same = (other.owner, other.is_buy, other.cancels) == (wish.owner, wish.is_buy, True)
            if same and other.wh <= left:
                left -= other.wh
                if other is wish:
                    return True
            if other is wish:
                return False
        raise AssertionError("the wish is not among the wishes")

    def _match(self, wishes: list[Wish]) -> Fraction:
        """Decides what is executed of each wish; returns the price per kWh."""
        tried = list(wishes)
        for round_number in range(ROUNDS + 1):
            if round_number == ROUNDS:
                tried = [wish for wish in tried if not wish.cancels]
            for wish in wishes:
                wish.executed = wish.wh if any(wish is other for other in tried) else 0
            self._find_price(wishes)
            wanted = [wish.executed for wish in wishes]
            self._squeeze(wishes)
            cut = [w for w, wh in zip(wishes, wanted, strict=True) if w.executed != wh]
            if not any(wish.cancels for wish in cut):
                break
            tried = [wish for wish in tried if not any(wish is c for c in cut if c.cancels)]
        return self._find_price(wishes)

    def _find_price(self, wishes: list[Wish]) -> Fraction:
        """Sends away whoever has the worst limit until the price suits everybody."""
        while True:
            change = sum(w.executed if w.is_buy else -w.executed for w in wishes)
            if change:
                price = self.area(self.net_wh, self.net_wh + change) * 1000 / change
            else:
                price = self.marginal_price(self.net_wh)
            buys = [w for w in wishes if w.is_buy and w.executed]
            sells = [w for w in wishes if not w.is_buy and w.executed]
            lowest = min((self._bare_limit(w) for w in buys), default=price)
            highest = max((self._bare_limit(w) for w in sells), default=price)
            if lowest < price:
                leaving = [w for w in buys if self._bare_limit(w) == lowest]
            elif highest > price:
                leaving = [w for w in sells if self._bare_limit(w) == highest]
            else:
                return price
            for wish in leaving:
                wish.executed = 0

    def _squeeze(self, wishes: list[Wish]) -> None:
        """Shares what each line can carry, beginning with those furthest from the head."""
        for name in sorted(self.lines, key=lambda name: (-len(self._path(name)), name)):
            flow, capacity = self.flows.get(name, 0), self.lines[name].capacity_wh
            for is_buy, headroom in (
                (True, max(0, capacity - flow)),
                (False, max(0, capacity + flow)),
            ):
                users = [w for w in wishes if w.is_buy == is_buy and name in self._way(w)]
                total = sum(w.executed for w in users)
                if total > headroom:
                    for wish in users:
                        wish.executed = floor(Fraction(wish.executed * headroom, total))

    def _trade(self, wish: Wish, price: Fraction) -> None:
        account, wh = self.accounts[wish.owner], wish.executed
        fee = self._fee(wish)
        grid_fee = floor(Fraction(wh * fee, 1000))
        if wish.is_buy:
            account.bought += wh
            account.cost += ceil((price + fee) * wh / 1000)
            account.buy_fees += grid_fee
            account.buy_collateral += ceil(Fraction(wh * HIGH * self.collateral_permille, 10**6))
        else:
            account.sold += wh
            account.revenue += floor((price - fee) * wh / 1000)
            account.sell_fees += grid_fee
            account.sell_collateral += ceil(
                Fraction(wh * (HIGH - wish.limit) * self.collateral_permille, 10**6)
            )
        self._move(wish)

    def _take_back(self, wish: Wish, price: Fraction) -> None:
        account, wh = self.accounts[wish.owner], wish.executed
        if wish.is_buy:
            part = floor(Fraction(account.revenue * wh, account.sold))
            fee = ceil(Fraction(account.sell_fees * wh, account.sold))
            given_back = max(part + fee, ceil(price * wh / 1000))
            account.sell_collateral -= floor(Fraction(account.sell_collateral * wh, account.sold))
            account.sold -= wh
            account.revenue -= part
            account.sell_fees -= fee
            loss = given_back - part
        else:
            part = floor(Fraction(account.cost * wh, account.bought))
            fee = ceil(Fraction(account.buy_fees * wh, account.bought))
            got_back = min(max(0, part - fee), floor(price * wh / 1000))
            account.buy_collateral -= floor(Fraction(account.buy_collateral * wh, account.bought))
            account.bought -= wh
            account.cost -= part
            account.buy_fees -= fee
            loss = part - got_back
        account.lost += loss
        self.income += loss
        self._move(wish)

    def _move(self, wish: Wish) -> None:
        change = wish.executed if wish.is_buy else -wish.executed
        self.net_wh += change
        for name in self._way(wish):
            self.flows[name] = self.flows.get(name, 0) + change

    def _bare_limit(self, wish: Wish) -> int:
        """The limit for the energy alone."""
        if wish.cancels:
            return wish.limit
        return wish.limit - self._fee(wish) if wish.is_buy else wish.limit + self._fee(wish)

    def _fee(self, wish: Wish) -> int:
        return sum(self.lines[name].grid_fee_per_kwh for name in self._way(wish))

    def _way(self, wish: Wish) -> list[str]:
        return self._path(self.accounts[wish.owner].feeder)

    def _path(self, feeder: str) -> list[str]:
        return [feeder, *self._path(self.lines[feeder].parent)] if feeder else []
