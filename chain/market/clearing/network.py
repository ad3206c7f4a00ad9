"""A radial grid: nodes with their orders, and lines that join them as a tree.

A line has a capacity for each direction and a fee for what crosses it. It may be open one way only:
so a node need not be a place. "Energy from our own street" is a node that the street's sellers may
use to sell and that nothing flows into from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.orders import Book, BookError, Order, Pool, require_valid


class Line(NamedTuple):
    """Joins two nodes, given by their places; carries so much in the slot.

    forward is from start to end, backward from end to start; a direction without capacity is
    closed, and without any the line joins nothing. fee_per_kwh is charged for what crosses, in
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
    """What is cleared together. The pool, if it takes part, stands at the first node: the head of
    the feeder.
    """

    nodes: Sequence[NodeOrders]
    lines: Sequence[Line]
    pool: Pool | None = None


class Feeder(NamedTuple):
    """The line that joins a node to its parent, as seen from the node.

    place is that of the line, sign 1 if the line starts at the parent.
    """

    place: int
    sign: int
    import_wh: int
    export_wh: int
    fee: int


NO_FEEDER = Feeder(-1, 0, 0, 0, 0)


class Tree(NamedTuple):
    """The nodes as seen from the heads: every node after its parent.

    The head of a part of the grid is its first node. A line that carries nothing joins nothing.
    parents are -1 for a head.
    """

    sequence: list[int]
    parents: list[int]
    feeders: list[Feeder]


def build_tree(network: Network) -> Tree:
    """The nodes in an order for passes up and down; BookError if the lines are no tree."""
    count = len(network.nodes)
    _require_valid_lines(network)
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for place, line in enumerate(network.lines):
        if line.forward_capacity_wh or line.backward_capacity_wh:
            neighbours[line.start].append((line.end, place))
            neighbours[line.end].append((line.start, place))
    tree = Tree([], [-1] * count, [NO_FEEDER] * count)
    seen = [False] * count
    for head in range(count):
        if not seen[head]:
            _walk(head, network.lines, neighbours, tree, seen)
    return tree


def remove_network_self_trades(network: Network) -> list[NodeOrders]:
    """The orders of each node after netting: nobody trades with themselves, at one node or across.

    An owner's bid and ask that cross are netted wherever they are, even if no line would bring
    them together: so an owner who wants to trade with neither limit against the other says so in
    the limits, and what is left does not depend on capacities or fees.
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


def find_heads(tree: Tree) -> list[int]:
    """For each node the head of its part of the grid."""
    heads = list(range(len(tree.parents)))
    for node in tree.sequence:
        if tree.parents[node] >= 0:
            heads[node] = heads[tree.parents[node]]
    return heads


def require_valid_network(network: Network) -> None:
    """Refuses a network with an order that has no meaning; lines are checked by build_tree."""
    if not network.nodes:
        raise BookError("the network has no nodes")
    for node in network.nodes:
        require_valid(Book(node.bids, node.asks, network.pool))


def _walk(
    head: int,
    lines: Sequence[Line],
    neighbours: list[list[tuple[int, int]]],
    tree: Tree,
    seen: list[bool],
) -> None:
    first = len(tree.sequence)
    tree.sequence.append(head)
    seen[head] = True
    while first < len(tree.sequence):
        node = tree.sequence[first]
        first += 1
        for other, place in neighbours[node]:
            if not seen[other]:
                seen[other] = True
                tree.parents[other] = node
                tree.feeders[other] = _look_from(other, lines[place], place)
                tree.sequence.append(other)


def _look_from(node: int, line: Line, place: int) -> Feeder:
    _, end, forward, backward, fee = line
    if node == end:
        return Feeder(place, 1, forward, backward, fee)
    return Feeder(place, -1, backward, forward, fee)


def _require_valid_lines(network: Network) -> None:
    """Lines join known nodes and close no ring, not even with lines that carry nothing."""
    root = list(range(len(network.nodes)))
    for line in network.lines:
        if min(line.forward_capacity_wh, line.backward_capacity_wh, line.fee_per_kwh) < 0:
            raise BookError("a line has a negative capacity or fee")
        ends = []
        for node in (line.start, line.end):
            if not 0 <= node < len(root):
                raise BookError("a line ends at a node that is not there")
            while root[node] != node:
                # Halving the path keeps the next search short.
                root[node] = root[root[node]]
                node = root[node]  # noqa: PLW2901 - walks to the root.
            ends.append(node)
        if ends[0] == ends[1]:
            raise BookError("the lines form a ring; a feeder has to be a tree")
        root[ends[0]] = ends[1]
