"""The sparse Merkle tree against a naive one that computes the definition word for word."""

import random
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chain.runtime.trees.bucket import MAX_KEY_BYTES
from chain.runtime.trees.hash import EMPTY_HASH
from chain.runtime.trees.merkle import SparseMerkleTree
from chain.runtime.trees.top import AbsencePath, LeafPath

Content = dict[bytes, bytes]
Batch = dict[bytes, bytes | None]

KEYS = st.integers(0, 60).map(lambda number: b"key %d" % number)
VALUES = st.binary(max_size=3)
BATCHES = st.dictionaries(KEYS, st.none() | VALUES, max_size=40)
CONTENTS = st.dictionaries(KEYS, VALUES, max_size=60)


def compute_naive_root(content: Content) -> bytes:
    leaves = {}
    for key, value in content.items():
        path = sha256(key).digest()
        bits = "".join(f"{byte:08b}" for byte in path)
        leaves[bits] = sha256(b"\x00" + path + sha256(value).digest()).digest()
    return compute_naive_node(leaves, 0)


def compute_naive_node(leaves: dict[str, bytes], depth: int) -> bytes:
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    left, right = (
        compute_naive_node({k: v for k, v in leaves.items() if k[depth] == bit}, depth + 1)
        for bit in "01"
    )
    return sha256(b"\x01" + left + right).digest()


def build_tree(content: Content) -> SparseMerkleTree:
    tree = SparseMerkleTree()
    tree.update(content)
    return tree


def change(content: Content, batch: Batch) -> Content:
    return {key: value for key, value in (content | batch).items() if value is not None}


def fold(path: LeafPath) -> bytes:
    node = path.leaf_hash
    for prefix, suffix in path.steps:
        node = sha256(prefix + node + suffix).digest()
    return node


def sort_by_path(content: Content) -> list[bytes]:
    return sorted(content, key=lambda key: sha256(key).digest())


def test_empty_tree() -> None:
    tree = SparseMerkleTree()
    assert tree.root == EMPTY_HASH == bytes(32)
    assert len(tree) == 0
    assert tree.update({}) == EMPTY_HASH
    assert tree.update({b"absent": None}) == EMPTY_HASH


def test_single_leaf_is_the_root() -> None:
    path = sha256(b"key").digest()
    leaf = sha256(b"\x00" + path + sha256(b"value").digest()).digest()
    assert build_tree({b"key": b"value"}).root == leaf


@given(st.lists(BATCHES, max_size=8))
def test_root_is_that_of_the_content(batches: list[Batch]) -> None:
    tree, content = SparseMerkleTree(), {}
    for batch in batches:
        content = change(content, batch)
        assert tree.update(batch) == tree.root == compute_naive_root(content)
        assert len(tree) == len(content)


@given(CONTENTS, st.data())
def test_root_is_independent_of_order_and_batches(content: Content, data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(content)))
    cuts = data.draw(st.lists(st.integers(0, len(order)), max_size=5))
    tree = SparseMerkleTree()
    for start, stop in pairwise([0, *sorted(cuts), len(order)]):
        tree.update({key: content[key] for key in order[start:stop]})
    assert tree.root == build_tree(content).root


@given(CONTENTS, CONTENTS)
def test_deletion_restores_the_root(content: Content, more: Content) -> None:
    tree = build_tree(content)
    root = tree.root
    tree.update(more)
    assert tree.update({key: content.get(key) for key in more}) == root
    assert len(tree) == len(content)
    assert tree.update(dict.fromkeys(content)) == EMPTY_HASH
    assert len(tree) == 0


@given(CONTENTS, BATCHES, BATCHES)
def test_undo_is_exact(content: Content, batch: Batch, other: Batch) -> None:
    tree = build_tree(content)
    root = tree.root
    tree.update(batch)
    tree.undo()
    assert tree.root == root
    assert len(tree) == len(content)
    assert tree.update(other) == compute_naive_root(change(content, other))


@given(CONTENTS, BATCHES)
def test_load_equals_updates(content: Content, batch: Batch) -> None:
    tree = SparseMerkleTree()
    tree.load(iter(content.items()))
    assert tree.root == compute_naive_root(content)
    assert len(tree) == len(content)
    assert tree.update(batch) == compute_naive_root(change(content, batch))


