"""The flow over each branch, once the prices are known.

Going up, every subtree reports the bounds of its net import; going down, the import of a node is
shared among its own orders and the subtrees below it, in proportion to the width of their bounds.
So where no branch is full, all of a margin is shared pro rata.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.excess import RANKS
from chain.market.clearing.nodes.network import Tree, Uplink
from chain.market.clearing.rationing import share_in_proportion


class Bounds(NamedTuple):
    """The minimum and maximum net import of a part, in Wh; negative: export."""

    least: int
    most: int


class Reach(NamedTuple):
    """Bounds of each node's own net import and of the flow to it, and its children."""

    own: Sequence[Bounds]
    through: list[Bounds]
    children: list[list[int]]


def find_reach(own: Sequence[Bounds], keys: Sequence[int], tree: Tree) -> Reach:
    """What can flow to each node from its parent.

    keys: the prices that the flows follow; where they differ by more than the fee of a branch it is
    full, where they differ by less it carries nothing.
    """
    through = [Bounds(0, 0)] * len(own)
    children: list[list[int]] = [[] for _ in own]
    for node in reversed(tree.sequence):
        parent = tree.parents[node]
        if parent >= 0:
            children[parent].append(node)
            inside = _add([own[node], *(through[child] for child in children[node])])
            through[node] = _pass_branch(inside, tree.uplinks[node], keys[node] - keys[parent])
    for behind in children:
        # By number, so that the sequence of the branches is irrelevant.
        behind.sort()
    return Reach(own, through, children)


def share_flows(
    reach: Reach, pool: Bounds, tree: Tree, seed: bytes
) -> tuple[list[int], list[int], int]:
    """The net import of each node, the flow to it from its parent, and what the pool sells."""
    nets, inflows, pool_wh = [0] * len(reach.own), [0] * len(reach.own), 0
    for node in tree.sequence:
        behind = reach.children[node]
        shared = [reach.own[node], *(reach.through[child] for child in behind)]
        if node == 0:
            shared.append(pool)
        amounts = _share(inflows[node], shared, seed)
        if node == 0:
            pool_wh = -amounts.pop()
        nets[node] = amounts[0]
        for child, amount in zip(behind, amounts[1:], strict=True):
            inflows[child] = amount
    return nets, inflows, pool_wh


def find_own_reach(reach: Reach, pool: Bounds, tree: Tree) -> list[Bounds]:
    """Bounds of the net import of each node if it had priority over all others."""
    possible = [Bounds(0, 0)] * len(reach.own)
    # What a node can get over the branch from its parent, or from the pool.
    given = [Bounds(0, 0)] * len(reach.own)
    given[0] = Bounds(-pool.most, -pool.least)
    for node in tree.sequence:
        behind = _add([reach.through[child] for child in reach.children[node]])
        inflow = given[node]
        possible[node] = Bounds(
            max(reach.own[node].least, inflow.least - behind.most),
            min(reach.own[node].most, inflow.most - behind.least),
        )
        for child in reach.children[node]:
            own, through = reach.own[node], reach.through[child]
            others = Bounds(
                own.least + behind.least - through.least, own.most + behind.most - through.most
            )
            given[child] = Bounds(
                max(through.least, inflow.least - others.most),
                min(through.most, inflow.most - others.least),
            )
    return possible


def _add(parts: Sequence[Bounds]) -> Bounds:
    return Bounds(sum(part.least for part in parts), sum(part.most for part in parts))


def _pass_branch(inside: Bounds, branch: Uplink, step: int) -> Bounds:
    """The bounds of a subtree as limited by its branch."""
    _, _, import_wh, export_wh, fee = branch
    fee *= RANKS
    least = import_wh if step > fee else 0 if step > -fee else -export_wh
    most = -export_wh if step < -fee else 0 if step < fee else import_wh
    passed = Bounds(max(inside.least, least), min(inside.most, most))
    assert passed.least <= passed.most, "prices and flows do not fit"
    return passed


def _share(total_wh: int, parts: Sequence[Bounds], seed: bytes) -> list[int]:
    """Shares within bounds that add up to a total."""
    widths = [part.most - part.least for part in parts]
    extra_wh = total_wh - sum(part.least for part in parts)
    extras = share_in_proportion(extra_wh, widths, lambda i: seed + i.to_bytes(4, "big"))
    return [part.least + extra for part, extra in zip(parts, extras, strict=True)]
