"""What certificates and credits do with packets.

Promises that what has left is unlocked only by a packet that brings it back, by the error
acknowledgement or by a timeout, and no more than has left; that what the other chain sends never
becomes a certificate or a credit of this one; and that a packet ends, whatever is answered.
"""

from __future__ import annotations

from blockenergy.carbontransfer.v1 import events_pb2, packet_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2
from ibc.core.channel.v2.packet_pb2 import Packet, Payload

from chain import ibc, registry
from chain.carbontransfer import batches, foreign, keeper, own
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.state import ROUTES
from chain.runtime.context import Context
from chain.runtime.encoding import bech32, codec, untrusted
from chain.runtime.errors import require
from chain.runtime.tx import decode_address

PORT = "blockenergy.carbon"
VERSION = "carbon-1"
ENCODING = "application/x-protobuf"


def make_packet(client_id: str, timeout_s: int, content: packet_pb2.CarbonPacket) -> Packet:
    """A packet as `ibc.send` takes it."""
    payload = Payload(
        source_port=PORT,
        destination_port=PORT,
        version=VERSION,
        encoding=ENCODING,
        value=codec.encode(content),
    )
    return Packet(source_client=client_id, timeout_timestamp=timeout_s, payloads=[payload])


def make_entries(lots: list[packet_pb2.Lot]) -> list[certificates_pb2.Entry]:
    """Slot, producer and Wh of certificates."""
    return [certificates_pb2.Entry(slot=one.slot, producer=one.producer, wh=one.wh) for one in lots]


def _receive(ctx: Context, packet: Packet) -> bytes:
    """Gives the receiver what a packet brings, as foreign or, if it is this chain's, unlocked."""
    content = _read(packet)
    receiver = decode_address(content.receiver)
    registry.require_active(ctx, receiver)
    if content.HasField("credits") or content.HasField("credits_home"):
        _receive_credits(ctx, packet, content, receiver)
    else:
        _receive_certificates(ctx, packet, content, receiver)
    return ibc.SUCCESS


def _receive_certificates(
    ctx: Context, packet: Packet, content: packet_pb2.CarbonPacket, receiver: bytes
) -> None:
    client_id, lots = packet.destination_client, list(content.certificates)
    entries = make_entries(lots) or list(content.certificates_home)
    keeper.require_entries(entries)
    route = keeper.count_received(ctx, client_id, wh=sum(entry.wh for entry in entries))
    ROUTES.set(ctx, client_id, route)
    for lot in lots:
        foreign.receive(ctx, client_id, lot, receiver)
    own.come_home(ctx, client_id, content.certificates_home, receiver)
    ctx.emit(
        events_pb2.EventCertificatesReceived(
            client_id=client_id,
            sequence=packet.sequence,
            sender=content.sender,
            receiver=content.receiver,
            entries=entries,
            foreign=bool(lots),
        )
    )


def _receive_credits(
    ctx: Context, packet: Packet, content: packet_pb2.CarbonPacket, receiver: bytes
) -> None:
    client_id, home = packet.destination_client, content.credits_home
    is_foreign = content.HasField("credits")
    batch, grams = home.batch, home.grams
    if is_foreign:
        batch = batches.get_foreign_name(client_id, content.credits.batch)
        grams = content.credits.grams
    route = keeper.count_received(ctx, client_id, grams=grams)
    if is_foreign:
        batches.receive(ctx, client_id, route, content.credits, receiver)
    else:
        batches.come_home(ctx, client_id, home, receiver)
    ROUTES.set(ctx, client_id, route)
    ctx.emit(
        events_pb2.EventCreditsReceived(
            client_id=client_id,
            sequence=packet.sequence,
            sender=content.sender,
            receiver=content.receiver,
            batch=batch,
            grams=grams,
            foreign=is_foreign,
        )
    )


def _acknowledge(ctx: Context, packet: Packet, answer: bytes) -> None:
    """Gives back what was rejected. Any other answer counts as taken: nothing is unlocked that
    might be there.
    """
    if answer == ibc.ERROR_ACKNOWLEDGEMENT:
        _give_back(ctx, packet)


def _give_back(ctx: Context, packet: Packet) -> None:
    """Gives its sender again what a packet of this chain has not brought anywhere."""
    content = _read(packet)
    if content.HasField("credits") or content.HasField("credits_home"):
        _give_credits_back(ctx, packet, content)
        return
    client_id, sender = packet.source_client, bech32.decode(content.sender)
    if content.certificates:
        entries = own.take_back(ctx, client_id, content.certificates, sender)
    else:
        entries = foreign.take_back(ctx, client_id, content.certificates_home, sender)
    ctx.emit(
        events_pb2.EventCertificatesGivenBack(
            client_id=client_id,
            sequence=packet.sequence,
            holder=content.sender,
            entries=entries,
            foreign=bool(content.certificates_home),
        )
    )


def _give_credits_back(ctx: Context, packet: Packet, content: packet_pb2.CarbonPacket) -> None:
    client_id, sender = packet.source_client, bech32.decode(content.sender)
    if content.HasField("credits"):
        batch = content.credits.batch
        grams = batches.take_back(ctx, client_id, content.credits, sender)
    else:
        batch = batches.get_foreign_name(client_id, content.credits_home.batch)
        grams = content.credits_home.grams
        batches.take_home_back(ctx, client_id, content.credits_home, sender)
    ctx.emit(
        events_pb2.EventCreditsGivenBack(
            client_id=client_id,
            sequence=packet.sequence,
            owner=content.sender,
            batch=batch,
            grams=grams,
            foreign=content.HasField("credits_home"),
        )
    )


def _read(packet: Packet) -> packet_pb2.CarbonPacket:
    """What a packet brings; rejects one that brings nothing, or two things."""
    (payload,) = packet.payloads
    known = (payload.version, payload.encoding) == (VERSION, ENCODING)
    require(known, CarbonTransferError.PACKET_INVALID, "its version or encoding is not known")
    content = untrusted.decode(
        packet_pb2.CarbonPacket, payload.value, CarbonTransferError.PACKET_INVALID
    )
    brings = (
        bool(content.certificates),
        bool(content.certificates_home),
        content.HasField("credits"),
        content.HasField("credits_home"),
    )
    require(sum(brings) == 1, CarbonTransferError.PACKET_INVALID, "one kind is expected")
    return content


APPLICATION = ibc.Application(_receive, _acknowledge, _give_back)
