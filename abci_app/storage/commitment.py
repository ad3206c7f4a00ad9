"""What the app hash of a height stands for: the trees of all modules as they were then.

The trees in memory are those of the last block. With each block are noted the roots of all modules
and, of each module it changed, the nodes of the row (chain.runtime.trees.top) that it replaced.
From these and the values that it replaced follow the paths of every height that can be read. What a
height has never changes, so it does not matter that blocks are committed between the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from abci_app.query_budget import QueryBudget
from abci_app.storage.snapshot import Snapshot
from chain import app
from chain.runtime.trees.bucket import build_change
from chain.runtime.trees.hash import EMPTY_HASH
from chain.runtime.trees.multistore import Multistore, Update, compute_app_hash
from chain.runtime.trees.ordered import ORDERED_STORE
from chain.runtime.trees.top import (
    AbsencePath,
    LeafPath,
    Node,
    decode_row,
    find_path,
    may_hold,
    replace_records,
)

T = TypeVar("T")

_ROOTS = b"roots"


class TreeSource(Protocol):
    """The trees in memory, and the state on disk of the same height."""

    def copy_from_trees(
        self, take: Callable[[Multistore], T], height: int, budget: QueryBudget | None
    ) -> tuple[T, Snapshot]:
        """What `take` copies of the trees, and the state at a height as of the same moment, to be
        read within a budget and closed after use. Blocks wait meanwhile.
        """


class PastCommitment:
    """The trees as of a height, to prove from; the app hash has to be the one of that height.

    With a budget of a query, everything that is read goes on it. Errors: QueryTooLargeError.
    """

    def __init__(
        self, source: TreeSource, height: int, app_hash: bytes, budget: QueryBudget | None = None
    ) -> None:
        self._source = source
        self._height = height
        self._budget = budget
        # The parts of rows that were noted with blocks, by height and module.
        self._rows: dict[tuple[int, str], bytes] = {}
        roots, snapshot = self._copy(lambda multistore: multistore.roots)
        with snapshot:
            self.roots: Mapping[str, bytes] = _read_roots(snapshot, roots)
        assert compute_app_hash(self.roots) == app_hash, (
            f"the roots of height {height} do not lead to its app hash"
        )

    def prove(self, name: str, key: bytes) -> LeafPath | AbsencePath:
        """The path of a key, or of its neighbours, in a module; KeyError when that is unknown."""
        if name == ORDERED_STORE:
            return self._prove_ordered(key)
        top, snapshot = self._copy(lambda multistore: multistore.get_tree(name).copy_top())
        replaced: dict[int, Node] = {}
        with snapshot:
            for height in reversed(snapshot.undone):
                replaced.update(decode_row(self._get_row(snapshot, height, name)))
        top.replace(replaced)
        assert top.root == self.roots[name], (
            f"the undo records of {name} do not lead to its root at height {self._height}"
        )
        return find_path(top, partial(self._read_records, name), key)

    def _prove_ordered(self, key: bytes) -> LeafPath | AbsencePath:
        """The same in the ordered store, whose tree goes back by the values that were replaced."""
        tree, snapshot = self._copy(Multistore.copy_ordered_tree)
        with snapshot:
            heights = [
                height
                for height in snapshot.undone
                if self._get_row(snapshot, height, ORDERED_STORE)
            ]
            start, end = app.KEYSPACE.get_range(ORDERED_STORE)
            replaced = snapshot.read_replaced(heights, start, end) if heights else {}
        tree.apply(tree.prepare({key[1:]: old for key, old in replaced.items()}))
        assert tree.root == self.roots[ORDERED_STORE], (
            f"the undo records of {ORDERED_STORE} do not lead to its root at {self._height}"
        )
        return tree.prove(key)

    def _read_records(self, name: str, at: int) -> list[bytes]:
        """The leaves below a node of the row of a module's tree."""
        records, snapshot = self._copy(lambda multistore: multistore.get_tree(name).get_records(at))
        with snapshot:
            heights = [
                height
                for height in snapshot.undone
                if may_hold(self._get_row(snapshot, height, name), at)
            ]
            if not heights:
                return records
            start, end = app.KEYSPACE.get_range(name)
            replaced = snapshot.read_replaced(heights, start, end)
        changes = (
            build_change(key[1:], old)
            for key, old in replaced.items()
            if app.KEYSPACE.is_in_tree(key)
        )
        return replace_records(records, changes, at)

    def _copy(self, take: Callable[[Multistore], T]) -> tuple[T, Snapshot]:
        return self._source.copy_from_trees(take, self._height, self._budget)

    def _get_row(self, snapshot: Snapshot, height: int, name: str) -> bytes:
        """The part of a module's row that a block replaced, empty if it replaced nothing. All of
        them are needed twice, and read once.
        """
        if (height, name) not in self._rows:
            row = snapshot.get_note(height, _row_note(name))
            self._rows[height, name] = row or b""
        return self._rows[height, name]


def make_notes(multistore: Multistore, update: Update) -> dict[bytes, bytes]:
    """What has to be noted with a block before its update is made, to go back behind it."""
    rows = {_row_note(name): row for name, row in multistore.encode_rows(update).items()}
    return rows | {_ROOTS: b"".join(multistore.roots.values())}


def _row_note(name: str) -> bytes:
    return b"row/" + name.encode()


def _read_roots(snapshot: Snapshot, latest: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The roots as of a snapshot, from those of the last block."""
    if not snapshot.undone:
        return latest
    noted = snapshot.get_note(snapshot.undone[0], _ROOTS) or b""
    size = len(EMPTY_HASH)
    return {name: noted[at * size : (at + 1) * size] for at, name in enumerate(latest)}
