"""Clients as messages and packets use them: what is known of another chain, and what it proves."""

from __future__ import annotations

from blockenergy.ibc.v1 import errors_pb2, state_pb2
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from ibc.core.client.v1 import client_pb2
from ibc.core.commitment.v1.commitment_pb2 import MerkleProof

from chain import light
from chain.ibc import forms
from chain.ibc.state import CLIENTS, CONSENSUS_STATES
from chain.ibc.tendermint import ConsensusState, Height, Status, get_status
from chain.runtime.context import Context
from chain.runtime.encoding import codec
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.state.collections import HasStore

IbcError = ErrorCodes("ibc", errors_pb2.Error.DESCRIPTOR)
# The store of the other chain, and the name of ours.
STORE = "ibc"
PREFIX = (STORE.encode(), b"")
PROOF_STEPS = 2
_TEXT_CHARACTERS_MAX = 80


def require_client(state: HasStore, client_id: str) -> state_pb2.Client:
    """A client; rejects an unknown one."""
    found = CLIENTS.get(state, client_id)
    if found is None:
        raise ChainError(IbcError.CLIENT_UNKNOWN, client_id[:_TEXT_CHARACTERS_MAX])
    return found


def get_client_status(ctx: Context, client_id: str, client: state_pb2.Client) -> Status:
    """Whether a client can be relied on, at the time of the block."""
    latest = get_consensus(ctx, client_id, forms.read_height(client.state.latest_height))
    return get_status(forms.read_client(client.state), latest, get_now_ns(ctx))


def require_active(ctx: Context, client_id: str) -> state_pb2.Client:
    """A client that is active; rejects any other."""
    client = require_client(ctx, client_id)
    status = get_client_status(ctx, client_id, client)
    require(status is Status.ACTIVE, IbcError.CLIENT_NOT_ACTIVE, f"{client_id} is {status.value}")
    return client


def require_connected(ctx: Context, client_id: str) -> state_pb2.Client:
    """A client that packets can go over; rejects any other."""
    client = require_active(ctx, client_id)
    require(client.counterparty, IbcError.NO_COUNTERPARTY, client_id)
    return client


def get_consensus(state: HasStore, client_id: str, height: Height) -> ConsensusState | None:
    """What a client keeps of a header, or None."""
    found = CONSENSUS_STATES.get_shared(state, (client_id, height))
    return None if found is None else forms.read_consensus(found)


def require_consensus(state: HasStore, client_id: str, height: client_pb2.Height) -> ConsensusState:
    """What a client keeps of a header; rejects a height of which it keeps none."""
    found = get_consensus(state, client_id, forms.read_height(height))
    if found is None:
        detail = f"{height.revision_number}-{height.revision_height}"
        raise ChainError(IbcError.HEIGHT_UNKNOWN, detail)
    return found


def require_proven(root: bytes, key: bytes, value: bytes | None, proof: bytes) -> None:
    """Rejects a proof that another chain's store has not this value under a key; None: nothing.

    root: the app hash that the proof has to lead to.
    """
    try:
        found = light.verify_proof(root, STORE, key, *_read_proof(proof))
    except light.ProofError as error:
        raise ChainError(IbcError.PROOF_INVALID, str(error)) from None
    require(found == value, IbcError.PROOF_INVALID, "it proves something else")


def get_now_ns(ctx: Context) -> int:
    """The time of the block."""
    return ctx.block.time_s * light.NS_PER_S


def _read_proof(data: bytes) -> tuple[CommitmentProof, CommitmentProof]:
    try:
        proofs = codec.decode_leniently(MerkleProof, data).proofs
    except codec.EncodingError as error:
        raise ChainError(IbcError.PROOF_INVALID, str(error)) from None
    require(len(proofs) == PROOF_STEPS, IbcError.PROOF_INVALID, f"{PROOF_STEPS} steps are expected")
    return proofs[0], proofs[1]
