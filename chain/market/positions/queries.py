"""Queries of positions and their curtailments."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2

from chain.market.keeper import MarketError
from chain.market.state import CURTAILMENTS, POSITIONS, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page
from chain.runtime.tx import decode_address


def position(
    ctx: Context, request: query_pb2.QueryPositionRequest
) -> query_pb2.QueryPositionResponse:
    """What an account has bought and sold for a slot that is not settled."""
    found = POSITIONS.get(ctx, (request.slot, decode_address(request.owner)))
    if found is None:
        raise ChainError(MarketError.POSITION_UNKNOWN)
    return query_pb2.QueryPositionResponse(slot=request.slot, owner=request.owner, position=found)


def positions(
    ctx: Context, request: query_pb2.QueryPositionsRequest
) -> query_pb2.QueryPositionsResponse:
    """All positions of a slot that is not settled."""
    page, pagination = get_page(ctx, POSITIONS.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryPositionResponse(
            slot=request.slot, owner=bech32.encode(owner), position=found
        )
        for owner, found in page
    ]
    return query_pb2.QueryPositionsResponse(positions=entries, pagination=pagination)


def owned_positions(
    ctx: Context, request: query_pb2.QueryOwnedPositionsRequest
) -> query_pb2.QueryOwnedPositionsResponse:
    """The positions of an account; a page is one of slots, of which few or none may have any."""
    owner = decode_address(request.owner)
    page, pagination = get_page(ctx, SLOTS, request.pagination, start=request.first_slot)
    entries = [
        query_pb2.QueryPositionResponse(slot=slot, owner=request.owner, position=found)
        for slot, _ in page
        if (found := POSITIONS.get(ctx, (slot, owner))) is not None
    ]
    return query_pb2.QueryOwnedPositionsResponse(positions=entries, pagination=pagination)


def curtailments(
    ctx: Context, request: query_pb2.QueryCurtailmentsRequest
) -> query_pb2.QueryCurtailmentsResponse:
    """Curtailments of a slot, in the order of their numbers."""
    page, pagination = get_page(ctx, CURTAILMENTS.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryCurtailmentEntry(curtailment_id=number, curtailment=found)
        for number, found in page
    ]
    return query_pb2.QueryCurtailmentsResponse(curtailments=entries, pagination=pagination)
