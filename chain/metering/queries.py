"""Queries of readings and baselines."""

from __future__ import annotations

from blockenergy.metering.v1 import query_pb2

from chain.metering import halts, keeper
from chain.metering.silence import MeteringError
from chain.metering.state import CONFLICTS, PARAMS, READINGS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Deadlines and limits of readings."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def reading(ctx: Context, request: query_pb2.QueryReadingRequest) -> query_pb2.QueryReadingResponse:
    """The reading of a meter for a slot."""
    return _reading(ctx, request.slot, request.meter_id)


def readings(
    ctx: Context, request: query_pb2.QueryReadingsRequest
) -> query_pb2.QueryReadingsResponse:
    """All readings of a slot."""
    page, pagination = get_page(ctx, READINGS.under(request.slot), request.pagination)
    entries = [_reading(ctx, request.slot, meter_id) for meter_id, _ in page]
    return query_pb2.QueryReadingsResponse(readings=entries, pagination=pagination)


def baseline(
    ctx: Context, request: query_pb2.QueryBaselineRequest
) -> query_pb2.QueryBaselineResponse:
    """The settled registers of a meter."""
    found = keeper.get_baseline(ctx, request.meter_id)
    if found is None:
        raise ChainError(MeteringError.READING_UNKNOWN)
    return query_pb2.QueryBaselineResponse(meter_id=request.meter_id, baseline=found)


def reading_window(
    ctx: Context, _: query_pb2.QueryReadingWindowRequest
) -> query_pb2.QueryReadingWindowResponse:
    """The slots whose readings are accepted now."""
    first, last = halts.get_window(ctx, ctx.block.time_s)
    return query_pb2.QueryReadingWindowResponse(first_slot=first, last_slot=last)


def _reading(ctx: Context, slot: int, meter_id: str) -> query_pb2.QueryReadingResponse:
    registers = READINGS.get(ctx, (slot, meter_id))
    if registers is None:
        raise ChainError(MeteringError.READING_UNKNOWN)
    return query_pb2.QueryReadingResponse(
        meter_id=meter_id,
        slot=slot,
        registers=registers,
        conflict=CONFLICTS.get(ctx, (slot, meter_id)),
    )
