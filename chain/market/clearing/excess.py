"""Excess demand of a subtree as a falling staircase, and how a branch limits it.

Excess demand begins with all bids, at a price below every limit, and drops with rising price: at an
ask's limit because the ask begins to sell, at a bid's limit because the bid stops buying. So it is
a starting value, never negative, and a list of drops down to an end that is never positive. At the
same limit asks drop first, then the pool, then bids: so the volume is the largest at a price that
leaves its parties no gain. A drop's key is 3 * limit plus 0, 1 or 2 in that sequence.

Adding subtrees merges their lists. A branch that can import I and export E cuts the staircase at I
from above and at -E from below; the cuts are the prices at which the branch is just full. A fee
moves the rest apart where the staircase crosses zero: what a subtree imports at a price c it takes
from its parent at c - fee, what it exports at c it gives at c + fee. With Z the excess demand below
the branch, seen from the parent it is max(0, Z(p + fee)) + min(0, Z(p - fee)).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from chain.market.clearing.nodes.network import NodeOrders, Uplink
from chain.market.clearing.orders import ASK, BID, Order, Side, list_steps

ASK_RANK, POOL_RANK, BID_RANK = 0, 1, 2
RANKS = 3
# One insertion costs as much as merging about this many drops.
_MERGE_RATIO = 16

Drops = list[tuple[int, int]]


class BranchKeys(NamedTuple):
    """How a branch limits the staircase below it, in keys of that staircase; None: never.

    Below import_full and above export_full the branch is full. Between zero_low and zero_high,
    given only for a branch that may be idle while the prices at its ends differ, nothing needs to
    flow.
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

    def remove(self, order: Order, side: Side) -> None:
        """Takes out a step order; only before anything was added or passed a branch."""
        key = RANKS * order.limit + (BID_RANK if side == BID else ASK_RANK)
        index = bisect_left(self.drops, (key, 0))
        left_wh = self.drops[index][1] - order.quantity_wh
        self.drops[index : index + 1] = [(key, left_wh)] if left_wh else []
        if side == BID:
            self.start_wh -= order.quantity_wh
        else:
            self.end_wh += order.quantity_wh

    def copy(self) -> Excess:
        """A copy that may be changed."""
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

    def pass_branch(self, branch: Uplink) -> BranchKeys:
        """Becomes what the parent sees of it through the branch."""
        import_full = _cut(self.drops, self.start_wh - branch.import_wh, from_top=False)
        export_full = _cut(self.drops, -branch.export_wh - self.end_wh, from_top=True)
        self.start_wh = min(self.start_wh, branch.import_wh)
        self.end_wh = max(self.end_wh, -branch.export_wh)
        if not branch.fee and branch.import_wh and branch.export_wh:
            return BranchKeys(import_full, export_full)
        low, high = self._part_at_zero(RANKS * branch.fee)
        return BranchKeys(
            import_full,
            export_full,
            low if branch.import_wh else import_full,
            high if branch.export_wh else export_full,
        )

    def _part_at_zero(self, shift: int) -> tuple[int | None, int | None]:
        """Moves what is above zero down and what is below zero up; gives the keys next to zero."""
        drops, left_wh, index = self.drops, self.start_wh, 0
        while left_wh and drops[index][1] <= left_wh:
            left_wh -= drops[index][1]
            index += 1
        if left_wh:
            # A drop that crosses zero is two.
            key, drop_wh = drops[index]
            drops[index : index + 1] = [(key, left_wh), (key, drop_wh - left_wh)]
            index += 1
        low = drops[index - 1][0] if index else None
        high = drops[index][0] if index < len(drops) else None
        if shift:
            above = [(key - shift, drop_wh) for key, drop_wh in drops[:index]]
            self.drops = above + [(key + shift, drop_wh) for key, drop_wh in drops[index:]]
        return low, high


def _cut(drops: Drops, quantity_wh: int, *, from_top: bool) -> int | None:
    """Cuts a quantity off one end; returns the key of the last drop it touched."""
    if quantity_wh <= 0:
        return None
    indexes: Iterable[int] = range(len(drops) - 1, -1, -1) if from_top else range(len(drops))
    for index in indexes:
        key, drop_wh = drops[index]
        if drop_wh > quantity_wh:
            drops[index] = (key, drop_wh - quantity_wh)
            del drops[slice(index + 1, None) if from_top else slice(index)]
            return key
        quantity_wh -= drop_wh
        if not quantity_wh:
            del drops[slice(index, None) if from_top else slice(index + 1)]
            return key
    raise AssertionError("a staircase has fewer drops than it is high")
