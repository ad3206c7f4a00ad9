"""An ordered tree whose hashes are those of IAVL, for the one store that other chains read.

Their tools expect the default specifications of ICS-23: `iavlSpec` from a key to the root of its
store. It checks prefixes and the order of keys, not balance or versions, so that the root can
depend on the content alone, never on the order, the batches or the history in which it came:

- a leaf is sha256(00 02 02 || length || key || 20 || sha256(value)): height 0, size 1, version 1;
- an inner node is sha256(height || size || 02 || 20 || left || 20 || right), the height one more
  than that of its higher child, the size its leaves, both zig-zag varints;
- an inner node is where keys first differ: of their bits, each byte led by a 1, the end of a key a
  0, so that their order is that of the keys.

Nodes never change. So an earlier state is its root, and a copy costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from chain.runtime.trees.bucket import Change
from chain.runtime.trees.hash import EMPTY_HASH, Step
from chain.runtime.trees.top import AbsencePath, LeafPath

ORDERED_STORE: Final = "ibc"
LEAF_HEAD: Final = b"\x00\x02\x02"
# Before a hash of 32 bytes stands its length.
HASH_LENGTH: Final = b"\x20"
# No path of ICS-24 is as long.
ORDERED_KEY_BYTES_MAX: Final = 255
_VERSION: Final = b"\x02"
_SYMBOL_BITS: Final = 9


class _Leaf(NamedTuple):
    key: bytes
    hash: bytes


class _Inner(NamedTuple):
    position: int
    left: _Leaf | _Inner
    right: _Leaf | _Inner
    height: int
    size: int
    hash: bytes


_Node = _Leaf | _Inner
# The nodes above another one, from the root down, and whether the way leads to their right.
_Way = list[tuple[_Inner, bool]]


class OrderedTree:
    """Keys and the hashes of their values. One thread at a time may change it."""

    def __init__(self, root: _Node | None = None) -> None:
        self._root = root
        self._before: _Node | None = None
        self._can_undo = False

    @property
    def root(self) -> bytes:
        """The root hash, 32 bytes; all zero when the tree is empty."""
        return EMPTY_HASH if self._root is None else self._root.hash

    def copy(self) -> OrderedTree:
        """The tree as it is now."""
        return OrderedTree(self._root)

    def prepare(self, changes: Mapping[bytes, bytes | None]) -> list[Change]:
        """The changes with their leaf hashes; a value of None means delete.

        Raises ValueError for a key of no bytes or of more than ORDERED_KEY_BYTES_MAX.
        """
        return [_build_change(key, value) for key, value in changes.items()]

    def apply(self, changes: list[Change]) -> bytes:
        """Make changes that `prepare` has prepared; return the root."""
        self._before, self._can_undo = self._root, True
        for key, leaf_hash in changes:
            if leaf_hash is None:
                self._root = _delete(self._root, key)
            else:
                self._root = _insert(self._root, _Leaf(key, leaf_hash))
        return self.root

    def undo(self) -> None:
        """Take back the last update exactly; RuntimeError when there is none to take back."""
        if not self._can_undo:
            raise RuntimeError("there is no update to undo")
        self._root, self._before, self._can_undo = self._before, None, False

    def load(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Fill an empty tree; it has no undo. Raises RuntimeError when it is not empty, and
        ValueError as `prepare`.
        """
        if self._root is not None:
            raise RuntimeError("only an empty tree can be loaded")
        self.apply(self.prepare(dict(items)))
        self._before, self._can_undo = None, False

    def encode_row(self, changes: list[Change]) -> bytes:
        """What is noted with changes: that there were some. Their values lead back."""
        return self.root if changes else b""

    def prove(self, key: bytes) -> LeafPath | AbsencePath:
        """The path of a key that is there, or of both neighbours of one that is not."""
        if self._root is None:
            return AbsencePath(None, None)
        way, nearest = _walk(self._root, key)
        if nearest.key == key:
            return _make_path(way, nearest)
        way, node = _find_split(way, nearest, key)
        if key > nearest.key:
            return AbsencePath(_make_end_path(way, node, True), _find_beside(way, True))
        return AbsencePath(_find_beside(way, False), _make_end_path(way, node, False))


def compute_ordered_leaf(key: bytes, value: bytes, head: bytes = LEAF_HEAD) -> bytes:
    """The hash of a leaf."""
    content = encode_varint(len(key)) + key + HASH_LENGTH + sha256(value).digest()
    return sha256(head + content).digest()


