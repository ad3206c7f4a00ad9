"""The app hash over several stores: its formula, its updates and their undo."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.trees.merkle import SparseMerkleTree
from chain.runtime.trees.multistore import Multistore, prove_store

NAMES = ["auth", "bank", "market", "metering", "registry"]
KEYS = st.integers(0, 20).map(lambda number: b"key %d" % number)
CHANGES = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(KEYS, st.none() | st.binary(max_size=3), max_size=10)
)


def hash_leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def hash_inner(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def hash_store(name: bytes, root: bytes) -> bytes:
    return hash_leaf(bytes([len(name)]) + name + b"\x20" + sha256(root).digest())


def test_empty_stores() -> None:
    expected = hash_inner(hash_store(b"auth", bytes(32)), hash_store(b"bank", bytes(32)))
    assert Multistore(["bank", "auth"]).app_hash == expected


def test_app_hash_is_over_the_stores_in_the_order_of_their_names() -> None:
    tree = SparseMerkleTree()
    root = tree.update({b"supply": b"7"})
    multistore = Multistore(["registry", "bank", "auth"])
    auth, registry = hash_store(b"auth", bytes(32)), hash_store(b"registry", bytes(32))
    expected = hash_inner(hash_inner(auth, hash_store(b"bank", root)), registry)
    assert multistore.update({"bank": {b"supply": b"7"}}) == multistore.app_hash == expected
    assert multistore.get_tree("bank").root == root


@given(st.integers(1, 20))
def test_every_store_has_a_path_to_the_app_hash(count: int) -> None:
    multistore = Multistore([f"store{number}" for number in range(count)])
    multistore.update({"store0": {b"key": b"value"}})
    for number in range(count):
        path = prove_store(multistore.roots, f"store{number}")
        node = path.leaf_hash
        for prefix, suffix in path.steps:
            node = sha256(prefix + node + suffix).digest()
        assert node == multistore.app_hash


@given(st.lists(CHANGES, max_size=4), CHANGES, CHANGES)
def test_undo_is_exact(history: list, changes: dict, other: dict) -> None:
    multistore, same = Multistore(NAMES), Multistore(NAMES)
    for earlier in history:
        assert multistore.update(earlier) == same.update(earlier)
    multistore.update(changes)
    multistore.undo()
    assert multistore.app_hash == same.app_hash
    assert multistore.update(other) == same.update(other)


@given(CHANGES)
def test_load_equals_update(changes: dict) -> None:
    contents = {
        name: {key: value for key, value in store.items() if value is not None}
        for name, store in changes.items()
    }
    multistore, loaded = Multistore(NAMES), Multistore(NAMES)
    multistore.update(contents)
    for name, content in contents.items():
        loaded.load(name, content.items())
    assert loaded.app_hash == multistore.app_hash


def test_rejected_update_changes_nothing() -> None:
    multistore = Multistore(NAMES)
    before = multistore.app_hash
    first = multistore.update({"bank": {b"a": b"1"}})
    with pytest.raises(ValueError, match="a key has 1 to"):
        multistore.update({"auth": {b"a": b"1"}, "bank": {b"a": b"2"}, "market": {b"": b"1"}})
    with pytest.raises(KeyError, match="swap"):
        multistore.update({"bank": {b"a": b"2"}, "swap": {b"a": b"1"}})
    assert multistore.app_hash == first
    multistore.undo()
    assert multistore.app_hash == before


def test_nothing_to_undo() -> None:
    multistore = Multistore(NAMES)
    with pytest.raises(RuntimeError, match="no update to undo"):
        multistore.undo()
    multistore.update({"bank": {b"a": b"1"}})
    multistore.load("auth", [(b"a", b"1")])
    with pytest.raises(RuntimeError, match="no update to undo"):
        multistore.undo()


@pytest.mark.parametrize("names", [[], ["bank", "bank"], [""], ["x" * 128], ["bänk"], ["a\n"]])
def test_rejected_names(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"stores of a multistore|a store's name"):
        Multistore(names)
