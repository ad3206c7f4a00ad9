"""Whether a state has a value under a key: the two steps of ICS-23 that this chain proves with.

Not a general verifier: it knows exactly the two specifications that `chain.runtime.trees.proofs`
writes, `smtSpec` from the key to the root of its store and `tendermintSpec` from there to the app
hash, and checks the form of each step, so that nothing in a proof is left to who made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    NonExistenceProof,
)

from chain.runtime.encoding import codec
from chain.runtime.trees.hash import (
    EMPTY_HASH,
    INNER_PREFIX,
    compute_leaf_hash,
    compute_path,
)
from chain.runtime.trees.multistore import MAX_STORE_NAME_BYTES, compute_store_hash
from chain.runtime.trees.proofs import KEY_LEAF, KEY_PROOF_TYPE, STORE_LEAF, STORE_PROOF_TYPE

_HASH_BYTES = 32
_STEPS_MAX = 256
_PROOF_BYTES_MAX = 1 << 20


class ProofError(ValueError):
    """A proof that proves nothing of what was asked; the message says why."""


def verify_value(
    app_hash: bytes, store: str, key: bytes, ops: Sequence[tuple[str, bytes, bytes]]
) -> bytes | None:
    """What a store has under a key, in the state with this app hash; None if it has nothing.

    ops: type, key and data of each operation, as a node sends them. Raises ProofError.
    """
    _require(len(app_hash) == _HASH_BYTES, "there is no app hash")
    _require(len(ops) == 2, "two operations are expected")
    (kind, shown_key, content), (store_kind, shown_store, store_content) = ops
    _require((kind, store_kind) == (KEY_PROOF_TYPE, STORE_PROOF_TYPE), "unknown operations")
    _require(bool(key) and shown_key == key, "it is about another key")
    _require(shown_store == store.encode(), "it is about another store")
    proof, store_proof = _decode(content), _decode(store_content)
    _require(store_proof.WhichOneof("proof") == "exist", "the store is not proven")
    root = _verify_store(store_proof.exist, store, app_hash)
    if proof.WhichOneof("proof") == "exist":
        _verify_key(proof.exist, root)
        _require(proof.exist.key == key, "it is about another key")
        return proof.exist.value
    _require(proof.WhichOneof("proof") == "nonexist", "there is no proof in it")
    _verify_absence(proof.nonexist, key, root)
    return None


def _verify_store(proof: ExistenceProof, store: str, app_hash: bytes) -> bytes:
    """The root of the store that an app hash has under a name."""
    name = store.encode()
    _require(proof.leaf == STORE_LEAF, "the leaf of the store has another form")
    _require(0 < len(name) <= MAX_STORE_NAME_BYTES and proof.key == name, "it is another store")
    _require(len(proof.value) == _HASH_BYTES, "the store has no root")
    root = _climb(compute_store_hash(store, proof.value), proof.path)
    _require(root == app_hash, "it leads to another app hash")
    return proof.value


def _verify_key(proof: ExistenceProof, root: bytes) -> None:
    _require(proof.leaf == KEY_LEAF, "the leaf has another form")
    _require(bool(proof.key) and bool(proof.value), "an empty key or value proves nothing")
    leaf = compute_leaf_hash(compute_path(proof.key), proof.value)
    _require(_climb(leaf, proof.path) == root, "it leads to another root")


def _verify_absence(proof: NonExistenceProof, key: bytes, root: bytes) -> None:
    """That two neighbours of the tree, or its one end, leave no place for a key."""
    _require(proof.key == key, "it is about another key")
    left = proof.left if proof.HasField("left") else None
    right = proof.right if proof.HasField("right") else None
    path = compute_path(key)
    if left is not None:
        _verify_key(left, root)
        _require(compute_path(left.key) < path, "the key is not behind its left neighbour")
    if right is not None:
        _verify_key(right, root)
        _require(path < compute_path(right.key), "the key is not before its right neighbour")
    if left is None and right is None:
        raise ProofError("it names no neighbour")
    if left is None:
        assert right is not None
        _require(_is_at_left_end(right.path), "the right neighbour is not the first key")
    elif right is None:
        _require(_is_at_right_end(left.path), "the left neighbour is not the last key")
    else:
        _require(_are_neighbours(left.path, right.path), "there is room between the neighbours")


def _are_neighbours(left: Sequence[InnerOp], right: Sequence[InnerOp]) -> bool:
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
    at_fork = _is_left_child(left_fork) and not _is_left_child(right_fork)
    return at_fork and _is_at_right_end(left_below) and _is_at_left_end(right_below)


def _is_at_left_end(path: Sequence[InnerOp]) -> bool:
    """Whether there is nothing on the left of a path."""
    return all(_is_left_child(step) or step.prefix[1:] == EMPTY_HASH for step in path)


def _is_at_right_end(path: Sequence[InnerOp]) -> bool:
    """Whether there is nothing on the right of a path."""
    return all(not _is_left_child(step) or step.suffix == EMPTY_HASH for step in path)


def _is_left_child(step: InnerOp) -> bool:
    return len(step.prefix) == len(INNER_PREFIX)


def _climb(node: bytes, path: Sequence[InnerOp]) -> bytes:
    """The root that steps lead to; each has one of two forms: a hash on its right, or left."""
    _require(len(path) <= _STEPS_MAX, "there are too many steps")
    for step in path:
        prefix, suffix = step.prefix, step.suffix
        is_left = prefix == INNER_PREFIX and len(suffix) == _HASH_BYTES
        is_right = len(prefix) == 1 + _HASH_BYTES and not suffix
        good = (is_left or is_right) and prefix.startswith(INNER_PREFIX)
        _require(good and step.hash == HashOp.SHA256, "a step has another form")
        node = sha256(prefix + node + suffix).digest()
    return node


def _decode(content: bytes) -> CommitmentProof:
    _require(len(content) <= _PROOF_BYTES_MAX, "it is too large")
    try:
        return codec.decode_leniently(CommitmentProof, content)
    except codec.EncodingError:
        raise ProofError("it is no proof") from None


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ProofError(f"the proof is not good: {problem}")
