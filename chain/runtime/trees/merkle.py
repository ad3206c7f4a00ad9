"""The root of a SparseMerkleTree depends on its content alone: never on the order, the batches or
the history in which the content came.

The hashes are those of chain.runtime.trees.hash.

How it is kept in memory: a complete binary tree in heap order (node n has the children 2n and
2n + 1, node 1 is the root) whose bottom nodes are buckets of about two leaves each. The deeper part
of a crowded bucket is computed when it is needed. As the leaves become more, buckets are split one
at a time from left to right, so no single update pays for a doubling. Where the buckets end is
bookkeeping and does not show in the root.

Keys whose paths agree in many bits share a bucket, and a change there costs time in proportion to
its leaves. To make m keys share one bucket of a tree of n leaves takes about m * n trial hashes.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from chain.runtime.native import (
    build_change,
    hash_buckets,
    hash_nodes,
    list_parents,
    locate_buckets,
)
from chain.runtime.trees.bucket import (
    Change,
    divide_bucket,
    exchange_record,
    get_kind,
    split_bucket,
)
from chain.runtime.trees.nodes import set_kind
from chain.runtime.trees.top import (
    ROW,
    AbsencePath,
    LeafPath,
    Top,
    encode_row,
    find_path,
    locate_in_row,
    make_node,
)

# More leaves in a bucket save memory and cost time: with one, a leaf takes a third more memory and
# a change a tenth less time; with four, a seventh less and a seventh more.
_LEAVES_PER_BUCKET = 2
_LOAD_CHUNK = 10_000


class SparseMerkleTree:
    """A sparse Merkle tree of key-value pairs that keeps keys and hashes but no values.

    One thread at a time may use it. It does not give memory back when leaves are deleted.
    """

    _replaced: list[Change] | None

    def __init__(self) -> None:
        self._clear()

    def __len__(self) -> int:
        return self._count

    @property
    def root(self) -> bytes:
        """The root hash, 32 bytes; all zero when the tree is empty."""
        return bytes(self._nodes[32:64])

    def update(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Set each key to its new value, or delete it where the value is None; return the root.

        Deleting an absent key changes nothing. Raises the ValueError of prepare_changes, before
        anything has changed.
        """
        return self.apply(self.prepare(changes))

    def prepare(self, changes: Mapping[bytes, bytes | None]) -> list[Change]:
        """The changes with their leaf hashes, not made yet; as `prepare_changes`."""
        return prepare_changes(changes)

    def apply(self, changes: list[Change]) -> bytes:
        """Make changes that prepare_changes has prepared; return the root."""
        self._replaced = self._exchange_records(changes)
        return self.root

    def undo(self) -> None:
        """Take back the last update exactly; RuntimeError when there is none to take back."""
        if self._replaced is None:
            raise RuntimeError("there is no update to undo")
        self._exchange_records(self._replaced)
        self._replaced = None

    def load(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Fill an empty tree with distinct keys, which is faster than update; it has no undo.

        Raises RuntimeError when the tree is not empty, and ValueError, with the tree left empty,
        for a key that is repeated or that update would reject.
        """
        if self._count:
            raise RuntimeError("only an empty tree can be loaded")
        self._clear()
        try:
            self._fill(build_change(key, value) for key, value in items)
        except BaseException:
            self._clear()
            raise
        bucket_count = len(self._buckets) >> 1
        hash_buckets(self._nodes, self._kinds, self._buckets, range(bucket_count, 2 * bucket_count))
        hash_nodes(self._nodes, self._kinds, range(bucket_count - 1, 0, -1))

    def prove(self, key: bytes) -> LeafPath | AbsencePath:
        """The path of a key that is there, or of both neighbours of one that is not."""
        return find_path(self.copy_top(), self.get_records, key)

    def copy_top(self) -> Top:
        """The top as it is now, which later updates leave alone."""
        if len(self._buckets) >= 2 * ROW:
            return Top(self._nodes[: 64 * ROW], self._kinds[: 2 * ROW])
        # A small tree ends above the row.
        below: dict[int, list[bytes]] = {}
        for bucket in self._buckets:
            for record in split_bucket(bucket):
                below.setdefault(locate_in_row(record), []).append(record)
        return Top.make({at: make_node(sorted(records)) for at, records in below.items()})

    def get_records(self, at: int) -> list[bytes]:
        """The leaves below the node of the row at a heap position, in the order of their paths."""
        buckets, end = self._buckets, len(self._buckets)
        if at >= end:
            node = at
            while at >= end:
                at >>= 1
            return [each for each in split_bucket(buckets[at]) if locate_in_row(each) == node]
        levels = []
        first, last = at, at + 1
        while first < end:
            levels.append(b"".join(buckets[first:last]))
            first, last = 2 * first, 2 * last
        # What is deeper is further left: buckets are split from left to right.
        return split_bucket(b"".join(reversed(levels)))

    def encode_row(self, changes: list[Change]) -> bytes:
        """The nodes of the row above the leaves of changes, as they are now."""
        positions = sorted({locate_in_row(path) for path, _ in changes})
        if len(self._buckets) >= 2 * ROW:
            nodes, kinds = self._nodes, self._kinds
            return encode_row(
                positions,
                [bytes(nodes[at << 5 : (at << 5) + 32]) for at in positions],
                [kinds[at] for at in positions],
            )
        row = [make_node(self.get_records(at)) for at in positions]
        return encode_row(positions, [node for node, _ in row], [kind for _, kind in row])

    def _clear(self) -> None:
        """Start with one empty bucket at position 1; position 0 of each list stays unused."""
        self._nodes = bytearray(64)
        self._kinds = bytearray(2)
        self._buckets = [b"", b""]
        self._count = 0
        self._replaced = None

    def _fill(self, changes: Iterator[Change]) -> None:
        while chunk := list(islice(changes, _LOAD_CHUNK)):
            replaced, _ = self._place(chunk)
            if any(record is not None for _, record in replaced):
                raise ValueError("a key is loaded twice")

    def _exchange_records(self, changes: list[Change]) -> list[Change]:
        """Make the changes and rehash; return what takes them back when it is made."""
        replaced, dirty = self._place(changes)
        self._rehash(sorted(dirty))
        return replaced

    def _place(self, changes: list[Change]) -> tuple[list[Change], set[int]]:
        """Make the changes; return what takes them back, and the buckets to hash again."""
        replaced: list[Change] = []
        dirty: set[int] = set()
        while len(replaced) < len(changes):
            # Splitting in between keeps the buckets small however many leaves come at once.
            start, most = len(replaced), max(64, len(self._buckets))
            replaced += self._place_chunk(changes[start : start + most], dirty)
            self._split_buckets(dirty)
        return replaced, dirty

    def _place_chunk(self, changes: list[Change], dirty: set[int]) -> list[Change]:
        """Make the changes in the buckets as they are; add the changed buckets to `dirty`."""
        buckets = self._buckets
        positions = locate_buckets(buckets, changes)
        replaced: list[Change] = []
        for at, (path, record) in zip(positions, changes, strict=True):
            bucket, old = buckets[at], None
            if not bucket:
                buckets[at] = record or b""
            elif record and len(record) == len(bucket) and bucket.startswith(path):
                buckets[at], old = record, bucket
            else:
                buckets[at], old = exchange_record(bucket, path, record)
            self._count += (record is not None) - (old is not None)
            replaced.append((path, old))
            dirty.add(at)
        return replaced

    def _split_buckets(self, dirty: set[int]) -> None:
        """Split buckets, from left to right, until there are enough for the leaves."""
        buckets = self._buckets
        missing = self._count // _LEAVES_PER_BUCKET - (len(buckets) >> 1)
        if missing <= 0:
            return
        self._nodes += bytes(64 * missing)
        for _ in range(missing):
            at = len(buckets) >> 1
            bucket = buckets[at]
            halves = divide_bucket(bucket, at.bit_length() - 1)
            # The halves come with their kinds, so the kind they add up to must be right as well.
            set_kind(self._kinds, at, get_kind(bucket))
            self._kinds += bytes(map(get_kind, halves))
            buckets[at] = b""
            buckets += halves
            dirty.discard(at)
            dirty.update((2 * at, 2 * at + 1))

    def _rehash(self, dirty: list[int]) -> None:
        """Hash the given buckets, in ascending order, and every node above them once."""
        hash_buckets(self._nodes, self._kinds, self._buckets, dirty)
        deepest = max(2, 1 << (len(self._kinds) - 1).bit_length() - 1)
        level = self._hash_above([at for at in dirty if at >= deepest])
        level += [at for at in dirty if at < deepest]
        while level and level[0] > 1:
            level = self._hash_above(level)

    def _hash_above(self, level: list[int]) -> list[int]:
        parents = list_parents(level)
        hash_nodes(self._nodes, self._kinds, parents)
        return parents


def prepare_changes(changes: Mapping[bytes, bytes | None]) -> list[Change]:
    """The changes with their leaf hashes; a value of None means delete.

    Raises ValueError for a key of no bytes or of more than MAX_KEY_BYTES.
    """
    return [build_change(key, value) for key, value in changes.items()]
