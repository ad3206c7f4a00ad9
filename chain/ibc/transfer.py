"""ICS-20: money of this chain on others, and of others here.

What is ours waits in an escrow account of the client while it is elsewhere; of what is another
chain's there are vouchers, minted when it comes and burned when it goes. `outstanding` of a limit
counts both, so that nothing comes back that has not left.
"""

from __future__ import annotations

from blockenergy.ibc.v1 import events_pb2, state_pb2
from ibc.core.channel.v2.packet_pb2 import Packet, Payload

from chain import bank, registry
from chain.ibc import transfer_data
from chain.ibc.keeper import IbcError
from chain.ibc.packets import ERROR_ACKNOWLEDGEMENT
from chain.ibc.state import LIMITS, LIMITS_BY_VOUCHER
from chain.ibc.transfer_data import PORT, SUCCESS, TransferData, TransferDataError
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore
from chain.runtime.tx import decode_address

_ANYBODY: frozenset[int] = frozenset()


def send(ctx: Context, packet: Packet) -> None:
    """Takes from the signer what a packet sends; rejects before it writes anything."""
    data = _read(packet)
    is_own = decode_address(data.sender) == ctx.signer
    require(is_own, IbcError.TRANSFER_INVALID, "the sender has to be the signer")
    named = transfer_data.is_account(data.receiver)
    require(named, IbcError.TRANSFER_INVALID, "a receiver has 1 to 128 letters and digits")
    client_id = packet.source_client
    limit = _require_limit(ctx, client_id, data.path)
    limit.sent += data.amount
    _require_within(limit.sent, data.amount, limit.sent_per_day_max)
    denom, is_voucher = get_denom(client_id, data.path)
    if is_voucher:
        bank.burn(ctx, ctx.signer, denom, data.amount)
        limit.outstanding -= data.amount
    else:
        escrow = transfer_data.get_escrow_account(client_id)
        bank.transfer(ctx, ctx.signer, escrow, denom, data.amount)
        limit.outstanding += data.amount
    LIMITS.set(ctx, (client_id, data.path), limit)
    ctx.emit(
        events_pb2.EventTokensSent(
            client_id=client_id,
            sequence=packet.sequence,
            sender=data.sender,
            receiver=data.receiver,
            denom=denom,
            amount=data.amount,
            burned=is_voucher,
        )
    )


def receive(ctx: Context, packet: Packet) -> bytes:
    """Gives the receiver what a packet brings; returns the acknowledgement. What is rejected
    becomes an error for the sender, and its context is dropped.
    """
    data = _read(packet)
    receiver = decode_address(data.receiver)
    registry.require_permission(ctx, receiver, _ANYBODY)
    client_id = packet.destination_client
    # The hop that it took to the sender ends here, or it has taken one more.
    home = transfer_data.remove_hop(packet.source_client, data.path)
    path = transfer_data.add_hop(client_id, data.path) if home is None else home
    limit = _require_limit(ctx, client_id, path)
    limit.received += data.amount
    _require_within(limit.received, data.amount, limit.received_per_day_max)
    denom, is_voucher = _give(ctx, client_id, path, limit, receiver, data.amount)
    ctx.emit(
        events_pb2.EventTokensReceived(
            client_id=client_id,
            sequence=packet.sequence,
            sender=data.sender,
            receiver=data.receiver,
            denom=denom,
            amount=data.amount,
            minted=is_voucher,
        )
    )
    return SUCCESS


def take_back(ctx: Context, packet: Packet) -> None:
    """Returns to the sender what a packet of this chain has not brought anywhere."""
    data = _read(packet)
    client_id = packet.source_client
    limit = _require_known(ctx, client_id, data.path)
    sender = decode_address(data.sender)
    denom, is_voucher = _give(ctx, client_id, data.path, limit, sender, data.amount)
    ctx.emit(
        events_pb2.EventTokensReturned(
            client_id=client_id,
            sequence=packet.sequence,
            sender=data.sender,
            denom=denom,
            amount=data.amount,
            minted=is_voucher,
        )
    )


