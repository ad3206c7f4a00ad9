"""What each block replaced, kept so that the state after earlier blocks can still be read.

It promises: from the state after block C and the undo records of the blocks H+1 to C, what is read
at height H is exactly the state after block H.

Records of a block, all under `record_key(height)`:

- `v` + key: old values in the order of their keys, RECORD_ENTRIES to a record, each under the last
  key in it, so that one seek finds the only record that can have a key;
- `h`: the app hash of the height before;
- `n` + name: notes of the committer, opaque here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from abci_app.storage.leveldb import Source

UNDO: Final = b"u"
VALUES: Final = b"v"
APP_HASH: Final = b"h"
NOTE: Final = b"n"
HEIGHT_BYTES: Final = 8
# Fewer cost more when a block is committed, more cost more when a key of the past is read.
RECORD_ENTRIES: Final = 64
# A range is read in parts, each twice as large as the one before: who needs little pays for little.
FIRST_PART: Final = 64

Entry = tuple[bytes, bytes | None]

# The length of a value that was not there.
_ABSENT: Final = 0xFFFF_FFFF


def record_key(height: int, family: bytes = b"", name: bytes = b"") -> bytes:
    """Where an undo record of a block is; without a family, where the block's records begin."""
    return UNDO + height.to_bytes(HEIGHT_BYTES) + family + name


def encode_values(
    height: int, keys: list[bytes], values: list[bytes | None]
) -> list[tuple[bytes, bytes]]:
    """The records with the values that a block replaced under ascending keys.

    A record is a number of entries, the lengths of their keys, the lengths of their values, the
    keys, the values.
    """
    records = []
    for first in range(0, len(keys), RECORD_ENTRIES):
        some_keys = keys[first : first + RECORD_ENTRIES]
        some_values = values[first : first + RECORD_ENTRIES]
        key_sizes = [len(key) for key in some_keys]
        value_sizes = [_ABSENT if value is None else len(value) for value in some_values]
        count = len(some_keys)
        head = struct.pack(f">{1 + 2 * count}I", count, *key_sizes, *value_sizes)
        content = b"".join([head, *some_keys, *[value or b"" for value in some_values]])
        records.append((record_key(height, VALUES, some_keys[-1]), content))
    return records


def decode_values(record: bytes) -> Iterator[Entry]:
    """The entries of one record."""
    count = int.from_bytes(record[:4])
    sizes = struct.unpack_from(f">{2 * count}I", record, 4)
    key_at = 4 + 8 * count
    value_at = key_at + sum(sizes[:count])
    for key_size, value_size in zip(sizes[:count], sizes[count:], strict=True):
        key = record[key_at : key_at + key_size]
        key_at += key_size
        if value_size == _ABSENT:
            yield key, None
        else:
            yield key, record[value_at : value_at + value_size]
            value_at += value_size


def find_replaced(source: Source, heights: range, key: bytes) -> Entry | None:
    """What the first of these blocks that changed a key replaced; None when no block did."""
    with closing(source.raw_iterator(verify_checksums=True, fill_cache=True)) as records:
        for height in heights:
            prefix = record_key(height, VALUES)
            records.seek(prefix + key)
            if not records.valid():
                return None
            if records.key().startswith(prefix) and key in (record := records.value()):
                for entry in decode_values(record):
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
