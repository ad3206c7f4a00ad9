"""Excess demand of a part of a feeder as a falling staircase, and what a line lets through of it.

Excess demand begins with all bids, at a price below everybody's limit, and drops with rising price:
at an ask's limit because its owner begins to sell, at a bid's limit because its owner stops to buy.
So it is a starting value, never negative, and a list of drops down to an end that is never
positive. At the same limit asks drop first, then the pool, then bids: then as much as possible is
traded at a price that leaves its parties no gain. A drop's key is 3 * limit plus 0, 1 or 2 in that
sequence.

Adding the parts of a feeder merges their lists. A line that can import I and export E cuts the
staircase at I from above and at -E from below; where it cuts are the prices at which the line is
just full. A fee moves what is left apart where the staircase crosses zero: what a part imports at
a price c it takes from its parent at c - fee, what it exports at c it gives at c + fee. With Z the
excess demand behind the line, seen from the parent it is max(0, Z(p + fee)) + min(0, Z(p - fee)).
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from chain.market.clearing.network import Feeder, NodeOrders
from chain.market.clearing.orders import ASK, BID, list_steps

ASK_RANK, POOL_RANK, BID_RANK = 0, 1, 2
RANKS = 3
# One insertion costs as much as merging about so many drops.
_MERGE_RATIO = 16

Drops = list[tuple[int, int]]


class LineKeys(NamedTuple):
    """What a line makes of the staircase behind it, in keys of that staircase; None: never.

    Below import_full and above export_full the line is full. Between zero_low and zero_high, told
    only for a line that may be idle while the prices at its ends differ, nothing needs to flow.
    """

    import_full: int | None = None
    export_full: int | None = None
    zero_low: int | None = None
    zero_high: int | None = None


class Excess:
    """A staircase from `start_wh` at low prices, by drops, down to `end_wh` at high ones."""

    def __init__(self, orders: NodeOrders) -> None:
        totals: defaultdict[int, int] = defaultdict(int)
        for ask in orders.asks:
            for limit, quantity_wh in list_steps(ask, ASK):
                totals[RANKS * limit + ASK_RANK] += quantity_wh
        for bid in orders.bids:
            for limit, quantity_wh in list_steps(bid, BID):
                totals[RANKS * limit + BID_RANK] += quantity_wh
        self.drops: Drops = sorted(item for item in totals.items() if item[1])
        self.start_wh = sum(bid.quantity_wh for bid in orders.bids)
        self.end_wh = -sum(ask.quantity_wh for ask in orders.asks)

    def copy(self) -> Excess:
        """Another one that may be changed."""
        other = Excess.__new__(Excess)
        other.drops, other.start_wh, other.end_wh = list(self.drops), self.start_wh, self.end_wh
        return other

    def add(self, other: Excess) -> None:
        """Adds another part, which must not be used afterwards."""
        large, small = self.drops, other.drops
        if len(large) < len(small):
            large, small = small, large
        if len(small) * _MERGE_RATIO < len(large):
            for drop in small:
                insort(large, drop)
        else:
            # Sorting finds the two runs that are in order and merges them.
            large += small
            large.sort()
        self.drops = large
        self.start_wh += other.start_wh
        self.end_wh += other.end_wh

    def pass_line(self, line: Feeder) -> LineKeys:
        """Becomes what the parent sees of it through the line."""
        import_full = _cut(self.drops, self.start_wh - line.import_wh, from_top=False)
        export_full = _cut(self.drops, -line.export_wh - self.end_wh, from_top=True)
        self.start_wh = min(self.start_wh, line.import_wh)
        self.end_wh = max(self.end_wh, -line.export_wh)
        if not line.fee and line.import_wh and line.export_wh:
            return LineKeys(import_full, export_full)
        low, high = self._part_at_zero(RANKS * line.fee)
        return LineKeys(
            import_full,
            export_full,
            low if line.import_wh else import_full,
            high if line.export_wh else export_full,
        )

    def _part_at_zero(self, shift: int) -> tuple[int | None, int | None]:
        """Moves what is above zero down and what is below zero up; gives the keys next to zero."""
        drops, left_wh, place = self.drops, self.start_wh, 0
        while left_wh and drops[place][1] <= left_wh:
            left_wh -= drops[place][1]
            place += 1
        if left_wh:
            # A drop that crosses zero is two.
            key, drop_wh = drops[place]
            drops[place : place + 1] = [(key, left_wh), (key, drop_wh - left_wh)]
            place += 1
        low = drops[place - 1][0] if place else None
        high = drops[place][0] if place < len(drops) else None
        if shift:
            above = [(key - shift, drop_wh) for key, drop_wh in drops[:place]]
            self.drops = above + [(key + shift, drop_wh) for key, drop_wh in drops[place:]]
        return low, high


def _cut(drops: Drops, quantity_wh: int, *, from_top: bool) -> int | None:
    """Takes a quantity off one end; gives the key of the last drop it touched."""
    if quantity_wh <= 0:
        return None
    places: Iterable[int] = range(len(drops) - 1, -1, -1) if from_top else range(len(drops))
    for place in places:
        key, drop_wh = drops[place]
        if drop_wh > quantity_wh:
            drops[place] = (key, drop_wh - quantity_wh)
            del drops[slice(place + 1, None) if from_top else slice(place)]
            return key
        quantity_wh -= drop_wh
        if not quantity_wh:
            del drops[slice(place, None) if from_top else slice(place + 1)]
            return key
    raise AssertionError("a staircase has fewer drops than it is high")
