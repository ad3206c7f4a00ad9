"""Queries of batteries and their projection."""

from __future__ import annotations

from blockenergy.storage.v1 import query_pb2

from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.state.paging import get_page
from chain.runtime.tx import decode_address
from chain.storage.keeper import get_projection, require_battery
from chain.storage.state import BATTERIES, PARAMS


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Limits of batteries."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def battery(ctx: Context, request: query_pb2.QueryBatteryRequest) -> query_pb2.QueryBatteryResponse:
    """The battery of an account."""
    found = require_battery(ctx, decode_address(request.owner))
    return query_pb2.QueryBatteryResponse(owner=request.owner, battery=found)


def batteries(
    ctx: Context, request: query_pb2.QueryBatteriesRequest
) -> query_pb2.QueryBatteriesResponse:
    """All batteries."""
    page, pagination = get_page(ctx, BATTERIES, request.pagination)
    entries = [
        query_pb2.QueryBatteryResponse(owner=bech32.encode(owner), battery=found)
        for owner, found in page
    ]
    return query_pb2.QueryBatteriesResponse(batteries=entries, pagination=pagination)


def projection(
    ctx: Context, request: query_pb2.QueryProjectionRequest
) -> query_pb2.QueryProjectionResponse:
    """The state of charge at the end of each slot that is not settled."""
    owner = decode_address(request.owner)
    found = get_projection(ctx, owner, require_battery(ctx, owner))
    slots = [
        query_pb2.ProjectedSlot(
            slot=entry.slot,
            charge_wh=max(0, entry.net_charge_wh),
            discharge_wh=max(0, -entry.net_charge_wh),
            state_of_charge_wh=entry.step.state_of_charge_wh,
        )
        for entry in found
    ]
    return query_pb2.QueryProjectionResponse(slots=slots)
