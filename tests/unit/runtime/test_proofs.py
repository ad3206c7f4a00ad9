"""What proofs consist of, and when there is none. That they verify is for tests/clients/ics23."""

from hashlib import sha256

import pytest
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ExistenceProof

from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.proofs import ProofOp, UnprovableError, build_proof_ops

CONTENT = {b"key %d" % number: b"value %d" % number for number in range(100)}


@pytest.fixture
def multistore() -> Multistore:
    multistore = Multistore(["auth", "bank", "market"])
    multistore.update({"bank": CONTENT})
    return multistore


def parse(op: ProofOp) -> CommitmentProof:
    return CommitmentProof.FromString(op.data)


def compute_root(leaf: bytes, proof: ExistenceProof) -> bytes:
    node = sha256(leaf).digest()
    for op in proof.path:
        node = sha256(op.prefix + node + op.suffix).digest()
    return node


def test_present_key(multistore: Multistore) -> None:
    key_op, store_op = build_proof_ops(multistore, "bank", b"key 7", CONTENT.get)
    assert (key_op.type, key_op.key) == ("ics23:smt", b"key 7")
    assert (store_op.type, store_op.key) == ("ics23:simple", b"bank")
    proof, store_proof = parse(key_op).exist, parse(store_op).exist
    assert (proof.key, proof.value) == (b"key 7", b"value 7")
    leaf = b"\x00" + sha256(b"key 7").digest() + sha256(b"value 7").digest()
    store_root = compute_root(leaf, proof)
    assert store_root == multistore.get_tree("bank").root
    assert (store_proof.key, store_proof.value) == (b"bank", store_root)
    leaf = b"\x00\x04bank\x20" + sha256(store_root).digest()
    assert compute_root(leaf, store_proof) == multistore.app_hash


def test_absent_key(multistore: Multistore) -> None:
    key_op, store_op = build_proof_ops(multistore, "bank", b"absent", CONTENT.get)
    proof = parse(key_op).nonexist
    order = sorted([*CONTENT, b"absent"], key=lambda key: sha256(key).digest())
    at = order.index(b"absent")
    assert proof.key == b"absent"
    assert [proof.left.key, proof.right.key] == [order[at - 1], order[at + 1]]
    assert proof.right.value == CONTENT[order[at + 1]]
    assert parse(store_op).exist.value == multistore.get_tree("bank").root


def test_absent_key_beside_a_single_leaf() -> None:
    multistore = Multistore(["bank"])
    multistore.update({"bank": {b"only": b"1"}})
    sides = set()
    for number in range(200):
        op, _ = build_proof_ops(multistore, "bank", b"%d" % number, {b"only": b"1"}.get)
        proof = parse(op).nonexist
        assert proof.HasField("left") != proof.HasField("right")
        sides.add(proof.HasField("left"))
    assert sides == {True, False}


def test_empty_store(multistore: Multistore) -> None:
    with pytest.raises(UnprovableError, match="the store is empty"):
        build_proof_ops(multistore, "market", b"key", {}.get)


def test_empty_key(multistore: Multistore) -> None:
    with pytest.raises(UnprovableError, match="an empty key"):
        build_proof_ops(multistore, "bank", b"", CONTENT.get)


def test_empty_value() -> None:
    multistore = Multistore(["bank"])
    content = {b"key": b""}
    multistore.update({"bank": content})
    for key in (b"key", b"absent"):
        with pytest.raises(UnprovableError, match="empty value"):
            build_proof_ops(multistore, "bank", key, content.get)


def test_unknown_store(multistore: Multistore) -> None:
    with pytest.raises(KeyError, match="swap"):
        build_proof_ops(multistore, "swap", b"key", {}.get)


@pytest.mark.parametrize("value", [None, b"other"])
def test_state_that_is_not_the_committed_one(multistore: Multistore, value: bytes | None) -> None:
    for key in (b"key 7", b"absent"):
        with pytest.raises(RuntimeError, match="disagree about key"):
            build_proof_ops(multistore, "bank", key, lambda _: value)
