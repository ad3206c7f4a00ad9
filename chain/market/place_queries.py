"""Reading offers, what feeders carry, and curtailments."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2, state_pb2

from chain import registry
from chain.market.feeders import get_fee_per_kwh, get_headroom
from chain.market.keeper import MarketError
from chain.market.state import CURTAILMENTS, FLOWS, OFFERS, SLOTS
from chain.runtime import bech32
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.paging import get_page


def offers(ctx: Context, request: query_pb2.QueryOffersRequest) -> query_pb2.QueryOffersResponse:
    """What is offered for a slot, and by whom."""
    page, pagination = get_page(ctx, OFFERS.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryOfferEntry(seller=bech32.encode(seller), offer=offer)
        for seller, offer in page
    ]
    return query_pb2.QueryOffersResponse(offers=entries, pagination=pagination)


def feeder(ctx: Context, request: query_pb2.QueryFeederRequest) -> query_pb2.QueryFeederResponse:
    """What is agreed over the line of a feeder, and what can still be agreed."""
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


def curtailments(
    ctx: Context, request: query_pb2.QueryCurtailmentsRequest
) -> query_pb2.QueryCurtailmentsResponse:
    """Curtailments of a slot, in their order."""
    page, pagination = get_page(ctx, CURTAILMENTS.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryCurtailmentEntry(curtailment_id=number, curtailment=found)
        for number, found in page
    ]
    return query_pb2.QueryCurtailmentsResponse(curtailments=entries, pagination=pagination)
