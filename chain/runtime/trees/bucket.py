"""Buckets: the few leaves at the bottom of a tree, kept as bytes and hashed when needed.

A record is path (32) || leaf hash (32) || length of the key (2) || key. A bucket is the records of
its leaves in the order of their paths, one after another: no object per leaf, so that a million
leaves fit in memory.
"""

from bisect import insort
from hashlib import sha256

from chain.runtime.trees.hash import (
    EMPTY_HASH,
    INNER_PREFIX,
    Step,
    compute_leaf_hash,
    compute_path,
    make_step,
)

MAX_KEY_BYTES = 0xFFFF
HEAD_BYTES = 66

# What a node is the hash of: nothing, one leaf (then it is the leaf's hash), or two subtrees.
EMPTY, LEAF, INNER = range(3)

# A path, and the record to set there or None to remove it.
Change = tuple[bytes, bytes | None]


def build_change(key: bytes, value: bytes | None) -> Change:
    """The change that sets a key to a value, or deletes it where the value is None.

    Raises ValueError for a key of no bytes or of more than MAX_KEY_BYTES.
    """
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"a key has 1 to {MAX_KEY_BYTES} bytes, not {len(key)}")
    path = compute_path(key)
    if value is None:
        return path, None
    return path, path + compute_leaf_hash(path, value) + len(key).to_bytes(2, "big") + key


def get_kind(bucket: bytes) -> int:
    """The kind of the node whose leaves are those of the bucket."""
    if not bucket:
        return EMPTY
    return LEAF if len(bucket) == HEAD_BYTES + (bucket[64] << 8 | bucket[65]) else INNER


def split_bucket(bucket: bytes) -> list[bytes]:
    """The records of a bucket, in the order of their paths."""
    records, start, size = [], 0, len(bucket)
    while start < size:
        end = start + HEAD_BYTES + (bucket[start + 64] << 8 | bucket[start + 65])
        records.append(bucket[start:end])
        start = end
    return records


def exchange_record(bucket: bytes, path: bytes, record: bytes | None) -> tuple[bytes, bytes | None]:
    """The bucket with the record of a path set or removed, and the record it had before."""
    old = None
    records = split_bucket(bucket)
    for index, other in enumerate(records):
        if other.startswith(path):
            old = records.pop(index)
            break
    if record is not None:
        insort(records, record)
    return b"".join(records), old


def divide_bucket(bucket: bytes, depth: int) -> tuple[bytes, bytes]:
    """The two halves of a bucket by the bit of the paths at a depth."""
    if not bucket:
        return b"", b""
    records = split_bucket(bucket)
    middle = _find_fork(records, depth)
    return b"".join(records[:middle]), b"".join(records[middle:])


def _find_fork(records: list[bytes], depth: int) -> int:
    """How many of the records, equal in all earlier bits, have a zero bit at a depth."""
    byte, mask = depth >> 3, 0x80 >> (depth & 7)
    for index, record in enumerate(records):
        if record[byte] & mask:
            return index
    return len(records)


def compute_subtree(records: list[bytes], depth: int) -> bytes:
    """The hash of the subtree at a depth that holds one record or more, sorted."""
    if len(records) == 1:
        return records[0][32:64]
    first = int.from_bytes(records[0][:32], "big")
    fork = 256 - (first ^ int.from_bytes(records[-1][:32], "big")).bit_length()
    # Most buckets have two leaves or three, and most changes come by here: hashed on the spot they
    # take less time.
    if len(records) == 2:
        node = sha256(INNER_PREFIX + records[0][32:64] + records[1][32:64]).digest()
    else:
        middle = _find_fork(records, fork)
        left = compute_subtree(records[:middle], fork + 1)
        right = compute_subtree(records[middle:], fork + 1)
        node = sha256(INNER_PREFIX + left + right).digest()
    for level in range(fork - 1, depth - 1, -1):
        pair = EMPTY_HASH + node if first >> 255 - level & 1 else node + EMPTY_HASH
        node = sha256(INNER_PREFIX + pair).digest()
    return node


def compute_steps(records: list[bytes], depth: int, path: bytes) -> list[Step]:
    """The steps from the leaf of a path up to the subtree at a depth that holds the records."""
    if len(records) == 1:
        return []
    middle = _find_fork(records, depth)
    halves = records[:middle], records[middle:]
    side = path[depth >> 3] >> 7 - (depth & 7) & 1
    sibling = compute_subtree(halves[1 - side], depth + 1) if halves[1 - side] else EMPTY_HASH
    return [*compute_steps(halves[side], depth + 1, path), make_step(side == 1, sibling)]
