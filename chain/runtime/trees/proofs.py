"""Proofs that a key of a module store has a value, or that it has none, under an app hash.

A proof is two operations, as Tendermint clients chain them: the first (`ics23:smt`, ICS-23
`smtSpec`; `ics23:iavl`, `iavlSpec`, in the ordered store) leads from the key to the root of its
store, the second (`ics23:simple`, ICS-23 `tendermintSpec`) from the name and root of the store to
the app hash. The data of each is an ICS-23 CommitmentProof.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    LeafOp,
    LengthOp,
    NonExistenceProof,
)

from chain.runtime.trees.hash import (
    LEAF_PREFIX,
    Step,
    compute_leaf_hash,
    compute_path,
)
from chain.runtime.trees.multistore import prove_store
from chain.runtime.trees.ordered import LEAF_HEAD, ORDERED_STORE, compute_ordered_leaf
from chain.runtime.trees.simple import compute_entry_hash
from chain.runtime.trees.top import AbsencePath, LeafPath

KEY_PROOF_TYPE = "ics23:smt"
ORDERED_PROOF_TYPE = "ics23:iavl"
ENTRY_PROOF_TYPE = "ics23:simple"

KEY_LEAF = LeafOp(
    hash=HashOp.SHA256,
    prehash_key=HashOp.SHA256,
    prehash_value=HashOp.SHA256,
    length=LengthOp.NO_PREFIX,
    prefix=LEAF_PREFIX,
)
ORDERED_LEAF = LeafOp(
    hash=HashOp.SHA256,
    prehash_key=HashOp.NO_HASH,
    prehash_value=HashOp.SHA256,
    length=LengthOp.VAR_PROTO,
    prefix=LEAF_HEAD,
)
ENTRY_LEAF = LeafOp(
    hash=HashOp.SHA256,
    prehash_key=HashOp.NO_HASH,
    prehash_value=HashOp.SHA256,
    length=LengthOp.VAR_PROTO,
    prefix=LEAF_PREFIX,
)


class ProofOp(NamedTuple):
    """One operation of a proof: its type, what it is about, and a serialized CommitmentProof."""

    type: str
    key: bytes
    data: bytes


class _Form(NamedTuple):
    """How the keys of a store are proven: the type, the leaf, and the leaf's hash."""

    type: str
    leaf: LeafOp
    compute_leaf_hash: Callable[[bytes, bytes], bytes]


class UnprovableError(ValueError):
    """What is asked for has no ICS-23 proof; the message says why."""


class Commitment(Protocol):
    """What an app hash stands for, as of one height: a Multistore, or one as it was."""

    @property
    def roots(self) -> Mapping[str, bytes]:
        """The root of each store, in the order of their names."""

    def prove(self, name: str, key: bytes) -> LeafPath | AbsencePath:
        """The path of a key, or of its neighbours, in a store."""


def build_proof_ops(
    commitment: Commitment, store_name: str, key: bytes, get_value: Callable[[bytes], bytes | None]
) -> list[ProofOp]:
    """The proof of what a store has under a key, or that it has nothing, up to the app hash.

    `get_value` reads that store in the state that is committed to. Raises KeyError for
    an unknown store, UnprovableError for an absent key of an empty store and where the proof would
    need an empty key or value, and RuntimeError when the values read are not those committed to.
    """
    if not key:
        raise UnprovableError("an empty key has no proof: no store has one")
    roots, form = commitment.roots, _ORDERED if store_name == ORDERED_STORE else _SPARSE
    path = commitment.prove(store_name, key)
    if isinstance(path, AbsencePath):
        key_proof = CommitmentProof(nonexist=_build_absence_proof(key, path, form, get_value))
    else:
        key_proof = CommitmentProof(exist=_build_key_proof(path, form, get_value))
    store = prove_store(roots, store_name)
    store_proof = CommitmentProof(
        exist=_build_existence_proof(store, roots[store_name], ENTRY_LEAF)
    )
    return [
        ProofOp(form.type, key, key_proof.SerializeToString()),
        ProofOp(ENTRY_PROOF_TYPE, store.key, store_proof.SerializeToString()),
    ]


def build_entry_proof(key: bytes, value: bytes, steps: Iterable[Step]) -> ProofOp:
    """The proof of an entry of a simple map, with the steps from its leaf up to the map's root."""
    path = LeafPath(key, compute_entry_hash(key, value), tuple(steps))
    proof = CommitmentProof(exist=_build_existence_proof(path, value, ENTRY_LEAF))
    return ProofOp(ENTRY_PROOF_TYPE, key, proof.SerializeToString())


def _build_absence_proof(
    key: bytes, path: AbsencePath, form: _Form, get_value: Callable[[bytes], bytes | None]
) -> NonExistenceProof:
    if path.left is None and path.right is None:
        raise UnprovableError("the store is empty: a key without neighbours has no ICS-23 proof")
    return NonExistenceProof(
        key=key,
        left=_build_key_proof(path.left, form, get_value) if path.left else None,
        right=_build_key_proof(path.right, form, get_value) if path.right else None,
    )


def _build_key_proof(
    path: LeafPath, form: _Form, get_value: Callable[[bytes], bytes | None]
) -> ExistenceProof:
    value = get_value(path.key)
    if value is None or form.compute_leaf_hash(path.key, value) != path.leaf_hash:
        raise RuntimeError(f"the state and its multistore disagree about key {path.key.hex()}")
    if not value:
        raise UnprovableError(f"key {path.key.hex()} has an empty value, which ICS-23 cannot prove")
    return _build_existence_proof(path, value, form.leaf)


def _build_existence_proof(path: LeafPath, value: bytes, leaf: LeafOp) -> ExistenceProof:
    return ExistenceProof(
        key=path.key, value=value, leaf=leaf, path=[_build_inner_op(step) for step in path.steps]
    )


def _build_inner_op(step: Step) -> InnerOp:
    return InnerOp(hash=HashOp.SHA256, prefix=step.prefix, suffix=step.suffix)


def _compute_sparse_leaf(key: bytes, value: bytes) -> bytes:
    return compute_leaf_hash(compute_path(key), value)


_SPARSE = _Form(KEY_PROOF_TYPE, KEY_LEAF, _compute_sparse_leaf)
_ORDERED = _Form(ORDERED_PROOF_TYPE, ORDERED_LEAF, compute_ordered_leaf)
