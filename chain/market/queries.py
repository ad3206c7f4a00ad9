"""Queries of parameters and slots; the others are in the room they belong to."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2, state_pb2

from chain import metering
from chain.market import rules
from chain.market.auction.queries import clearing, limit_order, limit_orders
from chain.market.grid.queries import feeder, feeder_flows
from chain.market.keeper import MarketError, get_curve, get_gate_closure_s, get_net_wh
from chain.market.offers.queries import offers
from chain.market.pool.queries import purses, quote
from chain.market.positions.queries import curtailments, owned_positions, position, positions
from chain.market.standing.queries import standing_order, standing_orders
from chain.market.state import PARAMS, SLOTS
from chain.runtime import slots as slot_times
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page

__all__ = [
    "clearing",
    "curtailments",
    "feeder",
    "feeder_flows",
    "limit_order",
    "limit_orders",
    "offers",
    "owned_positions",
    "position",
    "positions",
    "purses",
    "quote",
    "standing_order",
    "standing_orders",
]


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Prices, gate closure, horizon, limits."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def slot(ctx: Context, request: query_pb2.QuerySlotRequest) -> query_pb2.QuerySlotResponse:
    """One slot with the pool's bid and ask."""
    length_s = metering.get_params(ctx).slot_length_s
    number = request.slot or slot_times.slot_at(ctx.block.time_s, length_s)
    info = SLOTS.get(ctx, number)
    if info is None:
        raise ChainError(MarketError.SLOT_UNKNOWN)
    return _describe(ctx, number, info)


def slots(ctx: Context, request: query_pb2.QuerySlotsRequest) -> query_pb2.QuerySlotsResponse:
    """All slots on record."""
    page, pagination = get_page(ctx, SLOTS, request.pagination, start=request.first_slot)
    entries = [_describe(ctx, number, info) for number, info in page]
    return query_pb2.QuerySlotsResponse(slots=entries, pagination=pagination)


def _describe(ctx: Context, number: int, info: state_pb2.Slot) -> query_pb2.QuerySlotResponse:
    length_s, gate_s = metering.get_params(ctx).slot_length_s, get_gate_closure_s(ctx, number)
    curve, net_wh = get_curve(info), get_net_wh(info)
    is_open = info.status == state_pb2.SLOT_STATUS_OPEN
    return query_pb2.QuerySlotResponse(
        slot=number,
        info=info,
        ask_per_kwh=rules.compute_ask(curve, net_wh),
        bid_per_kwh=rules.compute_bid(curve, net_wh),
        delivery_start_s=slot_times.start_s(number, length_s),
        gate_closure_at_s=gate_s,
        delivery_end_s=slot_times.end_s(number, length_s),
        takes_orders=is_open and ctx.block.time_s < gate_s,
    )
