"""Messages about packets: each is sent once, taken at most once, and ended once.

A packet that was sent is a commitment until it ends: by what the other chain has answered, or by
the proof that it has not come there in time. A packet that was taken is a receipt and an
acknowledgement, for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from blockenergy.ibc.v1 import events_pb2, state_pb2
from ibc.core.channel.v2 import packet_pb2, tx_pb2

from chain import light
from chain.ibc import events, keeper, packets, transfer
from chain.ibc.applications import Applications, find_application
from chain.ibc.identifiers import is_client_id, is_port_id
from chain.ibc.keeper import IbcError
from chain.ibc.packets import ERROR_ACKNOWLEDGEMENT, RECEIPT, Kind, Payload
from chain.ibc.state import CLIENTS, PACKETS
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require

TIMEOUT_MAX_S = SECONDS_PER_DAY
VALUE_BYTES_MAX = 256 * 1024
_TEXT_CHARACTERS_MAX = 128
_NOOP = tx_pb2.RESPONSE_RESULT_TYPE_NOOP
_SUCCESS = tx_pb2.RESPONSE_RESULT_TYPE_SUCCESS


def send_packet(ctx: Context, msg: tx_pb2.MsgSendPacket) -> tx_pb2.MsgSendPacketResponse:
    """Sends a packet of an application."""
    packet = packet_pb2.Packet(
        source_client=msg.source_client,
        timeout_timestamp=msg.timeout_timestamp,
        payloads=msg.payloads,
    )
    return tx_pb2.MsgSendPacketResponse(sequence=send(ctx, packet, transfer.send))


def send(
    ctx: Context, packet: packet_pb2.Packet, take: Callable[[Context, packet_pb2.Packet], None]
) -> int:
    """Sends a packet, without sequence and destination; returns its sequence.

    take: what the application takes for it from whoever sends it, or rejects.
    """
    client = keeper.require_connected(ctx, packet.source_client)
    packet.sequence = client.last_sequence + 1
    packet.destination_client = client.counterparty
    _require_valid(packet)
    _require_timeout(ctx, client, packet)
    # The last check, and then the first write.
    take(ctx, packet)
    client.last_sequence = packet.sequence
    CLIENTS.set(ctx, packet.source_client, client)
    PACKETS.set(ctx, _key(packet.source_client, Kind.COMMITMENT, packet), _commit(packet))
    events.announce_packet(ctx, "send_packet", packet)
    return packet.sequence


def recv_packet(
    ctx: Context, msg: tx_pb2.MsgRecvPacket, applications: Applications
) -> tx_pb2.MsgRecvPacketResponse:
    """Takes a packet of another chain."""
    packet = msg.packet
    own = packet.destination_client
    client = keeper.require_connected(ctx, own)
    _require_valid(packet)
    detail = f"it comes from {packet.source_client}, not {client.counterparty}"
    require(packet.source_client == client.counterparty, IbcError.PACKET_INVALID, detail)
    if PACKETS.has(ctx, _key(own, Kind.RECEIPT, packet)):
        return tx_pb2.MsgRecvPacketResponse(result=_NOOP)
    in_time = ctx.block.time_s < packet.timeout_timestamp
    require(in_time, IbcError.TIMEOUT_PASSED, str(packet.timeout_timestamp))
    root = keeper.require_consensus(ctx, own, msg.proof_height).root
    key = packets.make_key(packet.source_client, Kind.COMMITMENT, packet.sequence)
    keeper.require_proven(root, key, _commit(packet), msg.proof_commitment)
    answer = _deliver(ctx, packet, applications)
    PACKETS.set(ctx, _key(own, Kind.RECEIPT, packet), RECEIPT)
    events.announce_packet(ctx, "recv_packet", packet)
    if answer is not None:
        write_answer(ctx, packet, answer)
    return tx_pb2.MsgRecvPacketResponse(result=_SUCCESS)


def write_answer(ctx: Context, packet: packet_pb2.Packet, answer: bytes) -> None:
    """Answers a packet that was taken in this block."""
    answers = packet_pb2.Acknowledgement(app_acknowledgements=[answer])
    key = _key(packet.destination_client, Kind.ACKNOWLEDGEMENT, packet)
    PACKETS.set(ctx, key, _commit_answer(answers))
    events.announce_packet(ctx, "write_acknowledgement", packet, answers)


def acknowledgement(
    ctx: Context, msg: tx_pb2.MsgAcknowledgement, applications: Applications
) -> tx_pb2.MsgAcknowledgementResponse:
    """Ends a packet with what the other chain has answered."""
    packet, answer = msg.packet, msg.acknowledgement
    if not _require_sent(ctx, packet):
        return tx_pb2.MsgAcknowledgementResponse(result=_NOOP)
    root = keeper.require_consensus(ctx, packet.source_client, msg.proof_height).root
    key = packets.make_key(packet.destination_client, Kind.ACKNOWLEDGEMENT, packet.sequence)
    keeper.require_proven(root, key, _commit_answer(answer), msg.proof_acked)
    require(len(answer.app_acknowledgements) == 1, IbcError.ACKNOWLEDGEMENT_INVALID)
    find_application(applications, packet).acknowledge(ctx, packet, answer.app_acknowledgements[0])
    PACKETS.delete(ctx, _key(packet.source_client, Kind.COMMITMENT, packet))
    events.announce_packet(ctx, "acknowledge_packet", packet)
    return tx_pb2.MsgAcknowledgementResponse(result=_SUCCESS)


def timeout(
    ctx: Context, msg: tx_pb2.MsgTimeout, applications: Applications
) -> tx_pb2.MsgTimeoutResponse:
    """Ends a packet that has not come in time."""
    packet = msg.packet
    if not _require_sent(ctx, packet):
        return tx_pb2.MsgTimeoutResponse(result=_NOOP)
    consensus = keeper.require_consensus(ctx, packet.source_client, msg.proof_height)
    over = consensus.time_ns // light.NS_PER_S >= packet.timeout_timestamp
    require(over, IbcError.TIMEOUT_AHEAD, str(packet.timeout_timestamp))
    key = packets.make_key(packet.destination_client, Kind.RECEIPT, packet.sequence)
    keeper.require_proven(consensus.root, key, None, msg.proof_unreceived)
    find_application(applications, packet).time_out(ctx, packet)
    PACKETS.delete(ctx, _key(packet.source_client, Kind.COMMITMENT, packet))
    events.announce_packet(ctx, "timeout_packet", packet)
    return tx_pb2.MsgTimeoutResponse(result=_SUCCESS)


def _require_sent(ctx: Context, packet: packet_pb2.Packet) -> bool:
    """Whether a packet of this chain has not ended; rejects one that was never sent like this."""
    client = keeper.require_connected(ctx, packet.source_client)
    require(client.counterparty == packet.destination_client, IbcError.PACKET_INVALID)
    sent = 0 < packet.sequence <= client.last_sequence
    require(sent, IbcError.PACKET_INVALID, "no packet of this sequence was sent")
    commitment = PACKETS.get(ctx, _key(packet.source_client, Kind.COMMITMENT, packet))
    same = commitment is None or commitment == _commit(packet)
    require(same, IbcError.PACKET_INVALID, "another packet of this sequence was sent")
    return commitment is not None


def _deliver(ctx: Context, packet: packet_pb2.Packet, applications: Applications) -> bytes | None:
    """What the application answers, None: later in this block; what it has done before it rejects a
    packet is dropped.
    """
    attempt = ctx.begin_attempt()
    try:
        answer = find_application(applications, packet).receive(attempt, packet)
    except ChainError as error:
        ctx.emit(
            events_pb2.EventPacketRejected(
                client_id=packet.destination_client,
                sequence=packet.sequence,
                codespace=error.error.codespace,
                code=error.error.code,
            )
        )
        return ERROR_ACKNOWLEDGEMENT
    ctx.accept(attempt)
    return answer


def _require_valid(packet: packet_pb2.Packet) -> None:
    """Rejects a packet that ibc-go would not take either, and more than one payload."""
    clients = is_client_id(packet.source_client) and is_client_id(packet.destination_client)
    require(clients and packet.sequence, IbcError.PACKET_INVALID, "clients or sequence")
    require(len(packet.payloads) == 1, IbcError.PACKET_INVALID, "one payload is expected")
    (payload,) = packet.payloads
    ports = is_port_id(payload.source_port) and is_port_id(payload.destination_port)
    texts = (payload.version, payload.encoding)
    fits = all(0 < len(text) <= _TEXT_CHARACTERS_MAX for text in texts)
    fits = fits and 0 < len(payload.value) <= VALUE_BYTES_MAX
    require(ports and fits, IbcError.PACKET_INVALID, "the payload")


def _require_timeout(ctx: Context, client: state_pb2.Client, packet: packet_pb2.Packet) -> None:
    ahead_s = packet.timeout_timestamp - ctx.block.time_s
    require(0 < ahead_s <= TIMEOUT_MAX_S, IbcError.TIMEOUT_INVALID, str(packet.timeout_timestamp))
    latest = keeper.require_consensus(ctx, packet.source_client, client.state.latest_height)
    later = packet.timeout_timestamp * light.NS_PER_S > latest.time_ns
    require(later, IbcError.TIMEOUT_INVALID, "it has passed on the other chain")


def _key(client_id: str, kind: Kind, packet: packet_pb2.Packet) -> tuple[tuple[str, Kind], int]:
    return (client_id, kind), packet.sequence


def _commit(packet: packet_pb2.Packet) -> bytes:
    payloads = [
        Payload(one.source_port, one.destination_port, one.version, one.encoding, one.value)
        for one in packet.payloads
    ]
    return packets.compute_packet_commitment(
        packet.destination_client, packet.timeout_timestamp, payloads
    )


def _commit_answer(answer: packet_pb2.Acknowledgement) -> bytes:
    return packets.compute_acknowledgement_commitment(list(answer.app_acknowledgements))
