"""Messages of the authority, which names routes, and of those who hold certificates and credits."""

from __future__ import annotations

from blockenergy.carbontransfer.v1 import events_pb2, packet_pb2, state_pb2, tx_pb2
from ibc.core.channel.v2.packet_pb2 import Packet

from chain import carbon, certificates, credits, ibc, registry
from chain.carbontransfer import batches, foreign, keeper, own, packets
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.state import LAST_RETIREMENT, RETIREMENTS, ROUTES
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import require
from chain.runtime.tx import decode_address
from chain.runtime.units import AMOUNT_MAX

_LIMITS = (
    "sent_per_day_max_wh",
    "received_per_day_max_wh",
    "sent_per_day_max_g",
    "received_per_day_max_g",
    "received_packets_per_day_max",
    "batches_max",
)


def set_route(ctx: Context, msg: tx_pb2.MsgSetRoute) -> tx_pb2.MsgSetRouteResponse:
    """Allows certificates and credits over a client, or changes up to which amounts."""
    carbon.require_authority(ctx, msg.authority)
    ibc.require_client(ctx, msg.client_id)
    limits = {name: getattr(msg, name) for name in _LIMITS}
    fits = max(limits.values()) <= AMOUNT_MAX
    require(fits, CarbonTransferError.ROUTE_INVALID, f"a limit above {AMOUNT_MAX}")
    route = ROUTES.get(ctx, msg.client_id) or state_pb2.Route()
    for name, value in limits.items():
        setattr(route, name, value)
    ROUTES.set(ctx, msg.client_id, route)
    ctx.emit(events_pb2.EventRouteSet(client_id=msg.client_id, route=route))
    return tx_pb2.MsgSetRouteResponse()


def send_certificates(
    ctx: Context, msg: tx_pb2.MsgSendCertificates
) -> tx_pb2.MsgSendCertificatesResponse:
    """Locks certificates of this chain and sends them to another one."""
    decode_address(msg.receiver)
    keeper.require_entries(msg.entries)
    taken = certificates.require_leaving(ctx, ctx.signer, msg.entries)
    route = keeper.count_sent(ctx, msg.client_id, wh=sum(one.wh for one in taken))
    content = packet_pb2.CarbonPacket(
        sender=msg.holder, receiver=msg.receiver, certificates=own.make_lots(ctx, taken)
    )

    def lock(_: Context, packet: Packet) -> None:
        own.lock(ctx, msg.client_id, taken)
        ROUTES.set(ctx, msg.client_id, route)
        _announce_sent(ctx, msg, packet, is_foreign=False)

    packet = packets.make_packet(msg.client_id, msg.timeout_s, content)
    return tx_pb2.MsgSendCertificatesResponse(sequence=ibc.send(ctx, packet, lock))


def return_certificates(
    ctx: Context, msg: tx_pb2.MsgReturnCertificates
) -> tx_pb2.MsgReturnCertificatesResponse:
    """Sends certificates of another chain home."""
    decode_address(msg.receiver)
    held = foreign.require_held(ctx, msg.client_id, ctx.signer, msg.entries)
    route = keeper.count_sent(ctx, msg.client_id, wh=sum(one.wh for one in held))
    content = packet_pb2.CarbonPacket(
        sender=msg.holder, receiver=msg.receiver, certificates_home=msg.entries
    )

    def take(_: Context, packet: Packet) -> None:
        for one in held:
            one.series.returned_wh += one.wh
            foreign.take(ctx, one)
        ROUTES.set(ctx, msg.client_id, route)
        _announce_sent(ctx, msg, packet, is_foreign=True)

    packet = packets.make_packet(msg.client_id, msg.timeout_s, content)
    return tx_pb2.MsgReturnCertificatesResponse(sequence=ibc.send(ctx, packet, take))


