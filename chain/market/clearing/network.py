"""A radial grid: nodes with their orders, and lines with capacities that join them as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.orders import Book, BookError, Order, Pool, require_valid


class Line(NamedTuple):
    """Joins two nodes, given by their places; carries so much in the slot, either way."""

    start: int
    end: int
    capacity_wh: int


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


class Tree(NamedTuple):
    """The nodes as seen from the heads: every node after its parent.

    The head of a part of the grid is its first node. A line that carries nothing joins nothing.
    parents and feeders (the places of the lines towards them) are -1 for a head.
    """

    sequence: list[int]
    parents: list[int]
    feeders: list[int]


def build_tree(network: Network) -> Tree:
    """The nodes in an order for passes up and down; BookError if the lines are no tree."""
    count = len(network.nodes)
    _require_valid_lines(network)
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for place, line in enumerate(network.lines):
        if line.capacity_wh:
            neighbours[line.start].append((line.end, place))
            neighbours[line.end].append((line.start, place))
    tree = Tree([], [-1] * count, [-1] * count)
    seen = [False] * count
    for head in range(count):
        if not seen[head]:
            _walk(head, neighbours, tree, seen)
    return tree


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


def _walk(head: int, neighbours: list[list[tuple[int, int]]], tree: Tree, seen: list[bool]) -> None:
    first = len(tree.sequence)
    tree.sequence.append(head)
    seen[head] = True
    while first < len(tree.sequence):
        node = tree.sequence[first]
        first += 1
        for other, place in neighbours[node]:
            if not seen[other]:
                seen[other] = True
                tree.parents[other], tree.feeders[other] = node, place
                tree.sequence.append(other)


def _require_valid_lines(network: Network) -> None:
    """Lines join known nodes and close no ring, not even with lines that carry nothing."""
    root = list(range(len(network.nodes)))
    for line in network.lines:
        if line.capacity_wh < 0:
            raise BookError("a line has a negative capacity")
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
