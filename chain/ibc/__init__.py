"""What IBC v2 says of packets and of clients of other chains, before there is any state of it.

Pure: time is that of the block. Promises that no input raises anything but ClientError.
"""

from chain.ibc.identifiers import is_client_id, is_port_id, parse_revision
from chain.ibc.packets import (
    ERROR_ACKNOWLEDGEMENT,
    RECEIPT,
    Payload,
    compute_acknowledgement_commitment,
    compute_packet_commitment,
    make_acknowledgement_key,
    make_commitment_key,
    make_receipt_key,
)
from chain.ibc.tendermint import (
    ClientError,
    ClientState,
    ConsensusState,
    Height,
    SignedUpdate,
    Status,
    contradicts,
    get_status,
    require_valid,
    verify_misbehaviour,
    verify_update,
)

__all__ = [
    "ERROR_ACKNOWLEDGEMENT",
    "RECEIPT",
    "ClientError",
    "ClientState",
    "ConsensusState",
    "Height",
    "Payload",
    "SignedUpdate",
    "Status",
    "compute_acknowledgement_commitment",
    "compute_packet_commitment",
    "contradicts",
    "get_status",
    "is_client_id",
    "is_port_id",
    "make_acknowledgement_key",
    "make_commitment_key",
    "make_receipt_key",
    "parse_revision",
    "require_valid",
    "verify_misbehaviour",
    "verify_update",
]
