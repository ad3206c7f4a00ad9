"""The price of each node, once it is known what flows.

The rule chooses at the head. Behind a line that carries energy the price is the parent's plus the
fee, for imports, or less the fee, for exports; behind a full line it is the nearest to that at
which the line is just full, so that nobody gains by congestion but where there is no other way. A
part behind a line that carries nothing is a market of its own: there the rule chooses again, as far
as the fee leaves a choice.

Energy flows up in price from its seller, and nobody sells below zero; so a price below zero could
only stand where nothing flows, and zero does as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.excess import RANKS, LineKeys
from chain.market.clearing.network import Feeder, Tree
from chain.market.clearing.orders import PriceRule


class Part(NamedTuple):
    """A head's envy-free interval, and a key in it at whose margin quantities are shared."""

    low: int | None
    high: int | None
    key: int


class Keys(NamedTuple):
    """Keys of staircases: heads by node, and per node those of the line to its parent."""

    parts: dict[int, Part]
    lines: list[LineKeys]


def follow_keys(keys: Keys, tree: Tree) -> list[int]:
    """A key for each node that all flows follow."""
    at = [0] * len(tree.parents)
    for node in tree.sequence:
        parent = tree.parents[node]
        if parent < 0:
            at[node] = keys.parts[node].key
        else:
            at[node] = _follow_key(at[parent], keys.lines[node], RANKS * tree.feeders[node].fee)
    return at


def choose_prices(
    keys: Keys, tree: Tree, inflows: Sequence[int], active: Sequence[bool], rule: PriceRule
) -> list[int | None]:
    """The prices; None where nothing is traded in the whole part, and where nobody trades and
    nothing bounds the price on both sides.
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
                prices[parent], inflows[node], keys.lines[node], tree.feeders[node], rule
            )
    return [None if price is None else max(0, price) for price in prices]


def _follow_key(above: int, line: LineKeys, fee: int) -> int:
    """The nearest key to the parent's that the line allows."""
    low, high = line.zero_low, line.zero_high
    key = above
    if low is not None and key < low:
        key = min(low, above + fee)
    elif high is not None and key > high:
        key = max(high, above - fee)
    return _clamp(key, line.import_full, line.export_full)


def _follow_price(
    above: int | None, inflow: int, line: LineKeys, feeder: Feeder, rule: PriceRule
) -> int | None:
    if inflow:
        assert above is not None, "energy flows from where there is no price"
        price = above + feeder.fee if inflow > 0 else above - feeder.fee
        return _clamp(price, _to_price(line.import_full), _to_price(line.export_full))
    low, high = _to_price(line.zero_low), _to_price(line.zero_high)
    if above is None:
        return _choose(low, high, rule)
    if low is None and high is None:
        return above
    if feeder.export_wh:
        low = above - feeder.fee if low is None else max(low, above - feeder.fee)
    if feeder.import_wh:
        high = above + feeder.fee if high is None else min(high, above + feeder.fee)
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
