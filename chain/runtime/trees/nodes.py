"""The nodes of a tree in heap order, and how they follow from the buckets at its bottom.

`nodes` has 32 bytes for each position, the hash of what lies below it; `kinds` has one byte, what
the hash is of. Both are changed in place.
"""

from hashlib import sha256

from chain.runtime.trees.bucket import (
    INNER,
    LEAF,
    Change,
    compute_subtree,
    get_kind,
    split_bucket,
)
from chain.runtime.trees.hash import EMPTY_HASH, INNER_PREFIX


def locate_buckets(buckets: list[bytes], changes: list[Change]) -> list[int]:
    """The heap position of the bucket of each change."""
    size = len(buckets)
    shift = 65 - size.bit_length()
    lowest = [(1 << 64 | int.from_bytes(path[:8], "big")) >> shift for path, _ in changes]
    return [at if at < size else at >> 1 for at in lowest]


def hash_buckets(
    nodes: bytearray, kinds: bytearray, buckets: list[bytes], positions: list[int] | range
) -> None:
    """Compute the nodes of the buckets at these positions, and the kinds of all nodes above."""
    for at in positions:
        bucket = buckets[at]
        kind = get_kind(bucket)
        if kind == LEAF:
            node = bucket[32:64]
        elif kind == INNER:
            node = compute_subtree(split_bucket(bucket), at.bit_length() - 1)
        else:
            node = EMPTY_HASH
        nodes[at << 5 : (at << 5) + 32] = node
        set_kind(kinds, at, kind)


def set_kind(kinds: bytearray, at: int, kind: int) -> None:
    """Note the kind of a bucket and what follows from it for the nodes above."""
    while kinds[at] != kind:
        kinds[at] = kind
        at >>= 1
        if not at:
            return
        kind = min(INNER, kinds[2 * at] + kinds[2 * at + 1])


def hash_nodes(nodes: bytearray, kinds: bytearray, positions: list[int] | range) -> None:
    """Compute nodes above the buckets from their children; each after those below it."""
    # A slice of a memoryview is not copied: this loop takes most of the time of an update.
    with memoryview(nodes) as view:
        for at in positions:
            start, children = at << 5, at << 6
            if kinds[at] == INNER:
                pair = view[children : children + 64]
                view[start : start + 32] = sha256(INNER_PREFIX + pair).digest()
            elif kinds[at] == LEAF:
                children += 0 if kinds[2 * at] else 32
                view[start : start + 32] = view[children : children + 32]
            else:
                view[start : start + 32] = EMPTY_HASH


def list_parents(positions: list[int]) -> list[int]:
    """The parents of ascending positions of one level, each once, ascending."""
    return list(dict.fromkeys([at >> 1 for at in positions]))
