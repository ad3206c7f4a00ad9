"""Headers, validators and votes: their hashes, and the bytes that validators sign.

Everything is written here byte by byte: a library may write protobuf in another way one day, and a
hash must not follow it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from google.protobuf.timestamp_pb2 import Timestamp
from tendermint.types.types_pb2 import BlockID, Commit, CommitSig, Header
from tendermint.types.validator_pb2 import Validator

from chain.light.merkle import compute_merkle_root
from chain.runtime.encoding.codec import write_varint

NS_PER_S = 1_000_000_000
_ADDRESS_BYTES = 20
_PRECOMMIT = 2
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_UINT64 = (1 << 64) - 1
_KEY_FIELDS = {"ed25519": 1, "secp256k1": 2, "mldsa65": 4}


def compute_header_hash(header: Header) -> bytes:
    """The hash of a header, by which blocks are named, 32 bytes."""
    version = header.version
    return compute_merkle_root(
        [
            _number(1, version.block) + _number(2, version.app),
            _content(1, header.chain_id.encode()),
            _number(1, header.height),
            _write_time(header.time),
            _write_block_id(header.last_block_id),
            _content(1, header.last_commit_hash),
            _content(1, header.data_hash),
            _content(1, header.validators_hash),
            _content(1, header.next_validators_hash),
            _content(1, header.consensus_hash),
            _content(1, header.app_hash),
            _content(1, header.last_results_hash),
            _content(1, header.evidence_hash),
            _content(1, header.proposer_address),
        ]
    )


def compute_validators_hash(validators: Iterable[Validator]) -> bytes:
    """The hash of a set of validators, in their order, 32 bytes."""
    return compute_merkle_root([_write_validator(validator) for validator in validators])


def compute_results_root(results: Iterable[tuple[int, bytes, int, int]]) -> bytes:
    """The hash of the results of a block, which the next header has. Each is a code, the data, the
    gas wanted and the gas used: nothing else of a result is in any hash.
    """
    return compute_merkle_root(
        [
            _number(1, code) + _content(2, data) + _number(5, gas_wanted) + _number(6, gas_used)
            for code, data, gas_wanted, gas_used in results
        ]
    )


def compute_address(validator: Validator) -> bytes:
    """The consensus address of a validator: the first 20 bytes of sha256 of its key."""
    return sha256(validator.pub_key.ed25519).digest()[:_ADDRESS_BYTES]


def order_validators(validators: Iterable[Validator]) -> list[Validator]:
    """Validators in the order of their set: the most powerful first, then by address."""
    return sorted(validators, key=lambda one: (-one.voting_power, compute_address(one)))


def get_time_ns(time: Timestamp) -> int:
    """A time in nanoseconds since 1970."""
    return time.seconds * NS_PER_S + time.nanos


def write_vote(chain_id: str, commit: Commit, vote: CommitSig) -> bytes:
    """What a validator signs that votes for the block of a commit."""
    content = b"".join(
        (
            _number(1, _PRECOMMIT),
            _fixed64(2, commit.height),
            _fixed64(3, commit.round),
            _content(4, _write_block_id(commit.block_id)),
            # Written even if it is empty.
            _tag(5, _BYTES) + _with_length(_write_time(vote.timestamp)),
            _content(6, chain_id.encode()),
        )
    )
    return _with_length(content)


def _write_validator(validator: Validator) -> bytes:
    """The part of a validator that its set's hash covers."""
    key = validator.pub_key
    kind = key.WhichOneof("sum")
    written = b""
    if kind is not None:
        value: bytes = getattr(key, kind)
        # Written even if it is empty: it says which kind of key it is.
        written = _tag(_KEY_FIELDS[kind], _BYTES) + _with_length(value)
    return _tag(1, _BYTES) + _with_length(written) + _number(2, validator.voting_power)


def _write_block_id(block_id: BlockID) -> bytes:
    """A block id in a header or vote, whose parts are written even if they are empty."""
    parts = block_id.part_set_header
    written = _number(1, parts.total) + _content(2, parts.hash)
    return _content(1, block_id.hash) + _tag(2, _BYTES) + _with_length(written)


def _write_time(time: Timestamp) -> bytes:
    return _number(1, time.seconds) + _number(2, time.nanos)


def _number(field: int, value: int) -> bytes:
    """A number, negative ones as 64 bits in two's complement; nothing for zero."""
    return _tag(field, _VARINT) + write_varint(value & _UINT64) if value else b""


def _fixed64(field: int, value: int) -> bytes:
    if not value:
        return b""
    return _tag(field, _FIXED64) + (value & _UINT64).to_bytes(8, "little")


def _content(field: int, value: bytes) -> bytes:
    return _tag(field, _BYTES) + _with_length(value) if value else b""


def _tag(field: int, kind: int) -> bytes:
    return write_varint(field << 3 | kind)


def _with_length(value: bytes) -> bytes:
    return write_varint(len(value)) + value
