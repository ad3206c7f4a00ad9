"""The reference ledger: what each account has bought and sold for a slot, entry by entry.

There is one, and it decides nothing: `market_model` enters the expected result of a block of market
orders, `event_ledger` what a chain announced, and tests compare the entries with the stored state.
It only adds up, and shares no arithmetic with the chain. Energy in Wh, money in millionths.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from fractions import Fraction


@dataclass
class Position:
    """What an account has agreed for a slot, and what is on hold for it beyond the cost."""

    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    revenue: int = 0
    grid_fees: int = 0
    sold_grid_fees: int = 0
    buy_collateral: int = 0
    sell_collateral: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.bought_wh and not self.sold_wh

    @property
    def on_hold(self) -> int:
        return self.cost + self.buy_collateral + self.sell_collateral

    def add(self, entry: Entry, sign: int = 1) -> None:
        """Takes in an entry; with -1 takes it out again."""
        if entry.is_buy:
            self.bought_wh += sign * entry.wh
            self.cost += sign * entry.amount
            self.grid_fees += sign * entry.grid_fee
            self.buy_collateral += sign * entry.collateral
        else:
            self.sold_wh += sign * entry.wh
            self.revenue += sign * entry.amount
            self.sold_grid_fees += sign * entry.grid_fee
            self.sell_collateral += sign * entry.collateral


@dataclass(frozen=True)
class Entry:
    """Energy bought or sold. amount: to pay or to receive on delivery, grid fee included."""

    is_buy: bool
    wh: int
    amount: int
    grid_fee: int = 0
    collateral: int = 0


@dataclass(frozen=True)
class Sums:
    """A slot over all accounts."""

    bought_wh: int
    sold_wh: int
    cost: int
    revenue: int
    cancellation_income: int
    grid_fees: int
    congestion_rent: int

    @property
    def net_wh(self) -> int:
        """Energy that the pool sells; negative if it buys."""
        return self.bought_wh - self.sold_wh

    @property
    def earned(self) -> int:
        """What is left to the pool of all payments, before it buys or sells its energy."""
        to_the_grid = self.grid_fees + self.congestion_rent
        return self.cost + self.cancellation_income - self.revenue - to_the_grid

    def equity(self, price_per_kwh: int) -> Fraction:
        """What the pool has if its net energy is bought or sold at a price."""
        return self.earned - Fraction(self.net_wh * price_per_kwh, 1000)


SUMS = [one.name for one in fields(Sums)]


@dataclass
class SlotLedger:
    """One slot, from its opening on."""

    positions: defaultdict[str, Position] = field(default_factory=lambda: defaultdict(Position))
    # What each account paid for cancelling.
    losses: Counter[str] = field(default_factory=Counter)
    # Never given back, not even for energy that is cancelled.
    grid_fees: int = 0
    congestion_rent: int = 0

    def trade(self, owner: str, entry: Entry) -> None:
        """An account buys or sells."""
        self.positions[owner].add(entry)
        self.grid_fees += entry.grid_fee

    def cancel(self, owner: str, entry: Entry, loss: int) -> None:
        """An account takes back a part of its position and pays the loss into the pool."""
        self.positions[owner].add(entry, -1)
        self.losses[owner] += loss

    def hand_over(self, owner: str, to: str, entry: Entry) -> None:
        """A part of a position changes its owner; the sums stay as they are."""
        self.positions[owner].add(entry, -1)
        self.positions[to].add(entry)

    def sums(self) -> Sums:
        positions = self.positions.values()
        return Sums(
            bought_wh=sum(one.bought_wh for one in positions),
            sold_wh=sum(one.sold_wh for one in positions),
            cost=sum(one.cost for one in positions),
            revenue=sum(one.revenue for one in positions),
            cancellation_income=self.losses.total(),
            grid_fees=self.grid_fees,
            congestion_rent=self.congestion_rent,
        )
