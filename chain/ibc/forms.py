"""Clients of type 07-tendermint as messages and the state have them, and as the rules read them."""

from __future__ import annotations

from typing import Final

from cosmos.ics23.v1.proofs_pb2 import HashOp, InnerSpec, ProofSpec
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from ibc.core.client.v1 import client_pb2
from ibc.core.commitment.v1.commitment_pb2 import MerkleRoot
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import light
from chain.ibc.tendermint import ClientError, ClientState, ConsensusState, Height, SignedUpdate
from chain.runtime.encoding import codec
from chain.runtime.encoding.strict import decode
from chain.runtime.trees.proofs import ENTRY_LEAF, ORDERED_LEAF

_STATE_BYTES_MAX: Final = 4096
_TIME_S_MAX: Final = 1 << 36
# iavlSpec and tendermintSpec.
PROOF_SPECS: Final = (
    ProofSpec(
        leaf_spec=type(ORDERED_LEAF)(
            hash=ORDERED_LEAF.hash,
            prehash_value=ORDERED_LEAF.prehash_value,
            length=ORDERED_LEAF.length,
            prefix=b"\x00",
        ),
        inner_spec=InnerSpec(
            child_order=[0, 1],
            child_size=33,
            min_prefix_length=4,
            max_prefix_length=12,
            hash=HashOp.SHA256,
        ),
    ),
    ProofSpec(
        leaf_spec=ENTRY_LEAF,
        inner_spec=InnerSpec(
            child_order=[0, 1],
            child_size=32,
            min_prefix_length=1,
            max_prefix_length=1,
            hash=HashOp.SHA256,
        ),
    ),
)


def unpack(item: AnyMessage, *kinds: type[Message]) -> Message:
    """The message in an Any; raises ClientError unless it is one of these kinds."""
    for kind in kinds:
        if item.type_url == f"/{kind.DESCRIPTOR.full_name}":
            try:
                return decode(kind, item.value)
            except codec.EncodingError as error:
                raise ClientError(str(error)) from None
    names = " or ".join(kind.DESCRIPTOR.name for kind in kinds)
    raise ClientError(f"a {names} of 07-tendermint is expected")


def pack(message: Message) -> AnyMessage:
    """A message as an Any."""
    return AnyMessage(type_url=f"/{message.DESCRIPTOR.full_name}", value=codec.encode(message))


def read_client(state: tendermint_pb2.ClientState) -> ClientState:
    """What a client is; raises ClientError where that cannot be read."""
    _require(state.ByteSize() <= _STATE_BYTES_MAX, f"more than {_STATE_BYTES_MAX} bytes")
    specs = tuple(state.proof_specs)
    _require(specs == PROOF_SPECS, "the proof specifications are not iavlSpec and tendermintSpec")
    return ClientState(
        chain_id=state.chain_id,
        trust=(state.trust_level.numerator, state.trust_level.denominator),
        trusting_period_ns=_read_time(state.trusting_period),
        unbonding_period_ns=_read_time(state.unbonding_period),
        clock_drift_ns=_read_time(state.max_clock_drift),
        latest=read_height(state.latest_height),
        frozen=read_height(state.frozen_height) != Height(0, 0),
    )


def read_consensus(state: tendermint_pb2.ConsensusState) -> ConsensusState:
    """What a client keeps of a header; raises ClientError where that cannot be read."""
    return ConsensusState(_read_time(state.timestamp), state.root.hash, state.next_validators_hash)


def write_consensus(state: ConsensusState) -> tendermint_pb2.ConsensusState:
    """The same as a message."""
    seconds, nanos = divmod(state.time_ns, light.NS_PER_S)
    return tendermint_pb2.ConsensusState(
        timestamp=Timestamp(seconds=seconds, nanos=nanos),
        root=MerkleRoot(hash=state.root),
        next_validators_hash=state.next_validators_hash,
    )


def read_header(header: tendermint_pb2.Header) -> SignedUpdate:
    """A header with what it needs to be verified."""
    return SignedUpdate(
        header.signed_header,
        header.validator_set.validators,
        read_height(header.trusted_height),
        header.trusted_validators.validators,
    )


def read_height(height: client_pb2.Height) -> Height:
    """A height."""
    return Height(height.revision_number, height.revision_height)


def write_height(height: Height) -> client_pb2.Height:
    """The same as a message."""
    return client_pb2.Height(revision_number=height.revision, revision_height=height.height)


def _read_time(time: Timestamp | Duration) -> int:
    """Nanoseconds of a time or a duration; what cannot be one is an error."""
    good = 0 <= time.seconds <= _TIME_S_MAX and 0 <= time.nanos < light.NS_PER_S
    _require(good, "a time or a duration that cannot be")
    return int(time.seconds) * light.NS_PER_S + int(time.nanos)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ClientError(problem)
