"""Excess demand of a part of a feeder as a falling staircase, and what a line lets through of it.

Excess demand begins with all bids, at a price below everybody's limit, and drops with rising price:
at an ask's limit because its owner begins to sell, at a bid's limit because its owner stops to buy.
So it is a starting value and a list of drops. At the same limit asks drop first, then the pool,
then bids: then as much as possible is traded at a price that leaves its parties no gain. A drop's
key is 3 * limit plus 0, 1 or 2 in that sequence.

Adding the parts of a feeder merges their lists. A line of capacity C cuts the staircase at C from
above and at -C from below; where it cuts are the prices at which the line is just full.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable

from chain.market.clearing.network import NodeOrders
from chain.market.clearing.orders import ASK, BID, list_steps

ASK_RANK, POOL_RANK, BID_RANK = 0, 1, 2
RANKS = 3
# One insertion costs as much as merging about so many drops.
_MERGE_RATIO = 16

Drops = list[tuple[int, int]]


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

    def limit(self, capacity_wh: int) -> tuple[int | None, int | None]:
        """Cuts at a line's capacity; gives the keys below and above which the line is full.

        None where it never is.
        """
        low = _cut(self.drops, self.start_wh - capacity_wh, from_top=False)
        high = _cut(self.drops, -capacity_wh - self.end_wh, from_top=True)
        self.start_wh = min(self.start_wh, capacity_wh)
        self.end_wh = max(self.end_wh, -capacity_wh)
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
