"""What tie lines do with packets: ask the other region, answer it, and take its answers.

Promises that whatever the other region and its relayers do, or leave undone, nothing is traded here
beyond the capacity and the limits of the line, or with other money than the line's; and that a
packet ends, whatever is answered.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import events_pb2, packet_pb2, state_pb2
from ibc.core.channel.v2.packet_pb2 import Packet, Payload

from chain import ibc, market, metering
from chain.runtime.context import Context
from chain.runtime.encoding import codec, untrusted
from chain.runtime.errors import ChainError, require
from chain.tielines import keeper
from chain.tielines.keeper import OPPOSITE, TieLinesError
from chain.tielines.state import PLACED, SCHEDULES, TIE_LINES

PORT = "tieline"
VERSION = "tieline-1"
ENCODING = "application/x-protobuf"


def send_request(ctx: Context, placed: state_pb2.PlacedOrder, quantity_wh: int) -> int:
    """Asks the other region to trade the other way round what was traded here; returns the sequence
    of the packet.
    """
    request = packet_pb2.Request(
        tie_line=placed.tie_line,
        slot=placed.slot,
        slot_length_s=metering.get_params(ctx).slot_length_s,
        side=OPPOSITE[placed.side],
        quantity_wh=quantity_wh,
        price_limit_per_kwh=placed.price_limit_there_per_kwh,
    )
    payload = Payload(
        source_port=PORT,
        destination_port=PORT,
        version=VERSION,
        encoding=ENCODING,
        value=codec.encode(request),
    )
    packet = Packet(
        source_client=keeper.require_tie_line(ctx, placed.tie_line).client_id,
        timeout_timestamp=placed.timeout_s,
        payloads=[payload],
    )
    return ibc.send(ctx, packet, _take_nothing)


def _receive(ctx: Context, packet: Packet) -> None:
    """Places the order that the other region asks for; it is answered at the end of the block."""
    request = _read(packet)
    name, slot = request.tie_line, request.slot
    line = keeper.require_tie_line(ctx, name)
    same = line.client_id == packet.destination_client
    require(same, TieLinesError.PACKET_INVALID, "it comes over another client")
    same = request.slot_length_s == metering.get_params(ctx).slot_length_s
    require(same, TieLinesError.PACKET_INVALID, "slots have another length")
    schedule = keeper.get_schedule(ctx, slot, name)
    keeper.add_pending(ctx, line, schedule, request.side, request.quantity_wh)
    order_id = market.place_order(
        ctx,
        keeper.get_account(name),
        request.side,
        slot,
        request.quantity_wh,
        request.price_limit_per_kwh,
        reported=True,
    )
    TIE_LINES.set(ctx, name, line)
    keeper.set_schedule(ctx, slot, name, schedule)
    placed = state_pb2.PlacedOrder(
        tie_line=name,
        slot=slot,
        side=request.side,
        quantity_wh=request.quantity_wh,
        purpose=state_pb2.PURPOSE_ANSWER,
        packet=codec.encode(packet),
    )
    PLACED.set(ctx, order_id, placed)


def write_answer(ctx: Context, placed: state_pb2.PlacedOrder, executed_wh: int) -> None:
    """Tells the other region what was traded here; nothing is as good as a rejection."""
    answer = ibc.ERROR_ACKNOWLEDGEMENT
    if executed_wh:
        answer = codec.encode(packet_pb2.Answer(executed_wh=executed_wh))
    ibc.write_answer(ctx, Packet.FromString(placed.packet), answer)


def _acknowledge(ctx: Context, packet: Packet, answer: bytes) -> None:
    """Notes what both regions agree on, and the rest to be traded back."""
    _end(ctx, packet, _read_answer(answer))


def _time_out(ctx: Context, packet: Packet) -> None:
    """Notes all of it to be traded back."""
    _end(ctx, packet, 0)


def _end(ctx: Context, packet: Packet, executed_wh: int) -> None:
    """Ends a packet of ours. What is answered to one whose slot is settled changes nothing any
    more.
    """
    request = _read(packet)
    name, slot, side = request.tie_line, request.slot, OPPOSITE[request.side]
    schedule = SCHEDULES.get(ctx, (slot, name))
    if schedule is None:
        return
    agreed_wh = executed_wh if executed_wh <= request.quantity_wh else 0
    keeper.end_pending(schedule, side, request.quantity_wh, agreed_wh)
    keeper.add_back(schedule, side, request.quantity_wh - agreed_wh)
    keeper.set_schedule(ctx, slot, name, schedule)
    announce_agreed(ctx, name, slot, side, agreed_wh)


def announce_agreed(
    ctx: Context, name: str, slot: int, side: market_pb2.Side, quantity_wh: int
) -> None:
    """That both regions have agreed, if it is on anything."""
    if quantity_wh:
        ctx.emit(
            events_pb2.EventEnergyAgreed(
                tie_line=name, slot=slot, side=side, quantity_wh=quantity_wh
            )
        )


def _read(packet: Packet) -> packet_pb2.Request:
    (payload,) = packet.payloads
    known = (payload.version, payload.encoding) == (VERSION, ENCODING)
    require(known, TieLinesError.PACKET_INVALID, "its version or encoding is not known")
    request = untrusted.decode(packet_pb2.Request, payload.value, TieLinesError.PACKET_INVALID)
    require(request.side in OPPOSITE, TieLinesError.SIDE_INVALID)
    return request


def _read_answer(answer: bytes) -> int:
    """What was traded there, in Wh; nothing if it cannot be read, so that no answer can keep a
    packet from ending.
    """
    if answer == ibc.ERROR_ACKNOWLEDGEMENT:
        return 0
    try:
        read = untrusted.decode(packet_pb2.Answer, answer, TieLinesError.PACKET_INVALID)
    except ChainError:
        return 0
    return read.executed_wh


def _take_nothing(_: Context, __: Packet) -> None:
    """What a packet stands for was traded before."""


APPLICATION = ibc.Application(_receive, _acknowledge, _time_out)
