"""The tree's functions in C do what their definitions in Python do."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.trees import bucket as merkle_bucket
from chain.runtime.trees import nodes as merkle_nodes
from chain.runtime.trees.bucket import build_change, divide_bucket, get_kind
from tests.support.native import load_native

# A path is the start of what is drawn, so that some agree in many bits.
PATHS = st.binary(max_size=3).map(lambda start: (start + bytes(32))[:31])
KEYS = st.lists(st.tuples(PATHS, st.binary(min_size=1, max_size=1)), unique=True, max_size=40)


@pytest.fixture(scope="module")
def native(compiled: Path) -> ModuleType:
    return load_native(compiled, "chain.runtime.native.merkle")


def make_bucket(keys: list[tuple[bytes, bytes]]) -> bytes:
    """A bucket whose records have these paths."""
    paths = sorted(start + last for start, last in keys)
    return b"".join(path + sha256(path).digest() + b"\x00\x03key" for path in paths)


def make_tree(bucket: bytes, depth: int) -> tuple[bytearray, bytearray, list[bytes]]:
    """Nodes, kinds and buckets of the tree with all buckets at a depth, nothing hashed yet."""
    level = [bucket]
    for upper in range(depth):
        level = [half for whole in level for half in divide_bucket(whole, upper)]
    buckets = [b""] * len(level) + level
    return bytearray(32 * len(buckets)), bytearray(len(buckets)), buckets


def hash_whole(functions: ModuleType, bucket: bytes, depth: int) -> tuple[bytearray, bytearray]:
    """Nodes and kinds of a tree, all of them hashed."""
    nodes, kinds, buckets = make_tree(bucket, depth)
    half = len(buckets) // 2
    functions.hash_buckets(nodes, kinds, buckets, range(half, 2 * half))
    functions.hash_nodes(nodes, kinds, range(half - 1, 0, -1))
    return nodes, kinds


def test_changes_of_all_lengths_around_the_blocks_of_the_hash(native: ModuleType) -> None:
    for size in [*range(1, 300), 1_000, 65_535]:
        key, value = sha256(b"%d" % size).digest() * (size // 32 + 1), bytes(range(256)) * 9
        expected = build_change(key[:size], value[: size - 1])
        assert native.build_change(key[:size], value[: size - 1]) == expected
        assert native.build_change(key[:size], None) == (expected[0], None)


def test_a_long_value(native: ModuleType) -> None:
    value = bytes(range(251)) * 40_000
    assert native.build_change(b"key", value) == build_change(b"key", value)


@given(keys=KEYS, depth=st.integers(1, 4))
def test_trees(native: ModuleType, keys: list[tuple[bytes, bytes]], depth: int) -> None:
    bucket = make_bucket(keys)
    assert hash_whole(native, bucket, depth) == hash_whole(merkle_nodes, bucket, depth)


def test_a_bucket_of_more_records_than_usual(native: ModuleType) -> None:
    bucket = make_bucket([(bytes(29) + number.to_bytes(2), b"\x07") for number in range(1_000)])
    assert hash_whole(native, bucket, 1) == hash_whole(merkle_nodes, bucket, 1)


@given(keys=KEYS, data=st.data())
def test_a_changed_bucket(
    native: ModuleType, keys: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    results = []
    at = data.draw(st.integers(4, 7))
    content = data.draw(st.sampled_from([b"", make_bucket(keys[:1]), make_bucket(keys)]))
    for functions in (native, merkle_nodes):
        nodes, kinds, buckets = make_tree(make_bucket(keys), 2)
        functions.hash_buckets(nodes, kinds, buckets, range(4, 8))
        buckets[at] = content
        functions.hash_buckets(nodes, kinds, buckets, [at])
        functions.hash_nodes(nodes, kinds, [at >> 1, 1])
        results.append((nodes, kinds))
        assert kinds[at] == get_kind(content)
    assert results[0] == results[1]


@given(starts=st.lists(st.binary(min_size=8, max_size=8)), size=st.integers(2, 5_000))
def test_positions(native: ModuleType, starts: list[bytes], size: int) -> None:
    changes = [(start + bytes(24), None) for start in [*starts, bytes(8), b"\xff" * 8]]
    found = native.locate_buckets([b""] * size, changes)
    assert found == merkle_nodes.locate_buckets([b""] * size, changes)
    assert all(size // 2 <= at < size for at in found)


@given(positions=st.lists(st.integers(1, 2**40), unique=True).map(sorted))
def test_parents(native: ModuleType, positions: list[int]) -> None:
    found = native.list_parents(positions)
    assert found == merkle_nodes.list_parents(positions)
    assert all(low < high for low, high in pairwise(found))


@pytest.mark.parametrize("key", [b"", bytes(65_536)], ids=["empty", "too long"])
def test_a_key_is_rejected_in_the_same_words(native: ModuleType, key: bytes) -> None:
    with pytest.raises(ValueError, match="a key has 1 to 65535 bytes") as expected:
        merkle_bucket.build_change(key, b"value")
    with pytest.raises(ValueError, match="a key has") as found:
        native.build_change(key, b"value")
    assert str(found.value) == str(expected.value)


RECORD = make_bucket([(bytes(31), b"\x01")])
OTHER = make_bucket([(bytes(31), b"\x02")])
NODES, KINDS, EMPTY_BUCKETS = bytearray(128), bytearray(4), [b""] * 3
# The function and what it is called with.
WRONG_CALLS: dict[str, tuple[Any, ...]] = {
    "a bucket position behind the end": ("hash_buckets", NODES, KINDS, [b""] * 4, [4]),
    "position 0": ("hash_nodes", NODES, KINDS, [0]),
    "a node without children": ("hash_nodes", NODES, KINDS, [2]),
    "a position that is no number": ("hash_nodes", NODES, KINDS, ["1"]),
    "positions that compute": ("hash_nodes", NODES, KINDS, iter([1])),
    "nodes that are too short": ("hash_nodes", bytearray(127), KINDS, [1]),
    "an odd number of nodes": ("hash_nodes", bytearray(96), bytearray(3), [1]),
    "nodes that cannot be changed": ("hash_nodes", bytes(128), KINDS, [1]),
    "fewer buckets than nodes": ("hash_buckets", NODES, KINDS, EMPTY_BUCKETS, [2]),
    "a bucket cut short": ("hash_buckets", NODES, KINDS, [*EMPTY_BUCKETS, RECORD[:-1]], [3]),
    "a bucket with a rest": (
        "hash_buckets",
        NODES,
        KINDS,
        [*EMPTY_BUCKETS, RECORD + bytes(65)],
        [3],
    ),
    "a bucket with a leaf twice": ("hash_buckets", NODES, KINDS, [*EMPTY_BUCKETS, RECORD * 2], [3]),
    "a bucket out of order": ("hash_buckets", NODES, KINDS, [*EMPTY_BUCKETS, OTHER + RECORD], [3]),
    "a bucket that is no bytes": ("hash_buckets", NODES, KINDS, [*EMPTY_BUCKETS, None], [3]),
    "a key that is text": ("build_change", "key", b""),
    "a value that is text": ("build_change", b"key", ""),
    "one argument": ("build_change", b"key"),
    "a tree of one bucket": ("locate_buckets", [b""], []),
    "buckets of no list": ("locate_buckets", (b"", b""), []),
    "changes of no list": ("locate_buckets", [b"", b""], iter([])),
    "a change that is a path": ("locate_buckets", [b"", b""], [bytes(32)]),
    "a change of nothing": ("locate_buckets", [b"", b""], [()]),
    "a short path": ("locate_buckets", [b"", b""], [(bytes(7), None)]),
    "parents of no list": ("list_parents", (2, 3)),
    "a negative position": ("list_parents", [-1]),
}


@pytest.mark.parametrize("call", WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_a_wrong_call_is_rejected(native: ModuleType, call: tuple[Any, ...]) -> None:
    name, *arguments = call
    with pytest.raises((TypeError, ValueError, IndexError)):
        getattr(native, name)(*arguments)
