"""The RFC-6962 trees of CometBFT: over headers, validators, transactions and results."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from chain.runtime.trees.hash import INNER_PREFIX, LEAF_PREFIX, compute_inner_hash
from chain.runtime.trees.simple import compute_root

HASH_BYTES = 32
_STEPS_MAX = 64


def compute_merkle_root(items: Sequence[bytes]) -> bytes:
    """The root over items, 32 bytes; of no items the hash of nothing."""
    if not items:
        return sha256().digest()
    return compute_root([sha256(LEAF_PREFIX + item).digest() for item in items])


def verify_tx(data_hash: bytes, tx: bytes, index: int, total: int, aunts: Sequence[bytes]) -> bool:
    """Whether a transaction is number `index` of `total` in the block with this data hash.

    aunts: the hashes beside the path, from the leaf upwards.
    """
    if not 0 <= index < total < 1 << 63 or len(aunts) > _STEPS_MAX:
        return False
    if any(len(aunt) != HASH_BYTES for aunt in aunts):
        return False
    leaf = sha256(LEAF_PREFIX + sha256(tx).digest()).digest()
    return _climb(leaf, index, total, list(aunts)) == data_hash


def _climb(leaf: bytes, index: int, total: int, aunts: list[bytes]) -> bytes | None:
    """The root that a leaf and the hashes beside it lead to; None if their number is wrong."""
    if total == 1:
        return None if aunts else leaf
    if not aunts:
        return None
    aunt = aunts.pop()
    middle = 1 << (total - 1).bit_length() - 1
    if index < middle:
        left = _climb(leaf, index, middle, aunts)
        return None if left is None else compute_inner_hash(left, aunt)
    right = _climb(leaf, index - middle, total - middle, aunts)
    return None if right is None else sha256(INNER_PREFIX + aunt + right).digest()
