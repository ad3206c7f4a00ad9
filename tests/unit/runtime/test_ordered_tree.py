"""The ordered tree: its root follows from its content, by the hashes of IAVL."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.trees.hash import EMPTY_HASH
from chain.runtime.trees.ordered import OrderedTree, encode_varint
from chain.runtime.trees.top import AbsencePath, LeafPath

Content = dict[bytes, bytes]

# Keys that are beginnings of each other, and few of them, so that batches meet.
KEYS = st.lists(st.sampled_from([b"\x00", b"\x01", b"a", b"\xff"]), min_size=1, max_size=4).map(
    b"".join
)
CHANGES = st.dictionaries(KEYS, st.none() | st.binary(max_size=2), max_size=8)


def change(content: Content, batch: dict[bytes, bytes | None]) -> Content:
    merged = content | batch
    return {key: value for key, value in merged.items() if value is not None}


def make(content: Content) -> OrderedTree:
    tree = OrderedTree()
    tree.load(content.items())
    return tree


def spell(key: bytes) -> str:
    """Bits in the order of keys: a 1 and the bits of each byte, a 0 at the end."""
    return "".join(f"1{byte:08b}" for byte in key) + "0"


def build(items: list[tuple[bytes, bytes]]) -> tuple[bytes, int, int]:
    """Hash, height and size of the tree over sorted items, by its definition."""
    if len(items) == 1:
        ((key, value),) = items
        leaf = b"\x00\x02\x02" + bytes([len(key)]) + key + b"\x20" + sha256(value).digest()
        return sha256(leaf).digest(), 0, 1
    first, last = spell(items[0][0]), spell(items[-1][0])
    fork = next(at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    middle = next(at for at, (key, _) in enumerate(items) if spell(key)[fork] == "1")
    left, left_height, left_size = build(items[:middle])
    right, right_height, right_size = build(items[middle:])
    height, size = 1 + max(left_height, right_height), left_size + right_size
    head = encode_varint(2 * height) + encode_varint(2 * size) + b"\x02"
    return sha256(head + b"\x20" + left + b"\x20" + right).digest(), height, size


def compute_root(content: Content) -> bytes:
    return build(sorted(content.items()))[0] if content else EMPTY_HASH


@given(st.lists(CHANGES, max_size=6))
def test_the_root_is_that_of_the_content(batches: list[dict[bytes, bytes | None]]) -> None:
    tree, content = OrderedTree(), Content()
    for batch in batches:
        before, kept = tree.root, tree.copy()
        tree.apply(tree.prepare(batch))
        tree.undo()
        assert tree.root == before
        tree.apply(tree.prepare(batch))
        assert kept.root == before
        content = change(content, batch)
        assert tree.root == compute_root(content) == make(content).root


def fold(path: LeafPath) -> bytes:
    node = path.leaf_hash
    for prefix, suffix in path.steps:
        node = sha256(prefix + node + suffix).digest()
    return node


@given(st.dictionaries(KEYS, st.binary(max_size=2), max_size=12), KEYS)
def test_paths_lead_to_the_root(content: Content, key: bytes) -> None:
    tree = make(content)
    path = tree.prove(key)
    if isinstance(path, LeafPath):
        assert path.key == key
        assert key in content
        assert fold(path) == tree.root
        return
    below = max((each for each in content if each < key), default=None)
    above = min((each for each in content if each > key), default=None)
    assert key not in content
    assert (path.left and path.left.key, path.right and path.right.key) == (below, above)
    assert all(fold(each) == tree.root for each in path if each)


def test_packets_of_one_client_make_no_deep_tree() -> None:
    """ICS-23 allows 128 steps."""
    keys = [b"07-tendermint-0\x01" + number.to_bytes(8, "big") for number in range(1, 3_000)]
    tree = make(dict.fromkeys(keys, b"commitment"))
    paths = [tree.prove(key) for key in keys]
    assert max(len(path.steps) for path in paths if isinstance(path, LeafPath)) <= 13


def test_what_a_tree_rejects() -> None:
    tree = OrderedTree()
    for key in (b"", bytes(256)):
        with pytest.raises(ValueError, match="a key has 1 to 255 bytes"):
            tree.prepare({key: b"value"})
    with pytest.raises(RuntimeError, match="no update to undo"):
        tree.undo()
    tree.load([(b"a", b"1")])
    with pytest.raises(RuntimeError, match="no update to undo"):
        tree.undo()
    with pytest.raises(RuntimeError, match="only an empty tree"):
        tree.load([])
    tree.apply(tree.prepare({b"a": None}))
    assert tree.prove(b"a") == AbsencePath(None, None)
