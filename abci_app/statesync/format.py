"""What a snapshot consists of: chunks with entries of the state, and metadata with their hashes.

The entries are those that the app hash covers, in the order of their keys: without indexes, which
follow from the rest, and without the node's own records. An entry is the length of its key (2
bytes, big-endian), the key, the length of its value (4 bytes), the value. A chunk ends behind the
entry with which it has CHUNK_BYTES or more; nothing is compressed. So all nodes write the same
bytes, and CometBFT fetches one snapshot from all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from blockenergy.statesync.v1.snapshot_pb2 import Metadata
from tendermint.abci import types_pb2 as abci

from chain import app
from chain.runtime.encoding import codec

FORMAT = 1
CHUNK_BYTES = 4 * 1024 * 1024
# CometBFT's own limit.
CHUNKS_MAX = 100_000
_KEY_LENGTH, _VALUE_LENGTH = struct.Struct(">H"), struct.Struct(">I")

Entry = tuple[bytes, bytes]


class SnapshotError(ValueError):
    """A snapshot, or a part of it, is not what it says; the message says why."""


def encode_entry(key: bytes, value: bytes) -> bytes:
    """An entry as it stands in a chunk."""
    return b"".join((_KEY_LENGTH.pack(len(key)), key, _VALUE_LENGTH.pack(len(value)), value))


def decode_chunk(chunk: bytes) -> Iterator[Entry]:
    """The entries of a chunk. Errors: SnapshotError."""
    at = 0
    try:
        while at < len(chunk):
            key, at = _read(chunk, at, _KEY_LENGTH)
            value, at = _read(chunk, at, _VALUE_LENGTH)
            yield key, value
    except struct.error as error:
        raise SnapshotError("a chunk ends within an entry") from error


def _read(chunk: bytes, at: int, length: struct.Struct) -> tuple[bytes, int]:
    """What stands behind its length, and where it ends."""
    start = at + length.size
    end = start + length.unpack_from(chunk, at)[0]
    if end > len(chunk):
        raise SnapshotError("a chunk ends within an entry")
    return chunk[start:end], end


def make_chunks(entries: Iterable[Entry], chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Entries as chunks. A state without entries has one, because CometBFT needs one."""
    parts: list[bytes] = []
    size = count = 0
    for key, value in entries:
        parts.append(encode_entry(key, value))
        size += len(parts[-1])
        if size >= chunk_bytes:
            yield b"".join(parts)
            parts, size, count = [], 0, count + 1
    if parts or not count:
        yield b"".join(parts)


def require_in_tree(entries: Iterable[Entry], after: bytes) -> dict[bytes, bytes]:
    """Entries by key. Rejects keys that do not ascend behind `after`, and such as the app hash
    does not cover. Errors: SnapshotError.
    """
    taken: dict[bytes, bytes] = {}
    for key, value in entries:
        if key <= after:
            raise SnapshotError("the keys of a snapshot do not ascend")
        if key[0] not in app.KEYSPACE.module_names or not app.KEYSPACE.is_in_tree(key):
            raise SnapshotError(f"a snapshot has a key of no collection: {key[:2].hex()}")
        taken[key] = value
        after = key
    return taken


def describe(height: int, chain_id: str, time_s: int, hashes: Sequence[bytes]) -> abci.Snapshot:
    """A snapshot as it is offered."""
    metadata = codec.encode(Metadata(chain_id=chain_id, time_s=time_s, chunk_hashes=hashes))
    return abci.Snapshot(
        height=height,
        format=FORMAT,
        chunks=len(hashes),
        hash=sha256(metadata).digest(),
        metadata=metadata,
    )


def read_metadata(snapshot: abci.Snapshot) -> Metadata:
    """The metadata of an offered snapshot. Rejects what does not fit together; SnapshotError."""
    try:
        metadata = codec.decode_leniently(Metadata, snapshot.metadata)
    except codec.EncodingError as error:
        raise SnapshotError(f"metadata: {error}") from error
    if snapshot.hash != sha256(snapshot.metadata).digest():
        raise SnapshotError("the hash is not that of the metadata")
    if not 0 < snapshot.chunks <= CHUNKS_MAX or snapshot.chunks != len(metadata.chunk_hashes):
        raise SnapshotError("the number of chunks does not fit")
    if not snapshot.height:
        raise SnapshotError("there is no state at height 0")
    return metadata
