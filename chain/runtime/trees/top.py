"""Paths of a tree as it is or as it was, from its top and the leaves below one node of its row.

The row is the 2**ROW_DEPTH nodes at one depth; the top is the row and all nodes above it. The nodes
of the row that a change replaced lead back to the top before the change, without any leaves. A path
needs, beside the top, only the leaves below the one node of the row that it goes through.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from chain.runtime.native import hash_nodes, list_parents
from chain.runtime.trees.bucket import (
    EMPTY,
    HEAD_BYTES,
    INNER,
    Change,
    compute_steps,
    compute_subtree,
)
from chain.runtime.trees.hash import EMPTY_HASH, Step, compute_path, make_step
from chain.runtime.trees.nodes import set_kind

# Deeper makes proofs cheaper, of old heights above all, and more to write down with each block.
ROW_DEPTH = 10
ROW = 1 << ROW_DEPTH
# The heap position of a node of the row is in two bytes.
_SHIFT = 16 - ROW_DEPTH
_NODE_BYTES = 35

# The hash of a node of the row and its type, one byte.
Node = tuple[bytes, int]


class LeafPath(NamedTuple):
    """A leaf and the steps from it up to the root."""

    key: bytes
    leaf_hash: bytes
    steps: tuple[Step, ...]


class AbsencePath(NamedTuple):
    """The leaves next to an absent key in the order of the tree; None past either end."""

    left: LeafPath | None
    right: LeafPath | None


def locate_in_row(path: bytes) -> int:
    """The heap position of the node of the row above a leaf."""
    return ROW | (path[0] << 8 | path[1]) >> _SHIFT


def make_node(records: list[bytes]) -> Node:
    """The node of the row whose leaves are these."""
    if not records:
        return EMPTY_HASH, EMPTY
    return compute_subtree(records, ROW_DEPTH), min(INNER, len(records))


def encode_row(positions: list[int], nodes: list[bytes], kinds: list[int]) -> bytes:
    """Nodes of the row at ascending positions as bytes: positions, hashes, types."""
    return struct.pack(f">{len(positions)}H", *positions) + b"".join(nodes) + bytes(kinds)


def decode_row(encoded: bytes) -> Iterator[tuple[int, Node]]:
    """The nodes that `encode_row` has encoded, with their positions."""
    count = len(encoded) // _NODE_BYTES
    hashes, kinds = 2 * count, 34 * count
    positions = struct.unpack_from(f">{count}H", encoded)
    nodes = [encoded[at : at + 32] for at in range(hashes, kinds, 32)]
    return zip(positions, zip(nodes, encoded[kinds:], strict=True), strict=True)


def may_hold(encoded: bytes, position: int) -> bool:
    """Whether an encoded part of a row may have a node of a position; if not, it has none."""
    return encoded.find(position.to_bytes(2, "big"), 0, 2 * (len(encoded) // _NODE_BYTES)) >= 0


class Top:
    """The nodes of a tree down to its row."""

    def __init__(self, nodes: bytearray, kinds: bytearray) -> None:
        self.nodes = nodes
        self.kinds = kinds

    @classmethod
    def make(cls, row: Mapping[int, Node]) -> Top:
        """The top above the nodes that are not empty, by position."""
        top = cls(bytearray(64 * ROW), bytearray(2 * ROW))
        top.replace(row)
        return top

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        return bytes(self.nodes[32:64])

    def replace(self, row: Mapping[int, Node]) -> None:
        """Puts other nodes into the row, and what follows from them above it."""
        for at, (node, kind) in row.items():
            self.nodes[at << 5 : (at << 5) + 32] = node
            set_kind(self.kinds, at, kind)
        level = sorted(row)
        while level and level[0] > 1:
            level = list_parents(level)
            hash_nodes(self.nodes, self.kinds, level)

    def list_steps(self, at: int) -> Iterator[Step]:
        """The steps from a node of the row up to the root."""
        while at > 1:
            beside = (at ^ 1) << 5
            if self.kinds[at >> 1] == INNER:
                yield make_step(at & 1 == 1, bytes(self.nodes[beside : beside + 32]))
            at >>= 1

    def find_beside(self, at: int, direction: int) -> int | None:
        """The nearest node of the row on one side, -1 or 1, that is not empty."""
        at += direction
        while ROW <= at < 2 * ROW:
            if self.kinds[at] != EMPTY:
                return at
            at += direction
        return None


def find_path(
    top: Top, get_records: Callable[[int], list[bytes]], key: bytes
) -> LeafPath | AbsencePath:
    """The path of a key that is there, or of both neighbours of one that is not.

    `get_records` gives the leaves below a node of the row of that top, in the order of their paths.
    """
    path = compute_path(key)
    at = locate_in_row(path)
    records = get_records(at)
    before = sum(record[:32] < path for record in records)
    if before < len(records) and records[before].startswith(path):
        return _make_path(top, at, records, before)

    def find_neighbour(index: int, direction: int) -> LeafPath | None:
        if 0 <= index < len(records):
            return _make_path(top, at, records, index)
        beside = top.find_beside(at, direction)
        if beside is None:
            return None
        others = get_records(beside)
        return _make_path(top, beside, others, 0 if direction > 0 else len(others) - 1)

    return AbsencePath(find_neighbour(before - 1, -1), find_neighbour(before, 1))


def replace_records(records: list[bytes], changes: Iterable[Change], at: int) -> list[bytes]:
    """The leaves below a node of the row after changes, of which those elsewhere do not count."""
    leaves: dict[bytes, bytes | None] = {record[:32]: record for record in records}
    leaves.update(change for change in changes if locate_in_row(change[0]) == at)
    return sorted(record for record in leaves.values() if record is not None)


def _make_path(top: Top, at: int, records: list[bytes], index: int) -> LeafPath:
    record = records[index]
    steps = compute_steps(records, ROW_DEPTH, record[:32])
    return LeafPath(record[HEAD_BYTES:], record[32:64], (*steps, *top.list_steps(at)))
