"""What relayers read: the events of ibc-go, attribute for attribute."""

from __future__ import annotations

from ibc.core.channel.v2.packet_pb2 import Acknowledgement, Packet

from chain.ibc.tendermint import Height
from chain.runtime.context import Context, CosmosEvent
from chain.runtime.encoding import codec

_CLIENT_TYPE = ("client_type", "07-tendermint")
_OF_CLIENTS = CosmosEvent("message", (("module", "ibc_client"),))
_OF_PACKETS = CosmosEvent("message", (("module", "ibc_channelv2"),))


def announce_creation(ctx: Context, client_id: str, height: Height) -> None:
    """That a client was created, and the height that it begins with."""
    known = ("consensus_height", f"{height.revision}-{height.height}")
    ctx.emit(CosmosEvent("create_client", (("client_id", client_id), _CLIENT_TYPE, known)))
    ctx.emit(_OF_CLIENTS)


def announce_update(ctx: Context, client_id: str, height: Height) -> None:
    """That a client was told of a header."""
    known = f"{height.revision}-{height.height}"
    heights = ("consensus_height", known), ("consensus_heights", known)
    ctx.emit(CosmosEvent("update_client", (("client_id", client_id), _CLIENT_TYPE, *heights)))
    ctx.emit(_OF_CLIENTS)


def announce_recovery(ctx: Context, client_id: str) -> None:
    """That a client goes on from where another one was."""
    ctx.emit(CosmosEvent("recover_client", (("subject_client_id", client_id), _CLIENT_TYPE)))
    ctx.emit(_OF_CLIENTS)


def announce_misbehaviour(ctx: Context, client_id: str) -> None:
    """That a client was frozen."""
    ctx.emit(CosmosEvent("client_misbehaviour", (("client_id", client_id), _CLIENT_TYPE)))
    ctx.emit(_OF_CLIENTS)


def announce_packet(
    ctx: Context, kind: str, packet: Packet, acknowledgement: Acknowledgement | None = None
) -> None:
    """What happened to a packet."""
    attributes = [
        ("packet_source_client", packet.source_client),
        ("packet_dest_client", packet.destination_client),
        ("packet_sequence", str(packet.sequence)),
        ("packet_timeout_timestamp", str(packet.timeout_timestamp)),
        ("encoded_packet_hex", codec.encode(packet).hex()),
    ]
    if acknowledgement is not None:
        encoded = codec.encode(acknowledgement).hex()
        attributes.append(("encoded_acknowledgement_hex", encoded))
    ctx.emit(CosmosEvent(kind, tuple(attributes)))
    ctx.emit(_OF_PACKETS)
