"""Whether a state has a value under a key: the two steps of ICS-23 that this chain proves with.

Not a general verifier: it knows exactly the specifications that `chain.runtime.trees.proofs`
writes, `smtSpec` or, in the store `ibc`, `iavlSpec` from the key to the root of its store, and
`tendermintSpec` from there to the app hash. It checks the form of each step, so that nothing in a
proof is left to who made it, and which form is expected follows from the name of the store.
"""

from __future__ import annotations

from collections.abc import Sequence

from cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    InnerOp,
    NonExistenceProof,
)

from chain.light.forms import HASH_BYTES, SIMPLE, ProofError, TreeForm, get_form, require
from chain.runtime.encoding import codec
from chain.runtime.trees.proofs import ENTRY_LEAF, ENTRY_PROOF_TYPE
from chain.runtime.trees.simple import MAX_ENTRY_KEY_BYTES, compute_entry_hash

_PROOF_BYTES_MAX = 1 << 20


def verify_value(
    app_hash: bytes, store: str, key: bytes, ops: Sequence[tuple[str, bytes, bytes]]
) -> bytes | None:
    """What a store has under a key, in the state with this app hash; None if it has nothing.

    ops: type, key and data of each operation, as a node sends them. Raises ProofError.
    """
    require(len(ops) == 2, "two operations are expected")
    (kind, shown_key, content), (store_kind, shown_store, store_content) = ops
    form = get_form(store)
    require((kind, store_kind) == (form.type, ENTRY_PROOF_TYPE), "unknown operations")
    require(bool(key) and shown_key == key, "it is about another key")
    require(shown_store == store.encode(), "it is about another store")
    return verify_proof(app_hash, store, key, _decode(content), _decode(store_content))


def verify_proof(
    app_hash: bytes, store: str, key: bytes, proof: CommitmentProof, store_proof: CommitmentProof
) -> bytes | None:
    """As `verify_value`, of the two proofs alone, as IBC carries them."""
    require(len(app_hash) == HASH_BYTES, "there is no app hash")
    form = get_form(store)
    require(store_proof.WhichOneof("proof") == "exist", "the store is not proven")
    root = _verify_store(store_proof.exist, store, app_hash)
    if proof.WhichOneof("proof") == "exist":
        _verify_key(proof.exist, form, root)
        require(proof.exist.key == key, "it is about another key")
        return proof.exist.value
    require(proof.WhichOneof("proof") == "nonexist", "there is no proof in it")
    _verify_absence(proof.nonexist, form, key, root)
    return None


def verify_entry(root: bytes, key: bytes, op: tuple[str, bytes, bytes]) -> bytes:
    """What a simple map with this root has under a key, by the operation that proves it.

    Raises ProofError.
    """
    kind, shown_key, content = op
    require(kind == ENTRY_PROOF_TYPE, "unknown operations")
    require(shown_key == key, "it is about another key")
    proof = _decode(content)
    require(proof.WhichOneof("proof") == "exist", "the entry is not proven")
    return _verify_entry(proof.exist, key, root)


def _verify_store(proof: ExistenceProof, store: str, app_hash: bytes) -> bytes:
    """The root of the store that an app hash has under a name."""
    root = _verify_entry(proof, store.encode(), app_hash)
    require(len(root) == HASH_BYTES, "the store has no root")
    return root


def _verify_entry(proof: ExistenceProof, key: bytes, root: bytes) -> bytes:
    require(proof.leaf == ENTRY_LEAF, "the leaf of the entry has another form")
    require(0 < len(key) <= MAX_ENTRY_KEY_BYTES and proof.key == key, "it is about another key")
    require(bool(proof.value), "an empty value proves nothing")
    leaf = compute_entry_hash(key, proof.value)
    require(SIMPLE.climb(leaf, proof.path) == root, "it leads to another root")
    return proof.value


def _verify_key(proof: ExistenceProof, form: TreeForm, root: bytes) -> None:
    require(bool(proof.key) and bool(proof.value), "an empty key or value proves nothing")
    require(form.climb(form.hash_leaf(proof), proof.path) == root, "it leads to another root")


def _verify_absence(proof: NonExistenceProof, form: TreeForm, key: bytes, root: bytes) -> None:
    """That two neighbours of the tree, or its one end, leave no place for a key."""
    require(proof.key == key, "it is about another key")
    left = proof.left if proof.HasField("left") else None
    right = proof.right if proof.HasField("right") else None
    path = form.sort_key(key)
    if left is not None:
        _verify_key(left, form, root)
        require(form.sort_key(left.key) < path, "the key is not behind its left neighbour")
    if right is not None:
        _verify_key(right, form, root)
        require(path < form.sort_key(right.key), "the key is not before its right neighbour")
    if left is None and right is None:
        raise ProofError("it names no neighbour")
    if left is None:
        assert right is not None
        require(_is_at_left_end(right.path, form), "the right neighbour is not the first key")
    elif right is None:
        require(_is_at_right_end(left.path, form), "the left neighbour is not the last key")
    else:
        good = _are_neighbours(left.path, right.path, form)
        require(good, "there is room between the neighbours")


def _are_neighbours(left: Sequence[InnerOp], right: Sequence[InnerOp], form: TreeForm) -> bool:
    """Whether no leaf lies between two: above some node their paths are the same, there one comes
    from its left side and the other from its right side, and below they keep to that edge.
    """
    shared = 0
    for one, other in zip(reversed(left), reversed(right), strict=False):
        if one != other:
            break
        shared += 1
    if shared >= min(len(left), len(right)):
        return False
    *left_below, left_fork = left[: len(left) - shared]
    *right_below, right_fork = right[: len(right) - shared]
    at_fork = form.is_left(left_fork) and not form.is_left(right_fork)
    return at_fork and _is_at_right_end(left_below, form) and _is_at_left_end(right_below, form)


def _is_at_left_end(path: Sequence[InnerOp], form: TreeForm) -> bool:
    """Whether there is nothing on the left of a path."""
    return all(form.is_left(step) or form.is_alone(step) for step in path)


def _is_at_right_end(path: Sequence[InnerOp], form: TreeForm) -> bool:
    """Whether there is nothing on the right of a path."""
    return all(not form.is_left(step) or form.is_alone(step) for step in path)


def _decode(content: bytes) -> CommitmentProof:
    require(len(content) <= _PROOF_BYTES_MAX, "it is too large")
    try:
        return codec.decode_leniently(CommitmentProof, content)
    except codec.EncodingError:
        raise ProofError("it is no proof") from None
