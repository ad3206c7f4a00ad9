"""RFC-6962 trees: where they split, the steps in them, and how they grow."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.light import ProofError, verify_entry
from chain.runtime.trees.proofs import build_entry_proof
from chain.runtime.trees.simple import (
    append_leaves,
    compute_entry_hash,
    compute_group_roots,
    compute_root,
    compute_steps,
    join_peaks,
)


def hash_leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def hash_inner(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def make_leaves(count: int) -> list[bytes]:
    return [hash_leaf(b"%d" % number) for number in range(count)]


def test_root_splits_at_the_largest_power_of_two() -> None:
    a, b, c, d, e, f, g = leaves = make_leaves(7)
    four = hash_inner(hash_inner(a, b), hash_inner(c, d))
    assert compute_root(leaves[:1]) == a
    assert compute_root(leaves[:5]) == hash_inner(four, e)
    assert compute_root(leaves) == hash_inner(four, hash_inner(hash_inner(e, f), g))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5).filter(any))
def test_a_tree_that_grows_in_any_steps_has_the_same_root(sizes: list[int]) -> None:
    leaves, peaks, count = make_leaves(sum(sizes)), list[bytes](), 0
    for size in sizes:
        peaks = append_leaves(peaks, count, leaves[count : count + size])
        count += size
        assert len(peaks) == count.bit_count()
    assert join_peaks(peaks) == compute_root(leaves)


@given(st.integers(1, 70))
def test_every_leaf_has_steps_to_the_root(count: int) -> None:
    leaves = make_leaves(count)
    for index, leaf in enumerate(leaves):
        node = leaf
        for prefix, suffix in compute_steps(leaves, index):
            node = sha256(prefix + node + suffix).digest()
        assert node == compute_root(leaves)


@given(st.integers(1, 70), st.sampled_from([1, 2, 8, 64]))
def test_groups_of_leaves_are_subtrees(count: int, size: int) -> None:
    leaves = make_leaves(count)
    roots = compute_group_roots(leaves, size)
    assert compute_root(roots) == compute_root(leaves)
    for index in range(count):
        group, at = divmod(index, size)
        own = leaves[group * size : (group + 1) * size]
        steps = compute_steps(own, at) + compute_steps(roots, group)
        assert steps == compute_steps(leaves, index)


@given(st.integers(1, 20), st.data())
def test_an_entry_is_proven_and_no_other(count: int, data: st.DataObject) -> None:
    entries = [(b"key %02d" % number, b"value %d" % number) for number in range(count)]
    index = data.draw(st.integers(0, count - 1))
    leaves = [compute_entry_hash(*entry) for entry in entries]
    ops = [build_entry_proof(*entry, compute_steps(leaves, at)) for at, entry in enumerate(entries)]
    op = ops[index]
    key, value = entries[index]
    root = compute_root(leaves)
    assert verify_entry(root, key, op) == value
    others = [
        (sha256(root).digest(), key, op),
        (root, b"other", op),
        (root, b"other", (op[0], b"other", op[2])),
    ]
    others += [(root, key, ("ics23:smt", op.key, op.data)), (root, key, (op.type, op.key, b""))]
    if count > 1:
        others.append((root, key, ops[index - 1]))
    for other in others:
        with pytest.raises(ProofError):
            verify_entry(*other)
