"""Queries of the registry."""

from __future__ import annotations

from blockenergy.registry.v1 import query_pb2

from chain.registry.keeper import RegistryError
from chain.registry.state import FEEDERS, METERS, METERS_BY_OWNER, PARAMS, PARTICIPANTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """The registrar and the limits of the registry."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def participant(
    ctx: Context, request: query_pb2.QueryParticipantRequest
) -> query_pb2.QueryParticipantResponse:
    """One participant."""
    found = PARTICIPANTS.get(ctx, decode_address(request.address))
    if found is None:
        raise ChainError(RegistryError.PARTICIPANT_UNKNOWN)
    return query_pb2.QueryParticipantResponse(address=request.address, participant=found)


def participants(
    ctx: Context, request: query_pb2.QueryParticipantsRequest
) -> query_pb2.QueryParticipantsResponse:
    """All participants."""
    page, pagination = get_page(ctx, PARTICIPANTS, request.pagination)
    entries = [
        query_pb2.QueryParticipantResponse(address=bech32.encode(key), participant=value)
        for key, value in page
    ]
    return query_pb2.QueryParticipantsResponse(participants=entries, pagination=pagination)


def meter(ctx: Context, request: query_pb2.QueryMeterRequest) -> query_pb2.QueryMeterResponse:
    """One meter."""
    found = METERS.get(ctx, request.meter_id)
    if found is None:
        raise ChainError(RegistryError.METER_UNKNOWN)
    return query_pb2.QueryMeterResponse(meter_id=request.meter_id, meter=found)


def meters(ctx: Context, request: query_pb2.QueryMetersRequest) -> query_pb2.QueryMetersResponse:
    """All meters, or those of one owner."""
    if request.owner:
        under = decode_address(request.owner)
        page, pagination = get_index_page(ctx, METERS_BY_OWNER, under, request.pagination)
    else:
        page, pagination = get_page(ctx, METERS, request.pagination)
    entries = [query_pb2.QueryMeterResponse(meter_id=key, meter=value) for key, value in page]
    return query_pb2.QueryMetersResponse(meters=entries, pagination=pagination)


def feeder(ctx: Context, request: query_pb2.QueryFeederRequest) -> query_pb2.QueryFeederResponse:
    """One feeder."""
    found = FEEDERS.get(ctx, request.feeder)
    if found is None:
        raise ChainError(RegistryError.FEEDER_UNKNOWN)
    return query_pb2.QueryFeederResponse(feeder=request.feeder, info=found)


def feeders(ctx: Context, request: query_pb2.QueryFeedersRequest) -> query_pb2.QueryFeedersResponse:
    """All feeders."""
    page, pagination = get_page(ctx, FEEDERS, request.pagination)
    entries = [query_pb2.QueryFeederResponse(feeder=key, info=value) for key, value in page]
    return query_pb2.QueryFeedersResponse(feeders=entries, pagination=pagination)
