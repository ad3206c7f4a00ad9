"""A radial grid: nodes with their orders, and branches that join them as a tree.

A branch has a capacity for each direction and a fee for what crosses it. It may be open one way
only, so a node need not be a point of the grid: "energy from our own street" is a node at which the
street's producers sell and into which nothing flows from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.orders import Book, BookError, Order, Pool, require_valid


class Branch(NamedTuple):
    """Joins two nodes, given by their numbers, with its capacities in the slot.

    forward is from start to end, backward from end to start; a direction without capacity is
    closed, and without any the branch joins nothing. fee_per_kwh is charged for what crosses, in
    either direction.
    """

    start: int
    end: int
    forward_capacity_wh: int
    backward_capacity_wh: int
    fee_per_kwh: int = 0


class NodeOrders(NamedTuple):
    """The orders of one node."""

    bids: Sequence[Order]
    asks: Sequence[Order]


class Network(NamedTuple):
    """What is cleared together. The pool, if it takes part, is at the first node: the grid supply
    point.
    """

    nodes: Sequence[NodeOrders]
    branches: Sequence[Branch]
    pool: Pool | None = None


class Uplink(NamedTuple):
    """The branch that joins a node to its parent, as seen from the node.

    number: of the branch; sign: 1 if the branch starts at the parent.
    """

    number: int
    sign: int
    import_wh: int
    export_wh: int
    fee: int


NO_UPLINK = Uplink(-1, 0, 0, 0, 0)


class Tree(NamedTuple):
    """The nodes as seen from the roots: every node after its parent.

    The root of a part of the grid is its first node. A branch without capacity joins nothing.
    parents are -1 for a root.
    """

    sequence: list[int]
    parents: list[int]
    uplinks: list[Uplink]


def build_tree(network: Network) -> Tree:
    """The nodes in an order for passes up and down; BookError if the branches are no tree."""
    count = len(network.nodes)
    _require_valid_branches(network)
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, branch in enumerate(network.branches):
        if branch.forward_capacity_wh or branch.backward_capacity_wh:
            neighbours[branch.start].append((branch.end, number))
            neighbours[branch.end].append((branch.start, number))
    tree = Tree([], [-1] * count, [NO_UPLINK] * count)
    seen = [False] * count
    for root in range(count):
        if not seen[root]:
            _walk(root, network.branches, neighbours, tree, seen)
    return tree


def remove_network_self_trades(network: Network) -> list[NodeOrders]:
    """The orders of each node after self-trade netting, within nodes and across them.

    Crossing orders of one owner are netted wherever they are, even if no branch joins them: so the
    remaining orders do not depend on capacities or fees.
    """
    bids, asks = remove_self_trades(
        [order for node in network.nodes for order in node.bids],
        [order for node in network.nodes for order in node.asks],
    )
    nodes, bid_end, ask_end = [], 0, 0
    for node in network.nodes:
        bid_start, bid_end = bid_end, bid_end + len(node.bids)
        ask_start, ask_end = ask_end, ask_end + len(node.asks)
        nodes.append(NodeOrders(bids[bid_start:bid_end], asks[ask_start:ask_end]))
    return nodes


def find_roots(tree: Tree) -> list[int]:
    """For each node the root of its part of the grid."""
    roots = list(range(len(tree.parents)))
    for node in tree.sequence:
        if tree.parents[node] >= 0:
            roots[node] = roots[tree.parents[node]]
    return roots


def require_valid_network(network: Network) -> None:
    """Rejects a network with an invalid order; branches are checked by build_tree."""
    if not network.nodes:
        raise BookError("the network has no nodes")
    for node in network.nodes:
        require_valid(Book(node.bids, node.asks, network.pool))


def _walk(
    root: int,
    branches: Sequence[Branch],
    neighbours: list[list[tuple[int, int]]],
    tree: Tree,
    seen: list[bool],
) -> None:
    first = len(tree.sequence)
    tree.sequence.append(root)
    seen[root] = True
    while first < len(tree.sequence):
        node = tree.sequence[first]
        first += 1
        for other, number in neighbours[node]:
            if not seen[other]:
                seen[other] = True
                tree.parents[other] = node
                tree.uplinks[other] = _look_from(other, branches[number], number)
                tree.sequence.append(other)


def _look_from(node: int, branch: Branch, number: int) -> Uplink:
    _, end, forward, backward, fee = branch
    if node == end:
        return Uplink(number, 1, forward, backward, fee)
    return Uplink(number, -1, backward, forward, fee)


def _require_valid_branches(network: Network) -> None:
    """Branches join known nodes and form no ring, not even with branches without capacity."""
    root = list(range(len(network.nodes)))
    for branch in network.branches:
        if min(branch.forward_capacity_wh, branch.backward_capacity_wh, branch.fee_per_kwh) < 0:
            raise BookError("a branch has a negative capacity or fee")
        ends = []
        for node in (branch.start, branch.end):
            if not 0 <= node < len(root):
                raise BookError("a branch ends at an unknown node")
            while root[node] != node:
                # Halving the path keeps the next search short.
                root[node] = root[root[node]]
                node = root[node]  # noqa: PLW2901 - walks to the root.
            ends.append(node)
        if ends[0] == ends[1]:
            raise BookError("the branches form a ring; a grid must be a tree")
        root[ends[0]] = ends[1]
