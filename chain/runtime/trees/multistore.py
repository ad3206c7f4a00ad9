"""The app hash: one root over the roots of all module stores.

The formula is that of the multistore of the Cosmos SDK: a simple map from the name of each store to
its root (chain.runtime.trees.simple).
"""

from collections.abc import Iterable, Mapping

from chain.runtime.trees.bucket import Change
from chain.runtime.trees.merkle import SparseMerkleTree
from chain.runtime.trees.ordered import ORDERED_STORE, OrderedTree
from chain.runtime.trees.simple import (
    MAX_ENTRY_KEY_BYTES,
    compute_entry_hash,
    compute_root,
    compute_steps,
)
from chain.runtime.trees.top import AbsencePath, LeafPath

Tree = SparseMerkleTree | OrderedTree
# The tree and the name of each store that changes, and its prepared changes.
Update = list[tuple[Tree, str, list[Change]]]


class Multistore:
    """The trees of all module stores, which are given by name once and for all. All are sparse but
    that of ORDERED_STORE.

    Raises ValueError when there is no name, one is repeated, or one is not 1 to
    MAX_ENTRY_KEY_BYTES printable ASCII characters.
    """

    def __init__(self, store_names: Iterable[str]) -> None:
        names = sorted(store_names)
        if not names or len(set(names)) < len(names):
            raise ValueError("the stores of a multistore need distinct names, and at least one")
        for name in names:
            _require_store_name(name)
        self._trees: dict[str, Tree] = {
            name: OrderedTree() if name == ORDERED_STORE else SparseMerkleTree() for name in names
        }
        self._updated: list[Tree] | None = None
        self._app_hash = self._previous_app_hash = self._compute_app_hash()

    @property
    def app_hash(self) -> bytes:
        """The root over all stores, 32 bytes."""
        return self._app_hash

    def update(self, changes: Mapping[str, Mapping[bytes, bytes | None]]) -> bytes:
        """Change keys of stores, None meaning delete; return the new app hash.

        Raises KeyError for an unknown store and ValueError for a key that a tree rejects; then
        nothing has changed.
        """
        return self.apply(self.prepare(changes))

    def prepare(self, changes: Mapping[str, Mapping[bytes, bytes | None]]) -> Update:
        """An update with its leaf hashes, not made yet; with the errors of `update`."""
        trees = [(self._trees[name], name, store) for name, store in changes.items()]
        return [(tree, name, tree.prepare(store)) for tree, name, store in trees]

    def encode_rows(self, update: Update) -> dict[str, bytes]:
        """By store, the nodes that an update will replace in the row (chain.runtime.trees.top)."""
        return {name: tree.encode_row(changes) for tree, name, changes in update}

    def apply(self, update: Update) -> bytes:
        """Make an update that is prepared; return the new app hash."""
        for tree, _, changes in update:
            tree.apply(changes)
        self._updated = [tree for tree, _, _ in update]
        self._previous_app_hash = self._app_hash
        self._app_hash = self._compute_app_hash()
        return self._app_hash

    def undo(self) -> None:
        """Take back the last update exactly; RuntimeError when there is none to take back."""
        if self._updated is None:
            raise RuntimeError("there is no update to undo")
        for tree in self._updated:
            tree.undo()
        self._updated = None
        self._app_hash = self._compute_app_hash()
        if self._app_hash != self._previous_app_hash:
            raise RuntimeError("the app hash after an undo is not the one before the update")

    def load(self, name: str, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Fill an empty store, with the errors of its tree; it cannot be undone."""
        self._trees[name].load(items)
        self._updated = None
        self._app_hash = self._compute_app_hash()

    def get_tree(self, name: str) -> SparseMerkleTree:
        """The sparse tree of a store, to read and to prove from; KeyError when there is none."""
        tree = self._trees[name]
        if not isinstance(tree, SparseMerkleTree):
            raise KeyError(name)
        return tree

    def copy_ordered_tree(self) -> OrderedTree:
        """The tree of the ordered store as it is now; KeyError when there is none."""
        tree = self._trees[ORDERED_STORE]
        assert isinstance(tree, OrderedTree)
        return tree.copy()

    @property
    def roots(self) -> dict[str, bytes]:
        """The root of each store, in the order of their names."""
        return {name: tree.root for name, tree in self._trees.items()}

    def prove(self, name: str, key: bytes) -> LeafPath | AbsencePath:
        """The path of a key, or of its neighbours, in a store; KeyError when that is unknown."""
        return self._trees[name].prove(key)

    def _compute_app_hash(self) -> bytes:
        return compute_app_hash(self.roots)


def compute_app_hash(roots: Mapping[str, bytes]) -> bytes:
    """The app hash over the roots of all stores, given in the order of their names."""
    return compute_root(_compute_leaves(roots))


def prove_store(roots: Mapping[str, bytes], name: str) -> LeafPath:
    """The path from one of the stores up to their app hash; KeyError when it is not among them."""
    leaf = compute_entry_hash(name.encode(), roots[name])
    steps = compute_steps(_compute_leaves(roots), list(roots).index(name))
    return LeafPath(name.encode(), leaf, tuple(steps))


def _compute_leaves(roots: Mapping[str, bytes]) -> list[bytes]:
    return [compute_entry_hash(name.encode(), root) for name, root in roots.items()]


def _require_store_name(name: str) -> None:
    if not (0 < len(name) <= MAX_ENTRY_KEY_BYTES and name.isascii() and name.isprintable()):
        raise ValueError(
            f"a store's name is 1 to {MAX_ENTRY_KEY_BYTES} printable ASCII characters: {name!r}"
        )
