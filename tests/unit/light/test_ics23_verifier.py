"""Proofs as a light client sees them: ours are good, and nothing else ever is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

import pytest
from cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    LeafOp,
    NonExistenceProof,
)

from chain import light
from chain.light.forms import get_form
from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.ordered import compute_ordered_leaf, encode_varint
from chain.runtime.trees.proofs import ENTRY_LEAF, ORDERED_LEAF, build_proof_ops
from chain.runtime.trees.simple import compute_entry_hash

STORES = ["auth", "bank", "ibc", "market"]
FILLED = STORES[:3]
TAMPERED = 100_000
Ops = list[tuple[str, bytes, bytes]]


class State:
    """Stores with content, one of them empty."""

    def __init__(self, rng: random.Random, leaves: int) -> None:
        self.multistore = Multistore(STORES)
        self.contents = {
            name: {rng.randbytes(rng.randrange(1, 20)): rng.randbytes(8) for _ in range(leaves)}
            for name in FILLED
        }
        self.multistore.update(self.contents)

    def prove(self, store: str, key: bytes) -> Ops:
        ops = build_proof_ops(self.multistore, store, key, self.contents[store].get)
        return [(op.type, op.key, op.data) for op in ops]


def list_cases() -> Iterator[tuple[State, str, bytes]]:
    rng = random.Random(5)
    for leaves in (1, 2, 3, 40, 500):
        state = State(rng, leaves)
        for store in FILLED:
            for key in [*list(state.contents[store])[:20], *(rng.randbytes(5) for _ in range(20))]:
                yield state, store, key


def test_what_is_there_and_what_is_not() -> None:
    absent = 0
    for state, store, key in list_cases():
        found = light.verify_value(state.multistore.app_hash, store, key, state.prove(store, key))
        assert found == state.contents[store].get(key)
        absent += found is None
    assert absent > 100


def is_accepted(state: State, store: str, key: bytes, ops: Ops) -> bool:
    """Whether a proof is taken for something that is not so."""
    try:
        found = light.verify_value(state.multistore.app_hash, store, key, ops)
    except light.ProofError:
        return False
    return found != state.contents[store].get(key)


def flip(rng: random.Random, data: bytes) -> bytes:
    """Data with a bit, a byte or its end changed."""
    kind = rng.randrange(3)
    at = rng.randrange(len(data))
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + rng.randbytes(rng.randrange(1, 4)) + data[at + rng.randrange(2) :]
    return data[:at]


@pytest.mark.slow
def test_nothing_tampered_with_is_accepted() -> None:
    rng = random.Random(6)
    cases = [(state, store, key, state.prove(store, key)) for state, store, key in list_cases()]
    for number in range(TAMPERED):
        state, store, key, ops = cases[number % len(cases)]
        which = rng.randrange(2)
        kind, shown, data = ops[which]
        changed = [*ops]
        changed[which] = (kind, shown, flip(rng, data))
        assert not is_accepted(state, store, key, changed)


def test_a_proof_is_of_one_key_store_and_state() -> None:
    cases = [(state, store, key, state.prove(store, key)) for state, store, key in list_cases()]
    for (state, store, key, ops), (other, other_store, other_key, _) in pairwise(cases):
        assert not is_accepted(state, store, other_key, ops)
        assert not is_accepted(state, other_store, key, ops)
        if other is not state:
            assert not is_accepted(other, store, key, ops)
        for wrong in (ops[:1], [*ops, ops[1]], [ops[1], ops[0]], []):
            with pytest.raises(light.ProofError):
                light.verify_value(state.multistore.app_hash, store, key, wrong)


def forge(state: State, name: str, key: bytes, proof: CommitmentProof) -> bool:
    """Whether a proof with another first step is accepted."""
    (kind, _, _), store = state.prove(name, key)
    return is_accepted(state, name, key, [(kind, key, proof.SerializeToString()), store])


@pytest.mark.parametrize("name", ["bank", "ibc"])
def test_neighbours_that_are_none_prove_no_absence(name: str) -> None:
    """Every pair of existing leaves, and every single one, claimed to leave no room for a key."""
    state = State(random.Random(8), 12)
    keys = list(state.contents[name])
    exists = {key: CommitmentProof.FromString(state.prove(name, key)[0][2]).exist for key in keys}
    for key in keys:
        for left in [None, *keys]:
            for right in [None, *keys]:
                proof = NonExistenceProof(key=key)
                if left is not None:
                    proof.left.CopyFrom(exists[left])
                if right is not None:
                    proof.right.CopyFrom(exists[right])
                assert not forge(state, name, key, CommitmentProof(nonexist=proof))


@pytest.mark.parametrize("name", ["bank", "ibc"])
def test_a_step_cannot_hide_another_leaf_or_level(name: str) -> None:
    """A value that is an inner node, a prefix that is longer, and steps of another form."""
    state = State(random.Random(9), 12)
    key = next(iter(state.contents[name]))
    good = CommitmentProof.FromString(state.prove(name, key)[0][2]).exist

    def changed(**fields: object) -> ExistenceProof:
        proof = ExistenceProof()
        proof.CopyFrom(good)
        for name, value in fields.items():
            setattr(proof.path[0], name, value)
        return proof

    step = good.path[0]
    for proof in (
        changed(prefix=step.prefix + b"x"),
        changed(prefix=b"", suffix=step.suffix),
        changed(suffix=step.suffix + bytes(32)),
        changed(hash=2),
        ExistenceProof(key=key, value=good.value, leaf=good.leaf, path=[InnerOp()] * 300),
    ):
        assert not forge(state, name, key, CommitmentProof(exist=proof))
    assert not forge(state, name, key, CommitmentProof())


def test_the_form_of_a_proof_follows_from_the_store() -> None:
    """The bytes of a leaf in a sparse tree, or of one level of it, are no leaf of the ordered tree:
    which one a proof has to be of is not for its sender to say.
    """
    state = State(random.Random(10), 12)
    for name, other in (("bank", "ibc"), ("ibc", "bank")):
        key = next(iter(state.contents[name]))
        (kind, shown, data), store = state.prove(name, key)
        (wrong, _, _), _ = state.prove(other, next(iter(state.contents[other])))
        assert wrong != kind
        with pytest.raises(light.ProofError, match="unknown operations"):
            light.verify_value(state.multistore.app_hash, name, key, [(wrong, shown, data), store])


def build_iavl(version: int) -> tuple[bytes, Ops]:
    """A store of two keys as IAVL writes it, at a version of its own."""
    head = b"\x00\x02" + encode_varint(2 * version)
    leaves = [compute_ordered_leaf(key, b"v", head) for key in (b"a", b"b")]
    above = b"\x02\x04" + encode_varint(2 * version) + b"\x20"
    root = sha256(above + leaves[0] + b"\x20" + leaves[1]).digest()
    leaf = LeafOp()
    leaf.CopyFrom(ORDERED_LEAF)
    leaf.prefix = head
    step = InnerOp(hash=HashOp.SHA256, prefix=above, suffix=b"\x20" + leaves[1])
    key_proof = ExistenceProof(key=b"a", value=b"v", leaf=leaf, path=[step])
    store_proof = ExistenceProof(key=b"ibc", value=root, leaf=ENTRY_LEAF)
    shown = ((b"a", key_proof, "ics23:iavl"), (b"ibc", store_proof, "ics23:simple"))
    ops = [
        (kind, key, CommitmentProof(exist=proof).SerializeToString()) for key, proof, kind in shown
    ]
    return compute_entry_hash(b"ibc", root), ops


@pytest.mark.parametrize("version", [1, 63, 64, 1_000_000, 2**61])
def test_the_trees_of_other_chains_have_versions(version: int) -> None:
    app_hash, ops = build_iavl(version)
    assert light.verify_value(app_hash, "ibc", b"a", ops) == b"v"
    with pytest.raises(light.ProofError):
        light.verify_value(app_hash, "ibc", b"b", ops)


BAD_HEADS = (
    *(b"", b"\x02", b"\x02\x04", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x04\x02"),
    # The height of a leaf; one that is negative; a size of one; a number not in its shortest form.
    *(b"\x00\x04\x02", b"\x01\x04\x02", b"\x02\x02\x02", b"\x82\x00\x04\x02"),
)


@pytest.mark.parametrize("head", BAD_HEADS)
def test_a_step_with_a_head_that_no_inner_node_has(head: bytes) -> None:
    """Also where the hashes fit: whoever makes a tree cannot give it two readings."""
    leaf = compute_ordered_leaf(b"a", b"v")
    step = InnerOp(hash=HashOp.SHA256, prefix=head + b"\x20", suffix=b"\x20" + bytes(32))
    with pytest.raises(light.ProofError, match=r"number|form"):
        get_form("ibc").climb(leaf, [step])
