"""The forms that the leaf and the steps of a proof may have, by the tree that they are of.

A step is a hash on the right of a node, or on its left. Everything else in it is checked, and no
bytes can be read in two ways, so that a root stands for one tree only.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from cosmos.ics23.v1.proofs_pb2 import ExistenceProof, HashOp, InnerOp

from chain.runtime.trees.hash import (
    EMPTY_HASH,
    INNER_PREFIX,
    compute_leaf_hash,
    compute_path,
)
from chain.runtime.trees.ordered import HASH_LENGTH, ORDERED_STORE, compute_ordered_leaf
from chain.runtime.trees.proofs import (
    KEY_LEAF,
    KEY_PROOF_TYPE,
    ORDERED_LEAF,
    ORDERED_PROOF_TYPE,
)

HASH_BYTES = 32
_SPARSE_STEPS_MAX = 256
_ORDERED_STEPS_MAX = 128
_VARINT_BYTES_MAX = 9


class ProofError(ValueError):
    """A proof that proves nothing of what was asked; the message says why."""


def require(holds: bool, problem: str) -> None:
    """Raises ProofError where something does not hold."""
    if not holds:
        raise ProofError(f"the proof is not good: {problem}")


class TreeForm(Protocol):
    """What the proofs of one type of tree look like. Errors of all: ProofError."""

    @property
    def type(self) -> str:
        """The type of the operation."""

    def sort_key(self, key: bytes) -> bytes:
        """What the leaves are in the order of."""

    def hash_leaf(self, proof: ExistenceProof) -> bytes:
        """The hash of the leaf that a proof begins with."""

    def climb(self, node: bytes, path: Sequence[InnerOp]) -> bytes:
        """The root that steps lead to."""

    def is_left(self, step: InnerOp) -> bool:
        """Whether a step that was climbed has the other hash on its right."""

    def is_alone(self, step: InnerOp) -> bool:
        """Whether there is nothing beside a node at a step that was climbed."""


class _SparseForm:
    """The specification `smtSpec`; `tendermintSpec` has the same steps."""

    type = KEY_PROOF_TYPE

    def sort_key(self, key: bytes) -> bytes:
        return compute_path(key)

    def hash_leaf(self, proof: ExistenceProof) -> bytes:
        require(proof.leaf == KEY_LEAF, "the leaf has another form")
        return compute_leaf_hash(compute_path(proof.key), proof.value)

    def climb(self, node: bytes, path: Sequence[InnerOp]) -> bytes:
        require(len(path) <= _SPARSE_STEPS_MAX, "there are too many steps")
        for step in path:
            prefix, suffix = step.prefix, step.suffix
            is_left = prefix == INNER_PREFIX and len(suffix) == HASH_BYTES
            is_right = len(prefix) == 1 + HASH_BYTES and not suffix
            good = (is_left or is_right) and prefix.startswith(INNER_PREFIX)
            require(good and step.hash == HashOp.SHA256, "a step has another form")
            node = sha256(prefix + node + suffix).digest()
        return node

    def is_left(self, step: InnerOp) -> bool:
        return len(step.prefix) == len(INNER_PREFIX)

    def is_alone(self, step: InnerOp) -> bool:
        beside = step.suffix if self.is_left(step) else step.prefix[len(INNER_PREFIX) :]
        return beside == EMPTY_HASH


class _OrderedForm:
    """The specification `iavlSpec`: of our ordered store, and of IAVL itself, where versions vary.

    A head is height, size and version; that of a leaf has the height 0.
    """

    type = ORDERED_PROOF_TYPE

    def sort_key(self, key: bytes) -> bytes:
        return key

    def hash_leaf(self, proof: ExistenceProof) -> bytes:
        head, leaf = proof.leaf.prefix, proof.leaf
        height, size, end = _read_head(head)
        good = (height, size, end) == (0, 1, len(head))
        for name in ("hash", "prehash_key", "prehash_value", "length"):
            good = good and getattr(leaf, name) == getattr(ORDERED_LEAF, name)
        require(good, "the leaf has another form")
        return compute_ordered_leaf(proof.key, proof.value, head)

    def climb(self, node: bytes, path: Sequence[InnerOp]) -> bytes:
        require(len(path) <= _ORDERED_STEPS_MAX, "there are too many steps")
        below = 0
        for step in path:
            height, size, end = _read_head(step.prefix)
            # A head with a height of 0 would be that of a leaf.
            good = height > below and size > 1 and step.hash == HashOp.SHA256
            require(good and _has_siblings(step, end), "a step has another form")
            node = sha256(step.prefix + node + step.suffix).digest()
            below = height
        return node

    def is_left(self, step: InnerOp) -> bool:
        return bool(step.suffix)

    def is_alone(self, step: InnerOp) -> bool:
        # Every inner node has two children.
        return False


def _has_siblings(step: InnerOp, end: int) -> bool:
    """Whether there is one hash beside the node, on its left or right, behind a head."""
    between, suffix = step.prefix[end:], step.suffix
    if suffix:
        is_hash = len(suffix) == 1 + HASH_BYTES and suffix.startswith(HASH_LENGTH)
        return between == HASH_LENGTH and is_hash
    is_hash = between.startswith(HASH_LENGTH) and between.endswith(HASH_LENGTH)
    return is_hash and len(between) == 2 + HASH_BYTES


def _read_head(data: bytes) -> tuple[int, int, int]:
    """Height and size at the beginning of a node, and where they and the version have ended."""
    numbers, at = [], 0
    for _ in range(3):
        start, number = at, 0
        while True:
            good = at < len(data) and at - start < _VARINT_BYTES_MAX
            require(good, "a node does not begin with three numbers")
            number |= (data[at] & 0x7F) << 7 * (at - start)
            at += 1
            if data[at - 1] < 0x80:
                break
        # In the shortest form, and as zig-zag not negative.
        shortest = at - start == 1 or data[at - 1] != 0
        require(shortest and number % 2 == 0, "a node begins with a number that it cannot have")
        numbers.append(number // 2)
    return numbers[0], numbers[1], at


SIMPLE: TreeForm = _SparseForm()
_ORDERED: TreeForm = _OrderedForm()


def get_form(store: str) -> TreeForm:
    """What the proofs of a store look like."""
    return _ORDERED if store == ORDERED_STORE else SIMPLE
