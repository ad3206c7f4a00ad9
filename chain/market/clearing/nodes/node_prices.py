"""The price of each node, once the flows are known.

The rule chooses at the root. Below a branch that carries energy the price is the parent's plus the
fee, for imports, or less the fee, for exports; below a full branch it is the nearest to that at
which the branch is just full, so that congestion rents are as small as possible. A subtree below a
branch that carries nothing is a market of its own: there the rule chooses again, within the limits
of the fee.

Energy flows towards higher prices, and no order sells below zero; so a negative price could only
occur where nothing flows, and zero is as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.excess import RANKS, BranchKeys
from chain.market.clearing.nodes.network import Tree, Uplink
from chain.market.clearing.orders import PriceRule


class Part(NamedTuple):
    """A root's envy-free interval, and a key in it at whose margin quantities are shared."""

    low: int | None
    high: int | None
    key: int


class Keys(NamedTuple):
    """Keys of staircases: of roots by node, and of each node's branch to its parent."""

    parts: dict[int, Part]
    branches: list[BranchKeys]


def follow_keys(keys: Keys, tree: Tree) -> list[int]:
    """A key for each node that all flows follow."""
    at = [0] * len(tree.parents)
    for node in tree.sequence:
        parent = tree.parents[node]
        if parent < 0:
            at[node] = keys.parts[node].key
        else:
            at[node] = _follow_key(at[parent], keys.branches[node], RANKS * tree.uplinks[node].fee)
    return at


def choose_prices(
    keys: Keys, tree: Tree, inflows: Sequence[int], active: Sequence[bool], rule: PriceRule
) -> list[int | None]:
    """The prices; None where nothing is traded in the whole part, and at nodes without a trade
    where nothing bounds the price on both sides.
    """
    prices: list[int | None] = [None] * len(tree.parents)
    for node in tree.sequence:
        if not active[node]:
            continue
        parent = tree.parents[node]
        if parent < 0:
            part = keys.parts[node]
            prices[node] = _choose(_to_price(part.low), _to_price(part.high), rule)
        else:
            prices[node] = _follow_price(
                prices[parent], inflows[node], keys.branches[node], tree.uplinks[node], rule
            )
    return [None if price is None else max(0, price) for price in prices]


def _follow_key(above: int, branch: BranchKeys, fee: int) -> int:
    """The key nearest to the parent's that the branch allows."""
    low, high = branch.zero_low, branch.zero_high
    key = above
    if low is not None and key < low:
        key = min(low, above + fee)
    elif high is not None and key > high:
        key = max(high, above - fee)
    return _clamp(key, branch.import_full, branch.export_full)


def _follow_price(
    above: int | None, inflow: int, branch: BranchKeys, uplink: Uplink, rule: PriceRule
) -> int | None:
    if inflow:
        assert above is not None, "energy flows from where there is no price"
        price = above + uplink.fee if inflow > 0 else above - uplink.fee
        return _clamp(price, _to_price(branch.import_full), _to_price(branch.export_full))
    low, high = _to_price(branch.zero_low), _to_price(branch.zero_high)
    if above is None:
        return _choose(low, high, rule)
    if low is None and high is None:
        return above
    if uplink.export_wh:
        low = above - uplink.fee if low is None else max(low, above - uplink.fee)
    if uplink.import_wh:
        high = above + uplink.fee if high is None else min(high, above + uplink.fee)
    if low is None or high is None:
        return _clamp(above, low, high)
    return _choose(low, high, rule)


def _choose(low: int | None, high: int | None, rule: PriceRule) -> int | None:
    """The price in an interval; none if it is open, which it is only where nothing is traded."""
    if low is None or high is None:
        return None
    assert low <= high, "an interval of prices is empty"
    return rule.choose(low, high)


def _to_price(key: int | None) -> int | None:
    return None if key is None else key // RANKS


def _clamp(value: int, low: int | None, high: int | None) -> int:
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else value
