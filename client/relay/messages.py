"""What a relayer sends to a chain: headers of the other one, and packets with their proofs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from google.protobuf.duration_pb2 import Duration
from ibc.core.channel.v2 import tx_pb2 as channel_pb2
from ibc.core.channel.v2.packet_pb2 import Acknowledgement, Packet
from ibc.core.client.v1 import tx_pb2 as client_pb2
from ibc.core.client.v1.client_pb2 import Height
from ibc.core.client.v2 import tx_pb2 as client_v2_pb2
from ibc.core.commitment.v1.commitment_pb2 import MerkleProof, MerkleRoot
from ibc.lightclients.tendermint.v1 import tendermint_pb2
from tendermint.types.types_pb2 import Header, SignedHeader
from tendermint.types.validator_pb2 import Validator, ValidatorSet

from chain import ibc
from client.signing.tx import pack

PREFIX = (b"ibc", b"")


class ProvenPacket(NamedTuple):
    """A packet with a proof of what the other chain has of it, by a header of this height."""

    packet: Packet
    proof: bytes
    height: Height


def make_height(header: Header) -> Height:
    """The height of a header as IBC writes it."""
    revision = ibc.parse_revision(header.chain_id)
    return Height(revision_number=revision, revision_height=header.height)


def create_client(
    header: Header, trusting_period_s: int, unbonding_period_s: int, signer: str
) -> client_pb2.MsgCreateClient:
    """The message that creates a client which begins with a header."""
    client = tendermint_pb2.ClientState(
        chain_id=header.chain_id,
        trust_level=tendermint_pb2.Fraction(numerator=1, denominator=3),
        trusting_period=Duration(seconds=trusting_period_s),
        unbonding_period=Duration(seconds=unbonding_period_s),
        max_clock_drift=Duration(seconds=10),
        # Chains of the SDK expect it, even if it is empty.
        frozen_height=Height(),
        latest_height=make_height(header),
        proof_specs=ibc.PROOF_SPECS,
    )
    consensus = tendermint_pb2.ConsensusState(
        timestamp=header.time,
        root=MerkleRoot(hash=header.app_hash),
        next_validators_hash=header.next_validators_hash,
    )
    return client_pb2.MsgCreateClient(
        client_state=pack(client), consensus_state=pack(consensus), signer=signer
    )


def register_counterparty(
    client_id: str, counterparty: str, signer: str
) -> client_v2_pb2.MsgRegisterCounterparty:
    """The message that says which client of the other chain belongs to a client."""
    return client_v2_pb2.MsgRegisterCounterparty(
        client_id=client_id,
        counterparty_merkle_prefix=PREFIX,
        counterparty_client_id=counterparty,
        signer=signer,
    )


def make_header(
    signed: SignedHeader,
    validators: Sequence[Validator],
    trusted_height: Height,
    trusted_validators: Sequence[Validator],
) -> tendermint_pb2.Header:
    """A header for a client. trusted_validators: those that sign after the trusted height."""
    return tendermint_pb2.Header(
        signed_header=signed,
        validator_set=_make_set(validators, signed.header.proposer_address),
        trusted_height=trusted_height,
        trusted_validators=_make_set(trusted_validators, b""),
    )


def update_client(
    client_id: str, header: tendermint_pb2.Header, signer: str
) -> client_pb2.MsgUpdateClient:
    """The message that tells a client of a header."""
    return client_pb2.MsgUpdateClient(
        client_id=client_id, client_message=pack(header), signer=signer
    )


def recv_packet(proven: ProvenPacket, signer: str) -> channel_pb2.MsgRecvPacket:
    """The message that brings a packet, with a proof of its commitment."""
    return channel_pb2.MsgRecvPacket(
        packet=proven.packet,
        proof_commitment=proven.proof,
        proof_height=proven.height,
        signer=signer,
    )


def acknowledge(
    proven: ProvenPacket, acknowledgement: Acknowledgement, signer: str
) -> channel_pb2.MsgAcknowledgement:
    """The message that brings back an acknowledgement, with its proof."""
    return channel_pb2.MsgAcknowledgement(
        packet=proven.packet,
        acknowledgement=acknowledgement,
        proof_acked=proven.proof,
        proof_height=proven.height,
        signer=signer,
    )


def time_out(proven: ProvenPacket, signer: str) -> channel_pb2.MsgTimeout:
    """The message that times a packet out, with a proof that it was never received."""
    return channel_pb2.MsgTimeout(
        packet=proven.packet,
        proof_unreceived=proven.proof,
        proof_height=proven.height,
        signer=signer,
    )


def make_proof(steps: Sequence[bytes]) -> bytes:
    """The proof of IBC from the operations of a query of the store: the data of each."""
    proofs = [CommitmentProof.FromString(data) for data in steps]
    return MerkleProof(proofs=proofs).SerializeToString()


def _make_set(validators: Sequence[Validator], proposer: bytes) -> ValidatorSet:
    """Chains of the SDK reject a set without a proposer, or with another sum of powers."""
    found = [one for one in validators if one.address == proposer] or list(validators[:1])
    return ValidatorSet(
        validators=validators,
        proposer=found[0],
        total_voting_power=sum(one.voting_power for one in validators),
    )