def acknowledge(ctx: Context, packet: Packet, answer: bytes) -> None:
    """Returns to the sender what was rejected; rejects what no receiver of a transfer answers."""
    require(answer in (SUCCESS, ERROR_ACKNOWLEDGEMENT), IbcError.ACKNOWLEDGEMENT_INVALID)
    if answer == ERROR_ACKNOWLEDGEMENT:
        take_back(ctx, packet)


def get_denom(client_id: str, path: str) -> tuple[str, bool]:
    """What balances have of a path, and whether that is a voucher of what came over this client.

    A voucher of what came over another client is, over this one, a denomination of ours.
    """
    came_here = transfer_data.remove_hop(client_id, path) is not None
    return transfer_data.get_denom(path), came_here


def find_path(state: HasStore, denom: str) -> str:
    """The path of a denomination that can be sent: of a voucher where it comes from."""
    if len(denom.encode()) > transfer_data.PATH_BYTES_MAX:
        return denom
    found = next(LIMITS_BY_VOUCHER.keys(state, denom), None)
    return denom if found is None else found[1]


def make_payload(data: TransferData, encoding: str) -> Payload:
    """The payload of a transfer; rejects an unknown encoding."""
    known = encoding in (transfer_data.PROTOBUF, transfer_data.JSON)
    require(known, IbcError.TRANSFER_INVALID, "the encoding is not known")
    return Payload(
        source_port=PORT,
        destination_port=PORT,
        version=transfer_data.VERSION,
        encoding=encoding,
        value=transfer_data.write(data, encoding),
    )


def _read(packet: Packet) -> TransferData:
    """What a packet says; rejects one that is no transfer."""
    (payload,) = packet.payloads
    ports = (payload.source_port, payload.destination_port) == (PORT, PORT)
    require(ports, IbcError.TRANSFER_INVALID, f"the only port is {PORT}")
    try:
        return transfer_data.read(payload.version, payload.encoding, payload.value)
    except TransferDataError as error:
        raise ChainError(IbcError.TRANSFER_INVALID, str(error)) from None


def _give(
    ctx: Context,
    client_id: str,
    path: str,
    limit: state_pb2.TransferLimit,
    recipient: bytes,
    amount: int,
) -> tuple[str, bool]:
    """Pays in new vouchers, or out of escrow no more than is elsewhere; returns what `get_denom`
    does.
    """
    denom, is_voucher = get_denom(client_id, path)
    if is_voucher:
        bank.mint(ctx, recipient, denom, amount)
        limit.outstanding += amount
    else:
        out = amount <= limit.outstanding
        require(out, IbcError.TRANSFER_INVALID, "more comes back than has left")
        escrow = transfer_data.get_escrow_account(client_id)
        bank.transfer(ctx, escrow, recipient, denom, amount)
        limit.outstanding -= amount
    LIMITS.set(ctx, (client_id, path), limit)
    return denom, is_voucher


def _require_known(state: HasStore, client_id: str, path: str) -> state_pb2.TransferLimit:
    limit = LIMITS.get(state, (client_id, path))
    if limit is None:
        raise ChainError(IbcError.TRANSFER_NOT_ALLOWED, f"{path} over {client_id}")
    return limit


def _require_limit(ctx: Context, client_id: str, path: str) -> state_pb2.TransferLimit:
    """The limit of a path, with what counts today; rejects a path that has none."""
    limit = _require_known(ctx, client_id, path)
    today = ctx.block.time_s // SECONDS_PER_DAY
    if limit.day != today:
        limit.day, limit.sent, limit.received = today, 0, 0
    return limit


def _require_within(total: int, amount: int, most: int) -> None:
    rest = max(0, most - (total - amount))
    require(total <= most, IbcError.LIMIT_REACHED, f"{rest} of {most} are left")
