"""Queries of clients, packets and transfers; proofs come with queries of the store."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.ibc.v1 import query_pb2
from ibc.applications.transfer.v1 import query_pb2 as transfer_pb2
from ibc.core.channel.v2 import packet_pb2
from ibc.core.channel.v2 import query_pb2 as channel_pb2
from ibc.core.client.v1 import client_pb2
from ibc.core.client.v1 import query_pb2 as client_query_pb2
from ibc.core.client.v2 import query_pb2 as client_v2_pb2

from chain.ibc import forms, keeper, transfer, transfer_data
from chain.ibc.keeper import IbcError
from chain.ibc.packets import Kind
from chain.ibc.state import CLIENTS, CONSENSUS_STATES, LIMITS, LIMITS_BY_VOUCHER, PACKETS, PARAMS
from chain.ibc.tendermint import Height
from chain.ibc.transfer_data import PORT, VOUCHER_PREFIX
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.state.paging import get_page

# What a query takes at once.
SEQUENCES_MAX = 300


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """The limit of clients."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def transfer_limits(
    ctx: Context, request: query_pb2.QueryTransferLimitsRequest
) -> query_pb2.QueryTransferLimitsResponse:
    """What may be transferred over a client."""
    keeper.require_client(ctx, request.client_id)
    page, pagination = get_page(ctx, LIMITS.under(request.client_id), request.pagination)
    limits = [
        query_pb2.NamedTransferLimit(
            path=path, denom=transfer.get_denom(request.client_id, path)[0], limit=limit
        )
        for path, limit in page
    ]
    return query_pb2.QueryTransferLimitsResponse(limits=limits, pagination=pagination)


def client_state(
    ctx: Context, request: client_query_pb2.QueryClientStateRequest
) -> client_query_pb2.QueryClientStateResponse:
    """What a client is."""
    client = keeper.require_client(ctx, request.client_id)
    return client_query_pb2.QueryClientStateResponse(client_state=forms.pack(client.state))


def client_states(
    ctx: Context, request: client_query_pb2.QueryClientStatesRequest
) -> client_query_pb2.QueryClientStatesResponse:
    """All clients."""
    page, pagination = get_page(ctx, CLIENTS, request.pagination)
    found = [
        client_pb2.IdentifiedClientState(client_id=client_id, client_state=forms.pack(client.state))
        for client_id, client in page
    ]
    return client_query_pb2.QueryClientStatesResponse(client_states=found, pagination=pagination)


def consensus_state(
    ctx: Context, request: client_query_pb2.QueryConsensusStateRequest
) -> client_query_pb2.QueryConsensusStateResponse:
    """What a client keeps of a header."""
    client = keeper.require_client(ctx, request.client_id)
    height = Height(request.revision_number, request.revision_height)
    if request.latest_height:
        height = forms.read_height(client.state.latest_height)
    found = CONSENSUS_STATES.get(ctx, (request.client_id, height))
    if found is None:
        raise ChainError(IbcError.HEIGHT_UNKNOWN, f"{height.revision}-{height.height}")
    return client_query_pb2.QueryConsensusStateResponse(consensus_state=forms.pack(found))


def consensus_states(
    ctx: Context, request: client_query_pb2.QueryConsensusStatesRequest
) -> client_query_pb2.QueryConsensusStatesResponse:
    """All that a client keeps of headers."""
    keeper.require_client(ctx, request.client_id)
    known = CONSENSUS_STATES.under(request.client_id)
    page, pagination = get_page(ctx, known, request.pagination)
    found = [
        client_pb2.ConsensusStateWithHeight(
            height=forms.write_height(Height(*height)), consensus_state=forms.pack(state)
        )
        for height, state in page
    ]
    return client_query_pb2.QueryConsensusStatesResponse(
        consensus_states=found, pagination=pagination
    )


def client_status(
    ctx: Context, request: client_query_pb2.QueryClientStatusRequest
) -> client_query_pb2.QueryClientStatusResponse:
    """Whether a client can be relied on."""
    client = CLIENTS.get(ctx, request.client_id)
    if client is None:
        return client_query_pb2.QueryClientStatusResponse(status="Unknown")
    status = keeper.get_client_status(ctx, request.client_id, client)
    return client_query_pb2.QueryClientStatusResponse(status=status.value)


def counterparty_info(
    ctx: Context, request: client_v2_pb2.QueryCounterpartyInfoRequest
) -> client_v2_pb2.QueryCounterpartyInfoResponse:
    """Which client of the other chain belongs to a client."""
    client = keeper.require_client(ctx, request.client_id)
    require(client.counterparty, IbcError.NO_COUNTERPARTY, request.client_id)
    info = client_v2_pb2.CounterpartyInfo(
        merkle_prefix=keeper.PREFIX, client_id=client.counterparty
    )
    return client_v2_pb2.QueryCounterpartyInfoResponse(counterparty_info=info)


def next_sequence_send(
    ctx: Context, request: channel_pb2.QueryNextSequenceSendRequest
) -> channel_pb2.QueryNextSequenceSendResponse:
    """The sequence of the next packet over a client."""
    client = keeper.require_client(ctx, request.client_id)
    return channel_pb2.QueryNextSequenceSendResponse(next_sequence_send=client.last_sequence + 1)