def encode_varint(number: int) -> bytes:
    """A number of zero or more as a base-128 varint."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _build_change(key: bytes, value: bytes | None) -> Change:
    if not 0 < len(key) <= ORDERED_KEY_BYTES_MAX:
        raise ValueError(f"a key has 1 to {ORDERED_KEY_BYTES_MAX} bytes, not {len(key)}")
    return key, None if value is None else compute_ordered_leaf(key, value)


def _get_bit(key: bytes, position: int) -> bool:
    at, bit = divmod(position, _SYMBOL_BITS)
    if at >= len(key):
        return False
    return bit == 0 or bool(key[at] >> (8 - bit) & 1)


def _find_difference(one: bytes, other: bytes) -> int:
    """The first position at which the bits of two different keys differ."""
    shared = min(len(one), len(other))
    for at in range(shared):
        if one[at] != other[at]:
            return _SYMBOL_BITS * at + 9 - (one[at] ^ other[at]).bit_length()
    return _SYMBOL_BITS * shared


def _make_inner(position: int, left: _Node, right: _Node) -> _Inner:
    height = 1 + max(_get_height(left), _get_height(right))
    size = _get_size(left) + _get_size(right)
    children = HASH_LENGTH + left.hash + HASH_LENGTH + right.hash
    digest = sha256(_encode_head(height, size) + children).digest()
    return _Inner(position, left, right, height, size, digest)


def _get_height(node: _Node) -> int:
    return node.height if isinstance(node, _Inner) else 0


def _get_size(node: _Node) -> int:
    return node.size if isinstance(node, _Inner) else 1


def _encode_head(height: int, size: int) -> bytes:
    """What the hash of an inner node begins with; zig-zag doubles what is not negative."""
    return encode_varint(2 * height) + encode_varint(2 * size) + _VERSION


def _walk(node: _Node, key: bytes) -> tuple[_Way, _Leaf]:
    """The way that the bits of a key lead, and the leaf at its end."""
    way: _Way = []
    while isinstance(node, _Inner):
        goes_right = _get_bit(key, node.position)
        way.append((node, goes_right))
        node = node.right if goes_right else node.left
    return way, node


def _find_split(way: _Way, nearest: _Leaf, key: bytes) -> tuple[_Way, _Node]:
    """The highest node all of whose keys differ from an absent key at the same bit, and the way
    there.
    """
    position = _find_difference(key, nearest.key)
    for depth, (node, _) in enumerate(way):
        if node.position > position:
            return way[:depth], node
    return way, nearest


def _replace(way: _Way, node: _Node) -> _Node:
    """The root when another node stands at the end of a way."""
    for above, goes_right in reversed(way):
        left, right = (above.left, node) if goes_right else (node, above.right)
        node = _make_inner(above.position, left, right)
    return node


def _insert(root: _Node | None, leaf: _Leaf) -> _Node:
    if root is None:
        return leaf
    way, nearest = _walk(root, leaf.key)
    if nearest.key == leaf.key:
        return _replace(way, leaf)
    way, node = _find_split(way, nearest, leaf.key)
    left, right = (node, leaf) if leaf.key > nearest.key else (leaf, node)
    return _replace(way, _make_inner(_find_difference(leaf.key, nearest.key), left, right))


def _delete(root: _Node | None, key: bytes) -> _Node | None:
    if root is None:
        return None
    way, nearest = _walk(root, key)
    if nearest.key != key:
        return root
    if not way:
        return None
    above, goes_right = way[-1]
    return _replace(way[:-1], above.left if goes_right else above.right)


def _make_end_path(way: _Way, node: _Node, at_right: bool) -> LeafPath:
    """The path of the last or the first leaf below a node."""
    way = list(way)
    while isinstance(node, _Inner):
        way.append((node, at_right))
        node = node.right if at_right else node.left
    return _make_path(way, node)


def _find_beside(way: _Way, at_right: bool) -> LeafPath | None:
    """The path of the leaf nearest to all that lies at the end of a way, on one side of it."""
    for depth in reversed(range(len(way))):
        node, goes_right = way[depth]
        if goes_right != at_right:
            beside = node.right if at_right else node.left
            return _make_end_path([*way[:depth], (node, at_right)], beside, not at_right)
    return None


def _make_path(way: _Way, leaf: _Leaf) -> LeafPath:
    steps = tuple(_make_step(node, goes_right) for node, goes_right in reversed(way))
    return LeafPath(leaf.key, leaf.hash, steps)


def _make_step(node: _Inner, goes_right: bool) -> Step:
    prefix = _encode_head(node.height, node.size) + HASH_LENGTH
    if goes_right:
        return Step(prefix + node.left.hash + HASH_LENGTH, b"")
    return Step(prefix, HASH_LENGTH + node.right.hash)
