"""What flows over each line of a feeder, once the prices are known.

Going up, every part of the feeder tells between what bounds it can take in energy; going down, what
is to flow in is shared among a node's own orders and the parts behind it, in proportion to the
width of their bounds. So where no line is full, all of a margin is shared in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.network import Line, Tree
from chain.market.clearing.rationing import share_in_proportion


class Bounds(NamedTuple):
    """The least and the most that a part takes in net, in Wh; negative: gives out."""

    least: int
    most: int


def share_flows(
    own: Sequence[Bounds],
    pool: Bounds,
    keys: Sequence[int],
    lines: Sequence[Line],
    tree: Tree,
    seed: bytes,
) -> tuple[list[int], list[int], int]:
    """What each node takes in net, what flows to it from its parent, and what the pool sells.

    keys: the prices that the flows follow; where they differ the line between is full.
    """
    through = [Bounds(0, 0)] * len(own)
    children: list[list[int]] = [[] for _ in own]
    for node in reversed(tree.sequence):
        parent = tree.parents[node]
        if parent >= 0:
            children[parent].append(node)
            inside = _add([own[node], *(through[child] for child in children[node])])
            capacity = lines[tree.feeders[node]].capacity_wh
            through[node] = _pass_line(inside, capacity, keys[node] - keys[parent])
    nets, inflows, pool_wh = [0] * len(own), [0] * len(own), 0
    for node in tree.sequence:
        # By number, so that the sequence of the lines does not matter.
        below = sorted(children[node])
        shared = [own[node], *(through[child] for child in below)]
        if node == 0:
            shared.append(pool)
        amounts = _share(inflows[node], shared, seed)
        if node == 0:
            pool_wh = -amounts.pop()
        nets[node] = amounts[0]
        for child, amount in zip(below, amounts[1:], strict=True):
            inflows[child] = amount
    return nets, inflows, pool_wh


def _add(parts: Sequence[Bounds]) -> Bounds:
    return Bounds(sum(part.least for part in parts), sum(part.most for part in parts))


def _pass_line(inside: Bounds, capacity_wh: int, step: int) -> Bounds:
    """What of a part's bounds a line lets through; it is full where the price takes a step."""
    least = capacity_wh if step > 0 else -capacity_wh
    most = -capacity_wh if step < 0 else capacity_wh
    passed = Bounds(max(inside.least, least), min(inside.most, most))
    assert passed.least <= passed.most, "prices and flows do not fit"
    return passed


def _share(total_wh: int, parts: Sequence[Bounds], seed: bytes) -> list[int]:
    """Shares within bounds that add up to a total."""
    widths = [part.most - part.least for part in parts]
    extra_wh = total_wh - sum(part.least for part in parts)
    extras = share_in_proportion(extra_wh, widths, lambda i: seed + i.to_bytes(4, "big"))
    return [part.least + extra for part, extra in zip(parts, extras, strict=True)]
