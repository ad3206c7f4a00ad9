"""Queries of what feeders carry."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2, state_pb2

from chain import registry
from chain.market.grid.feeders import get_fee_per_kwh, get_headroom
from chain.market.keeper import MarketError
from chain.market.state import FLOWS, SLOTS
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.state.paging import get_page


def feeder(ctx: Context, request: query_pb2.QueryFeederRequest) -> query_pb2.QueryFeederResponse:
    """The flow agreed over a feeder in a slot, and its headroom up to the grid supply point."""
    require(SLOTS.has(ctx, request.slot), MarketError.SLOT_UNKNOWN)
    known = registry.get_feeder(ctx, request.feeder) is not None
    require(known, registry.RegistryError.FEEDER_UNKNOWN)
    headroom = get_headroom(ctx, request.slot, request.feeder)
    return query_pb2.QueryFeederResponse(
        flow=FLOWS.get(ctx, (request.slot, request.feeder)) or state_pb2.FeederFlow(),
        import_headroom_wh=headroom.import_wh,
        export_headroom_wh=headroom.export_wh,
        grid_fee_per_kwh=get_fee_per_kwh(ctx, request.feeder),
    )


def feeder_flows(
    ctx: Context, request: query_pb2.QueryFeederFlowsRequest
) -> query_pb2.QueryFeederFlowsResponse:
    """The flows agreed over all feeders in a slot."""
    require(SLOTS.has(ctx, request.slot), MarketError.SLOT_UNKNOWN)
    page, pagination = get_page(ctx, FLOWS.under(request.slot), request.pagination)
    entries = [query_pb2.QueryFeederFlowEntry(feeder=name, flow=flow) for name, flow in page]
    return query_pb2.QueryFeederFlowsResponse(flows=entries, pagination=pagination)
