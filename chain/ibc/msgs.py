"""All messages: those of the authority and of who sends money; the others lie beside."""

from __future__ import annotations

from blockenergy.ibc.v1 import events_pb2, state_pb2, tx_pb2
from ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2
from ibc.core.channel.v2 import tx_pb2 as channel_pb2
from ibc.core.channel.v2.packet_pb2 import Packet

from chain import bank, params
from chain.ibc import channel, clients, keeper, transfer_data
from chain.ibc import transfer as ics20
from chain.ibc.applications import Application, Applications
from chain.ibc.keeper import IbcError
from chain.ibc.state import LIMITS
from chain.ibc.transfer_data import PORT, PROTOBUF, TransferData
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.tx import decode_amount
from chain.runtime.units import AMOUNT_MAX

# Seconds until the year 36812; a number of nanoseconds is larger.
_TIME_S_MAX = 1 << 40
_SYMBOL_CHARACTERS_MAX = 16


class Msgs:
    """The messages, and the applications whose packets they bring."""

    create_client = staticmethod(clients.create_client)
    recover_client = staticmethod(clients.recover_client)
    register_counterparty = staticmethod(clients.register_counterparty)
    update_client = staticmethod(clients.update_client)
    send_packet = staticmethod(channel.send_packet)

    def __init__(self, applications: Applications) -> None:
        transfers = Application(ics20.receive, ics20.acknowledge, ics20.take_back)
        self._applications = {PORT: transfers, **applications}

    def recv_packet(
        self, ctx: Context, msg: channel_pb2.MsgRecvPacket
    ) -> channel_pb2.MsgRecvPacketResponse:
        """Takes a packet of another chain."""
        return channel.recv_packet(ctx, msg, self._applications)

    def acknowledgement(
        self, ctx: Context, msg: channel_pb2.MsgAcknowledgement
    ) -> channel_pb2.MsgAcknowledgementResponse:
        """Ends a packet with what the other chain has answered."""
        return channel.acknowledgement(ctx, msg, self._applications)

    def timeout(self, ctx: Context, msg: channel_pb2.MsgTimeout) -> channel_pb2.MsgTimeoutResponse:
        """Ends a packet that has not come in time."""
        return channel.timeout(ctx, msg, self._applications)

    def transfer(
        self, ctx: Context, msg: transfer_pb2.MsgTransfer
    ) -> transfer_pb2.MsgTransferResponse:
        """Sends money to an account of another chain."""
        return _transfer(ctx, msg)

    def set_transfer_limit(
        self, ctx: Context, msg: tx_pb2.MsgSetTransferLimit
    ) -> tx_pb2.MsgSetTransferLimitResponse:
        """Allows transfers of a denomination over a client, or stops them."""
        return _set_transfer_limit(ctx, msg)


def _transfer(ctx: Context, msg: transfer_pb2.MsgTransfer) -> transfer_pb2.MsgTransferResponse:
    """Sends money to an account of another chain."""
    require(msg.source_port == PORT, IbcError.TRANSFER_INVALID, f"the port is {PORT}")
    require(not msg.memo, IbcError.TRANSFER_INVALID, "no memo is sent")
    by_height = msg.timeout_height.revision_number or msg.timeout_height.revision_height
    require(not by_height, IbcError.TIMEOUT_INVALID, "a packet ends by time, not by height")
    in_seconds = msg.timeout_timestamp < _TIME_S_MAX
    require(in_seconds, IbcError.TIMEOUT_INVALID, "this looks like nanoseconds")
    path = ics20.find_path(ctx, msg.token.denom)
    data = TransferData(path, decode_amount(msg.token), msg.sender, msg.receiver)
    packet = Packet(
        source_client=msg.source_channel,
        timeout_timestamp=msg.timeout_timestamp,
        payloads=[ics20.make_payload(data, msg.encoding or PROTOBUF)],
    )
    return transfer_pb2.MsgTransferResponse(sequence=channel.send(ctx, packet, ics20.send))


def _set_transfer_limit(
    ctx: Context, msg: tx_pb2.MsgSetTransferLimit
) -> tx_pb2.MsgSetTransferLimitResponse:
    """Allows transfers of a denomination over a client, or stops them."""
    params.require_authority(ctx, msg.authority)
    keeper.require_client(ctx, msg.client_id)
    require(transfer_data.is_path(msg.path), IbcError.PATH_INVALID, msg.path[:100])
    most = max(msg.sent_per_day_max, msg.received_per_day_max)
    require(most <= AMOUNT_MAX, IbcError.PATH_INVALID, f"an amount above {AMOUNT_MAX}")
    denom, is_voucher = ics20.get_denom(msg.client_id, msg.path)
    limit = LIMITS.get(ctx, (msg.client_id, msg.path))
    if not is_voucher:
        known = bank.get_denom(ctx, denom) is not None
        require(known, IbcError.PATH_INVALID, f"there is no denomination {denom}")
    elif limit is None:
        _, base = transfer_data.split_path(msg.path)
        bank.create_denom(ctx, denom, "", base[:_SYMBOL_CHARACTERS_MAX], 0)
    limit = limit or state_pb2.TransferLimit()
    limit.sent_per_day_max = msg.sent_per_day_max
    limit.received_per_day_max = msg.received_per_day_max
    LIMITS.set(ctx, (msg.client_id, msg.path), limit)
    ctx.emit(
        events_pb2.EventTransferLimitSet(
            client_id=msg.client_id,
            path=msg.path,
            sent_per_day_max=msg.sent_per_day_max,
            received_per_day_max=msg.received_per_day_max,
        )
    )
    return tx_pb2.MsgSetTransferLimitResponse(denom=denom)