class Tree(RuleBasedStateMachine):
    """Any sequence of updates, undos and rebuilds, with growing and shrinking batches."""

    @initialize()
    def start(self) -> None:
        self.tree = SparseMerkleTree()
        self.content: Content = {}
        self.previous: Content | None = None

    @rule(batch=BATCHES)
    def update(self, batch: Batch) -> None:
        self.tree.update(batch)
        self.previous, self.content = self.content, change(self.content, batch)

    @rule(first=st.integers(0, 1000), count=st.integers(50, 300), step=st.integers(1, 4))
    def add_many_and_delete_some(self, first: int, count: int, step: int) -> None:
        deleted: Batch = dict.fromkeys(sort_by_path(self.content)[::step])
        self.update(deleted | {b"many %d" % n: b"x" for n in range(first, first + count)})

    @rule(kept=st.integers(0, 3))
    def delete_most(self, kept: int) -> None:
        self.update(dict.fromkeys(sort_by_path(self.content)[kept:]))

    @precondition(lambda self: self.previous is not None)
    @rule()
    def undo(self) -> None:
        self.tree.undo()
        self.content, self.previous = self.previous, None

    @rule()
    def rebuild(self) -> None:
        self.tree = SparseMerkleTree()
        self.tree.load(self.content.items())
        self.previous = None

    @invariant()
    def has_the_root_of_its_content(self) -> None:
        assert self.tree.root == compute_naive_root(self.content)
        assert len(self.tree) == len(self.content)


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_leaves(seed: int) -> None:
    rng = random.Random(seed)
    tree, content = SparseMerkleTree(), {}
    for _ in range(12):
        keys = [rng.randrange(20_000).to_bytes(4, "big") for _ in range(rng.randrange(3_000))]
        batch = {key: rng.choice([None, rng.randbytes(8)]) for key in keys}
        before, content = content, change(content, batch)
        root = tree.root
        assert tree.update(batch) == compute_naive_root(content)
        if rng.random() < 0.3:
            tree.undo()
            content = before
            assert tree.root == root
    loaded = SparseMerkleTree()
    loaded.load(content.items())
    assert loaded.root == tree.root


def find_close_keys() -> tuple[bytes, bytes]:
    """The two of 20,000 keys whose paths share the longest prefix, some 28 bits."""
    keys = sort_by_path({b"%d" % number: b"" for number in range(20_000)})

    def compute_distance(pair: tuple[bytes, bytes]) -> int:
        one, other = (int.from_bytes(sha256(key).digest(), "big") for key in pair)
        return one ^ other

    return min(pairwise(keys), key=compute_distance)


def test_long_common_path() -> None:
    one, other = find_close_keys()
    content = {one: b"1", other: b"2"}
    tree = build_tree(content)
    assert tree.root == compute_naive_root(content)
    path = tree.prove(one)
    assert isinstance(path, LeafPath)
    assert len(path.steps) > 20
    assert fold(path) == tree.root


@given(CONTENTS)
def test_present_key_has_a_path_to_the_root(content: Content) -> None:
    tree = build_tree(content)
    for key, value in content.items():
        path = tree.prove(key)
        assert isinstance(path, LeafPath)
        key_hash = sha256(key).digest()
        assert path.key == key
        assert path.leaf_hash == sha256(b"\x00" + key_hash + sha256(value).digest()).digest()
        assert fold(path) == tree.root


@given(CONTENTS, KEYS)
def test_absent_key_has_its_neighbours(content: Content, absent: bytes) -> None:
    content.pop(absent, None)
    tree = build_tree(content)
    path = tree.prove(absent)
    assert isinstance(path, AbsencePath)
    order = [None, *sort_by_path(content), None]
    at = sum(sha256(key).digest() < sha256(absent).digest() for key in content)
    neighbours = [side.key if side else None for side in path]
    assert neighbours == order[at : at + 2]
    assert all(fold(side) == tree.root for side in path if side)


def test_neighbours_in_a_tree_that_was_larger() -> None:
    keys = [b"%d" % number for number in range(2_000)]
    tree = build_tree(dict.fromkeys(keys, b"x"))
    first, *others, last = sort_by_path(dict.fromkeys(keys, b"x"))
    tree.update(dict.fromkeys(others))
    path = tree.prove(others[1_000])
    assert isinstance(path, AbsencePath)
    assert [side.key for side in path if side] == [first, last]
    assert all(fold(side) == tree.root for side in path if side)


@pytest.mark.parametrize("key", [b"", bytes(MAX_KEY_BYTES + 1)])
def test_rejected_key_changes_nothing(key: bytes) -> None:
    tree = build_tree({b"a": b"1"})
    root = tree.root
    with pytest.raises(ValueError, match="a key has 1 to 65535 bytes"):
        tree.update({b"b": b"2", key: b"3"})
    assert tree.root == root
    tree.undo()
    assert tree.root == EMPTY_HASH


def test_longest_key() -> None:
    content = {bytes(MAX_KEY_BYTES): b"1", b"a": b"2"}
    tree = build_tree(content)
    assert tree.root == compute_naive_root(content)
    path = tree.prove(bytes(MAX_KEY_BYTES))
    assert isinstance(path, LeafPath)
    assert path.key == bytes(MAX_KEY_BYTES)


def test_only_one_update_can_be_undone() -> None:
    tree = SparseMerkleTree()
    with pytest.raises(RuntimeError, match="no update to undo"):
        tree.undo()
    tree.update({b"a": b"1"})
    tree.undo()
    with pytest.raises(RuntimeError, match="no update to undo"):
        tree.undo()


def test_load_rejects() -> None:
    tree = build_tree({b"a": b"1"})
    with pytest.raises(RuntimeError, match="only an empty tree"):
        tree.load([(b"b", b"2")])
    tree.update({b"a": None})
    with pytest.raises(ValueError, match="loaded twice"):
        tree.load([(b"b", b"2"), (b"b", b"2")])
    assert len(tree) == 0
    assert tree.update({b"b": b"2"}) == build_tree({b"b": b"2"}).root
