"""The hashes of the ICS-23 `smtSpec`: proofs verify with the public ICS-23 libraries.

- the path of a key is sha256(key), its bits read from the most significant one;
- a leaf is sha256(0x00 || path || sha256(value));
- an inner node is sha256(0x01 || left || right);
- a subtree with nothing in it is 32 zero bytes, and a subtree with one leaf in it is that leaf.
"""

from hashlib import sha256
from typing import NamedTuple

LEAF_PREFIX = b"\x00"
INNER_PREFIX = b"\x01"
HASH_BYTES = 32
EMPTY_HASH = bytes(HASH_BYTES)


class Step(NamedTuple):
    """One level of a path from a leaf to the root: what is hashed before and after the node."""

    prefix: bytes
    suffix: bytes


def make_step(sibling_is_left: bool, sibling: bytes) -> Step:
    """The step past the hash beside a node."""
    return Step(INNER_PREFIX + sibling, b"") if sibling_is_left else Step(INNER_PREFIX, sibling)


def compute_path(key: bytes) -> bytes:
    """The place of a key in the tree: its bits from the most significant one lead to the leaf."""
    return sha256(key).digest()


def compute_leaf_hash(path: bytes, value: bytes) -> bytes:
    """The hash of a leaf with a path and a value."""
    return sha256(LEAF_PREFIX + path + sha256(value).digest()).digest()


def compute_inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two children."""
    return sha256(INNER_PREFIX + left + right).digest()
