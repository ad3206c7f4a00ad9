"""Chains of headers signed by keys of ours, with every part open to be made wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.timestamp_pb2 import Timestamp
from tendermint.crypto.keys_pb2 import PublicKey
from tendermint.types.types_pb2 import (
    BlockID,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    SignedHeader,
)
from tendermint.types.validator_pb2 import Validator
from tendermint.version.types_pb2 import Consensus

from chain import light

CHAIN_ID = "street-1"
START_S = 1_700_000_000
COMMIT, ABSENT, NIL = 2, 1, 3


@dataclass(frozen=True)
class Signer:
    """A validator with its key."""

    key: Ed25519PrivateKey
    power: int

    @property
    def validator(self) -> Validator:
        copied = Validator()
        copied.CopyFrom(self._validator)
        return copied

    @cached_property
    def _validator(self) -> Validator:
        key = PublicKey(ed25519=self.key.public_key().public_bytes_raw())
        validator = Validator(pub_key=key, voting_power=self.power)
        validator.address = light.compute_address(validator)
        return validator


def make_signers(powers: Sequence[int], first: int = 1) -> list[Signer]:
    """Signers with fixed keys, in the order of their set."""
    found = [
        Signer(Ed25519PrivateKey.from_private_bytes(bytes([first + number] * 32)), power)
        for number, power in enumerate(powers)
    ]
    return sorted(found, key=lambda one: (-one.power, light.compute_address(one.validator)))


def validators_of(signers: Sequence[Signer]) -> list[Validator]:
    return [signer.validator for signer in signers]


@dataclass
class Block:
    """A header and its validators, who sign it when it is asked for; but for those at `absent`."""

    header: Header
    signers: Sequence[Signer]
    next_signers: Sequence[Signer]
    absent: Sequence[int] = ()

    @cached_property
    def signed(self) -> SignedHeader:
        return SignedHeader(header=self.header, commit=sign(self.header, self.signers, self.absent))

    @cached_property
    def validators(self) -> list[Validator]:
        return validators_of(self.signers)

    @property
    def trusted(self) -> light.Trusted:
        return light.Trusted(self.signed.header, validators_of(self.next_signers))


def make_block(
    height: int,
    signers: Sequence[Signer],
    next_signers: Sequence[Signer] | None = None,
    *,
    absent: Sequence[int] = (),
    last_hash: bytes = b"\x01" * 32,
    **changes: object,
) -> Block:
    """A block signed by all but those whose place is in `absent`."""
    next_signers = signers if next_signers is None else next_signers
    header = Header(
        version=Consensus(block=11, app=1),
        chain_id=CHAIN_ID,
        height=height,
        time=Timestamp(seconds=START_S + height, nanos=5),
        last_block_id=make_id(last_hash),
        last_commit_hash=b"\x02" * 32,
        data_hash=b"\x03" * 32,
        validators_hash=light.compute_validators_hash(validators_of(signers)),
        next_validators_hash=light.compute_validators_hash(validators_of(next_signers)),
        consensus_hash=b"\x04" * 32,
        app_hash=b"\x05" * 32,
        last_results_hash=b"\x06" * 32,
        evidence_hash=b"\x07" * 32,
        proposer_address=light.compute_address(signers[0].validator),
    )
    for name, value in changes.items():
        if isinstance(value, Timestamp):
            header.time.CopyFrom(value)
        else:
            setattr(header, name, value)
    return Block(header, signers, next_signers, absent)


def make_id(block_hash: bytes) -> BlockID:
    return BlockID(hash=block_hash, part_set_header=PartSetHeader(total=1, hash=b"\x08" * 32))


def sign(header: Header, signers: Sequence[Signer], absent: Sequence[int] = ()) -> Commit:
    """A commit for a header."""
    commit = Commit(
        height=header.height, round=1, block_id=make_id(light.compute_header_hash(header))
    )
    for place, signer in enumerate(signers):
        if place in absent:
            nobody = Timestamp(seconds=-62_135_596_800)
            commit.signatures.append(CommitSig(block_id_flag=ABSENT, timestamp=nobody))
            continue
        vote = CommitSig(
            block_id_flag=COMMIT,
            validator_address=light.compute_address(signer.validator),
            timestamp=Timestamp(seconds=header.time.seconds + 1, nanos=place),
        )
        vote.signature = signer.key.sign(light.write_vote(header.chain_id, commit, vote))
        commit.signatures.append(vote)
    return commit
