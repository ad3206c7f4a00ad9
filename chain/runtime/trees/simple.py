"""RFC-6962 trees, and maps as such trees: the `ics23:simple` of CometBFT and the Cosmos SDK.

The leaf of an entry is sha256(0x00 || 1-byte length || key || 0x20 || sha256(value)), which is the
ICS-23 `tendermintSpec`; leaves are in the order of the keys, an inner node is
sha256(0x01 || left || right), and the left part of n leaves is the largest power of two below n.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from chain.runtime.trees.hash import LEAF_PREFIX, Step, compute_inner_hash, make_step

# Up to here the length of a key is one byte in the leaf.
MAX_ENTRY_KEY_BYTES = 127


def compute_entry_hash(key: bytes, value: bytes) -> bytes:
    """The leaf hash of an entry whose key has 1 to MAX_ENTRY_KEY_BYTES bytes."""
    value_hash = sha256(value).digest()
    return sha256(LEAF_PREFIX + _add_length(key) + _add_length(value_hash)).digest()


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """The root over one leaf hash or more."""
    if len(leaves) == 1:
        return leaves[0]
    middle = _find_middle(len(leaves))
    return compute_inner_hash(compute_root(leaves[:middle]), compute_root(leaves[middle:]))


def compute_steps(leaves: Sequence[bytes], index: int) -> list[Step]:
    """The steps from the leaf at an index up to the root of the leaves."""
    if len(leaves) == 1:
        return []
    middle = _find_middle(len(leaves))
    left, right = leaves[:middle], leaves[middle:]
    if index < middle:
        return [*compute_steps(left, index), make_step(False, compute_root(right))]
    return [*compute_steps(right, index - middle), make_step(True, compute_root(left))]


def compute_group_roots(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """The roots of the subtrees over each `size` leaves, a power of two; the last may have fewer.

    As leaves of a tree they give the root of the whole tree, and the steps of a leaf are those in
    its group and then those of its group.
    """
    starts = range(0, len(leaves), size)
    return [compute_root(leaves[start : start + size]) for start in starts]


def append_leaves(peaks: Sequence[bytes], count: int, leaves: Iterable[bytes]) -> list[bytes]:
    """The peaks of a tree that had `count` leaves, after more of them.

    Peaks are the roots of the full subtrees that a tree falls into, one for each bit of its
    number of leaves, the largest first. They are all that is needed to go on.
    """
    grown = list(peaks)
    for leaf in leaves:
        node, size = leaf, count
        while size & 1:
            node, size = compute_inner_hash(grown.pop(), node), size >> 1
        grown.append(node)
        count += 1
    return grown


def join_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root of a tree of one leaf or more, by its peaks."""
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = compute_inner_hash(peak, node)
    return node


def _find_middle(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << (count - 1).bit_length() - 1


def _add_length(data: bytes) -> bytes:
    return bytes((len(data),)) + data
