"""What each block replaced, kept so that the state after earlier blocks can still be read.

It promises: from the state after block C and the undo records of the blocks H+1 to C, what is read
at height H is exactly the state after block H.

Records of a block, all under `record_key(height)`:

- `v` + key: old values in the order of their keys, about CHUNK_BYTES to a record, each under the
  last key in it, so that one seek finds the only record that can have a key;
- `h`: the app hash of the height before;
- `n` + name: notes of whoever commits, here not understood.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from abci_app.leveldb import Source

UNDO: Final = b"u"
VALUES: Final = b"v"
APP_HASH: Final = b"h"
NOTE: Final = b"n"
HEIGHT_BYTES: Final = 8
CHUNK_BYTES: Final = 4096
# A range is read in parts, each twice as large as the one before: who needs little pays for little.
FIRST_PART: Final = 64

Entry = tuple[bytes, bytes | None]

# Length of the value and length of the key, before both. The length of a key stands right before
# it, so that a search for both rarely finds anything else.
_HEAD: Final = struct.Struct(">II")
_KEY_LENGTH: Final = struct.Struct(">I")
_ABSENT: Final = 0xFFFF_FFFF


def record_key(height: int, family: bytes = b"", name: bytes = b"") -> bytes:
    """Where an undo record of a block is; without a family, where the block's records begin."""
    return UNDO + height.to_bytes(HEIGHT_BYTES) + family + name


def encode_values(height: int, entries: Iterable[Entry]) -> Iterator[tuple[bytes, bytes]]:
    """The records with what a block replaced, from its entries in the order of their keys."""
    parts: list[bytes] = []
    size, key = 0, b""
    for key, old in entries:
        if old is None:
            part = _HEAD.pack(_ABSENT, len(key)) + key
        else:
            part = _HEAD.pack(len(old), len(key)) + key + old
        parts.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            yield record_key(height, VALUES, key), b"".join(parts)
            parts, size = [], 0
    if parts:
        yield record_key(height, VALUES, key), b"".join(parts)


def decode_values(chunk: bytes) -> Iterator[Entry]:
    """The entries of one record."""
    at, size = 0, len(chunk)
    while at < size:
        value_size, key_size = _HEAD.unpack_from(chunk, at)
        middle = at + _HEAD.size + key_size
        at = middle if value_size == _ABSENT else middle + value_size
        yield chunk[middle - key_size : middle], None if value_size == _ABSENT else chunk[middle:at]


def find_replaced(source: Source, heights: range, key: bytes) -> Entry | None:
    """What the first of these blocks that changed a key replaced; None when no block did."""
    needle = _KEY_LENGTH.pack(len(key)) + key
    with closing(source.raw_iterator(verify_checksums=True, fill_cache=True)) as records:
        for height in heights:
            prefix = record_key(height, VALUES)
            records.seek(prefix + key)
            if not records.valid():
                return None
            if records.key().startswith(prefix) and needle in (chunk := records.value()):
                for entry in decode_values(chunk):
                    if entry[0] == key:
                        return entry
    return None


def read_replaced(
    source: Source, heights: Sequence[int], start: bytes, end: bytes | None
) -> dict[bytes, bytes | None]:
    """What these ascending blocks replaced from `start` up to but not including `end`; of several
    that changed a key, the first one counts.
    """
    replaced: dict[bytes, bytes | None] = {}
    with closing(source.raw_iterator(verify_checksums=True, fill_cache=True)) as records:
        for height in reversed(heights):
            prefix = record_key(height, VALUES)
            records.seek(prefix + start)
            while records.valid() and (name := records.key()).startswith(prefix):
                replaced.update(
                    entry
                    for entry in decode_values(records.value())
                    if entry[0] >= start and (end is None or entry[0] < end)
                )
                if end is not None and name[len(prefix) :] >= end:
                    break
                records.next()
    return replaced


def iterate_past(
    latest: Iterator[tuple[bytes, bytes]],
    read: Callable[[bytes, bytes | None], dict[bytes, bytes | None]],
    start: bytes,
    end: bytes | None,
    reverse: bool,
) -> Iterator[tuple[bytes, bytes]]:
    """A range of the past: that of the latest state, put back by what `read` says was replaced."""
    size = FIRST_PART
    is_last = False
    while not is_last:
        part: dict[bytes, bytes | None] = dict(islice(latest, size))
        is_last = len(part) < size
        edge = next(reversed(part)) if part else b""
        if reverse:
            lower, upper = (start if is_last else edge), end
            end = lower
        else:
            lower, upper = start, (end if is_last else edge + b"\x00")
            start = upper or b""
        part |= read(lower, upper)
        for key in sorted(part, reverse=reverse):
            value = part[key]
            if value is not None:
                yield key, value
        size *= 2
