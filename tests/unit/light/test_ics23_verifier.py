"""Proofs as a light client sees them: ours are good, and nothing else ever is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

import pytest
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ExistenceProof, InnerOp, NonExistenceProof

from chain import light
from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.proofs import build_proof_ops

STORES = ["auth", "bank", "market"]
TAMPERED = 100_000
Ops = list[tuple[str, bytes, bytes]]


class State:
    """Stores with content, one of them empty."""

    def __init__(self, rng: random.Random, leaves: int) -> None:
        self.multistore = Multistore(STORES)
        self.contents = {
            name: {rng.randbytes(rng.randrange(1, 20)): rng.randbytes(8) for _ in range(leaves)}
            for name in STORES[:2]
        }
        self.multistore.update(self.contents)

    def prove(self, store: str, key: bytes) -> Ops:
        ops = build_proof_ops(self.multistore, store, key, self.contents[store].get)
        return [(op.type, op.key, op.data) for op in ops]


def list_cases() -> Iterator[tuple[State, str, bytes]]:
    rng = random.Random(5)
    for leaves in (1, 2, 3, 40, 500):
        state = State(rng, leaves)
        for store in STORES[:2]:
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


def forge(state: State, key: bytes, proof: CommitmentProof) -> bool:
    """Whether a proof with another first step is accepted."""
    kind, _, _ = state.prove("bank", key)[0]
    store = state.prove("bank", key)[1]
    return is_accepted(state, "bank", key, [(kind, key, proof.SerializeToString()), store])


def test_neighbours_that_are_none_prove_no_absence() -> None:
    """Every pair of existing leaves, and every single one, claimed to leave no room for a key."""
    state = State(random.Random(8), 12)
    keys = sorted(state.contents["bank"], key=lambda key: sha256(key).digest())
    exists = {key: CommitmentProof.FromString(state.prove("bank", key)[0][2]).exist for key in keys}
    for key in keys:
        for left in [None, *keys]:
            for right in [None, *keys]:
                proof = NonExistenceProof(key=key)
                if left is not None:
                    proof.left.CopyFrom(exists[left])
                if right is not None:
                    proof.right.CopyFrom(exists[right])
                assert not forge(state, key, CommitmentProof(nonexist=proof))


def test_a_step_cannot_hide_another_leaf_or_level() -> None:
    """A value that is an inner node, a prefix that is longer, and steps of another form."""
    state = State(random.Random(9), 12)
    key = next(iter(state.contents["bank"]))
    good = CommitmentProof.FromString(state.prove("bank", key)[0][2]).exist

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
        assert not forge(state, key, CommitmentProof(exist=proof))
    assert not forge(state, key, CommitmentProof())