def packet_commitment(
    ctx: Context, request: channel_pb2.QueryPacketCommitmentRequest
) -> channel_pb2.QueryPacketCommitmentResponse:
    """The commitment to a packet that has not ended."""
    found = _require_kept(ctx, request.client_id, Kind.COMMITMENT, request.sequence)
    return channel_pb2.QueryPacketCommitmentResponse(commitment=found)


def packet_commitments(
    ctx: Context, request: channel_pb2.QueryPacketCommitmentsRequest
) -> channel_pb2.QueryPacketCommitmentsResponse:
    """The packets over a client that have not ended."""
    keeper.require_client(ctx, request.client_id)
    kept = PACKETS.under((request.client_id, Kind.COMMITMENT))
    page, pagination = get_page(ctx, kept, request.pagination)
    found = [
        packet_pb2.PacketState(client_id=request.client_id, sequence=number, data=value)
        for number, value in page
    ]
    return channel_pb2.QueryPacketCommitmentsResponse(commitments=found, pagination=pagination)


def packet_acknowledgement(
    ctx: Context, request: channel_pb2.QueryPacketAcknowledgementRequest
) -> channel_pb2.QueryPacketAcknowledgementResponse:
    """The commitment to an acknowledgement."""
    found = _require_kept(ctx, request.client_id, Kind.ACKNOWLEDGEMENT, request.sequence)
    return channel_pb2.QueryPacketAcknowledgementResponse(acknowledgement=found)


def packet_receipt(
    ctx: Context, request: channel_pb2.QueryPacketReceiptRequest
) -> channel_pb2.QueryPacketReceiptResponse:
    """Whether a packet was taken."""
    keeper.require_client(ctx, request.client_id)
    received = _has(ctx, request.client_id, Kind.RECEIPT, request.sequence)
    return channel_pb2.QueryPacketReceiptResponse(received=received)


def unreceived_packets(
    ctx: Context, request: channel_pb2.QueryUnreceivedPacketsRequest
) -> channel_pb2.QueryUnreceivedPacketsResponse:
    """Which packets of the other chain were not taken."""
    client_id, sequences = request.client_id, list(request.sequences)
    _require_few(ctx, client_id, sequences)
    missing = [one for one in sequences if not _has(ctx, client_id, Kind.RECEIPT, one)]
    return channel_pb2.QueryUnreceivedPacketsResponse(sequences=missing)


def unreceived_acks(
    ctx: Context, request: channel_pb2.QueryUnreceivedAcksRequest
) -> channel_pb2.QueryUnreceivedAcksResponse:
    """Which packets of this chain have not ended."""
    client_id, sequences = request.client_id, list(request.packet_ack_sequences)
    _require_few(ctx, client_id, sequences)
    waiting = [one for one in sequences if _has(ctx, client_id, Kind.COMMITMENT, one)]
    return channel_pb2.QueryUnreceivedAcksResponse(sequences=waiting)


def escrow_address(
    ctx: Context, request: transfer_pb2.QueryEscrowAddressRequest
) -> transfer_pb2.QueryEscrowAddressResponse:
    """The account in which money waits that was sent over a client."""
    require(request.port_id == PORT, IbcError.TRANSFER_INVALID, f"the port is {PORT}")
    keeper.require_client(ctx, request.channel_id)
    account = transfer_data.get_escrow_account(request.channel_id)
    return transfer_pb2.QueryEscrowAddressResponse(escrow_address=bech32.encode(account))


def denom(ctx: Context, request: transfer_pb2.QueryDenomRequest) -> transfer_pb2.QueryDenomResponse:
    """Where a voucher comes from."""
    name = VOUCHER_PREFIX + request.hash.removeprefix(VOUCHER_PREFIX)
    fits = len(name) <= transfer_data.PATH_BYTES_MAX
    found = next(LIMITS_BY_VOUCHER.keys(ctx, name), None) if fits else None
    if found is None:
        raise ChainError(IbcError.TRANSFER_NOT_ALLOWED, name[: transfer_data.PATH_BYTES_MAX])
    hops, base = transfer_data.split_path(found[1])
    trace = [transfer_pb2.Hop(port_id=port, channel_id=client) for port, client in hops]
    return transfer_pb2.QueryDenomResponse(denom=transfer_pb2.Denom(base=base, trace=trace))


def _require_kept(ctx: Context, client_id: str, kind: Kind, sequence: int) -> bytes:
    """What is kept of a packet; rejects one of which it is not kept."""
    keeper.require_client(ctx, client_id)
    found = PACKETS.get(ctx, ((client_id, kind), sequence))
    if found is None:
        raise ChainError(SdkError.KEY_NOT_FOUND, f"packet {sequence} over {client_id}")
    return found


def _has(ctx: Context, client_id: str, kind: Kind, sequence: int) -> bool:
    return PACKETS.has(ctx, ((client_id, kind), sequence))


def _require_few(ctx: Context, client_id: str, sequences: Sequence[int]) -> None:
    keeper.require_client(ctx, client_id)
    most = f"at most {SEQUENCES_MAX} sequences"
    require(len(sequences) <= SEQUENCES_MAX, SdkError.INVALID_REQUEST, most)
