"""Queries of routes, of what is on other chains, and of what of others is here."""

from __future__ import annotations

from blockenergy.carbontransfer.v1 import query_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2

from chain import ibc
from chain.carbontransfer import foreign, keeper
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.state import (
    CREDIT_ESCROWS,
    ESCROWS,
    FOREIGN_HOLDINGS_BY_HOLDER,
    FOREIGN_SERIES,
    RETIREMENTS,
    ROUTES,
)
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def route(ctx: Context, request: query_pb2.QueryRouteRequest) -> query_pb2.QueryRouteResponse:
    """What may cross over a client."""
    found = keeper.require_route(ctx, request.client_id)
    return query_pb2.QueryRouteResponse(client_id=request.client_id, route=found)


def routes(ctx: Context, request: query_pb2.QueryRoutesRequest) -> query_pb2.QueryRoutesResponse:
    """All clients that anything may cross over."""
    page, pagination = get_page(ctx, ROUTES, request.pagination)
    found = [query_pb2.QueryRouteResponse(client_id=key, route=value) for key, value in page]
    return query_pb2.QueryRoutesResponse(routes=found, pagination=pagination)


def escrows(ctx: Context, request: query_pb2.QueryEscrowsRequest) -> query_pb2.QueryEscrowsResponse:
    """Certificates of this chain on others."""
    page, pagination = get_page(ctx, ESCROWS, request.pagination)
    found = [
        query_pb2.QueryEscrowEntry(client_id=client_id, entry=_make_entry(slot, producer, wh))
        for (slot, (producer, client_id)), wh in page
    ]
    return query_pb2.QueryEscrowsResponse(escrows=found, pagination=pagination)


def credit_escrows(
    ctx: Context, request: query_pb2.QueryCreditEscrowsRequest
) -> query_pb2.QueryCreditEscrowsResponse:
    """Credits of this chain on others."""
    page, pagination = get_page(ctx, CREDIT_ESCROWS, request.pagination)
    found = [
        query_pb2.QueryCreditEscrowEntry(client_id=client_id, batch=batch, grams=grams)
        for (client_id, batch), grams in page
    ]
    return query_pb2.QueryCreditEscrowsResponse(escrows=found, pagination=pagination)


def foreign_series(
    ctx: Context, request: query_pb2.QueryForeignSeriesRequest
) -> query_pb2.QueryForeignSeriesResponse:
    """Certificates of another chain that came over a client."""
    keeper.require_route(ctx, request.client_id)
    key = ((request.client_id, request.slot), decode_address(request.producer))
    series = FOREIGN_SERIES.get(ctx, key)
    if series is None:
        raise ChainError(CarbonTransferError.SERIES_UNKNOWN)
    return query_pb2.QueryForeignSeriesResponse(
        chain_id=ibc.require_client(ctx, request.client_id).state.chain_id,
        series=series,
        held_wh=foreign.get_held_wh(series),
    )


def foreign_holdings(
    ctx: Context, request: query_pb2.QueryForeignHoldingsRequest
) -> query_pb2.QueryForeignHoldingsResponse:
    """What an account holds of other chains' certificates."""
    holder = decode_address(request.holder)
    page, pagination = get_index_page(ctx, FOREIGN_HOLDINGS_BY_HOLDER, holder, request.pagination)
    found = [
        query_pb2.QueryForeignHoldingEntry(
            client_id=client_id, entry=_make_entry(slot, producer, holding.wh)
        )
        for ((client_id, slot), (producer, _)), holding in page
    ]
    return query_pb2.QueryForeignHoldingsResponse(holdings=found, pagination=pagination)


def foreign_retirement(
    ctx: Context, request: query_pb2.QueryForeignRetirementRequest
) -> query_pb2.QueryForeignRetirementResponse:
    """Certificates of another chain that were used up here."""
    found = RETIREMENTS.get(ctx, request.number)
    if found is None:
        raise ChainError(CarbonTransferError.RETIREMENT_UNKNOWN)
    return query_pb2.QueryForeignRetirementResponse(retirement=found)


def _make_entry(slot: int, producer: bytes, wh: int) -> certificates_pb2.Entry:
    return certificates_pb2.Entry(slot=slot, producer=bech32.encode(producer), wh=wh)