def transfer_foreign(
    ctx: Context, msg: tx_pb2.MsgTransferForeign
) -> tx_pb2.MsgTransferForeignResponse:
    """Gives certificates of another chain to another participant."""
    recipient = decode_address(msg.recipient)
    require(recipient != ctx.signer, CarbonTransferError.RECIPIENT_INVALID)
    registry.require_active(ctx, recipient)
    for held in foreign.require_held(ctx, msg.client_id, ctx.signer, msg.entries):
        foreign.give(ctx, held, recipient)
    ctx.emit(
        events_pb2.EventForeignCertificatesTransferred(
            client_id=msg.client_id,
            holder=msg.holder,
            recipient=msg.recipient,
            entries=msg.entries,
        )
    )
    return tx_pb2.MsgTransferForeignResponse()


def retire_foreign(ctx: Context, msg: tx_pb2.MsgRetireForeign) -> tx_pb2.MsgRetireForeignResponse:
    """Uses certificates of another chain up, with a record that says where they come from."""
    require(credits.is_word(msg.purpose), CarbonTransferError.PURPOSE_INVALID)
    if msg.beneficiary:
        registry.require_active(ctx, decode_address(msg.beneficiary))
    held = foreign.require_held(ctx, msg.client_id, ctx.signer, msg.entries)
    retirement = state_pb2.ForeignRetirement(
        holder=msg.holder,
        beneficiary=msg.beneficiary,
        client_id=msg.client_id,
        chain_id=ibc.require_client(ctx, msg.client_id).state.chain_id,
        purpose=msg.purpose,
        time_s=ctx.block.time_s,
        entries=map(_make_retired, held),
    )
    for one in held:
        one.series.retired_wh += one.wh
        foreign.take(ctx, one)
    number = LAST_RETIREMENT.next(ctx)
    RETIREMENTS.set(ctx, number, retirement)
    ctx.emit(events_pb2.EventForeignCertificatesRetired(number=number, retirement=retirement))
    return tx_pb2.MsgRetireForeignResponse(number=number)


def send_credits(ctx: Context, msg: tx_pb2.MsgSendCredits) -> tx_pb2.MsgSendCreditsResponse:
    """Locks credits of this chain and sends them to another one, or sends that one's home."""
    decode_address(msg.receiver)
    content = batches.make_content(ctx, msg.client_id, msg.batch, msg.grams)
    content.sender, content.receiver = msg.owner, msg.receiver
    route = keeper.count_sent(ctx, msg.client_id, grams=msg.grams)
    is_foreign = content.HasField("credits_home")

    def take(_: Context, packet: Packet) -> None:
        # The last check: a balance that is too small.
        if is_foreign:
            credits.send_home(ctx, ctx.signer, msg.batch, msg.grams)
        else:
            batches.lock(ctx, msg.client_id, ctx.signer, msg.batch, msg.grams)
        ROUTES.set(ctx, msg.client_id, route)
        ctx.emit(
            events_pb2.EventCreditsSent(
                client_id=msg.client_id,
                sequence=packet.sequence,
                owner=msg.owner,
                receiver=msg.receiver,
                batch=msg.batch,
                grams=msg.grams,
                foreign=is_foreign,
            )
        )

    packet = packets.make_packet(msg.client_id, msg.timeout_s, content)
    return tx_pb2.MsgSendCreditsResponse(sequence=ibc.send(ctx, packet, take))


def _announce_sent(
    ctx: Context,
    msg: tx_pb2.MsgSendCertificates | tx_pb2.MsgReturnCertificates,
    packet: Packet,
    *,
    is_foreign: bool,
) -> None:
    ctx.emit(
        events_pb2.EventCertificatesSent(
            client_id=msg.client_id,
            sequence=packet.sequence,
            holder=msg.holder,
            receiver=msg.receiver,
            entries=msg.entries,
            foreign=is_foreign,
        )
    )


def _make_retired(held: foreign.Held) -> state_pb2.RetiredEntry:
    (_, slot), producer = held.key
    return state_pb2.RetiredEntry(
        slot=slot,
        producer=bech32.encode(producer),
        wh=held.wh,
        start_s=held.series.start_s,
        end_s=held.series.end_s,
        energy_source=held.series.energy_source,
        zone=held.series.zone,
    )
