"""Reading slots, prices and positions."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2, state_pb2

from chain import metering
from chain.market import rules
from chain.market.auction_queries import clearing, limit_order, limit_orders
from chain.market.keeper import (
    MarketError,
    get_curve,
    get_gate_closure_s,
    get_net_wh,
    require_takes_orders,
)
from chain.market.place_queries import curtailments, feeder, offers
from chain.market.state import PARAMS, POSITIONS, SLOTS
from chain.runtime import bech32
from chain.runtime import slots as slot_times
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.paging import get_page
from chain.runtime.tx import decode_address

__all__ = ["clearing", "curtailments", "feeder", "limit_order", "limit_orders", "offers"]


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Prices, gate, horizon, limits."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def slot(ctx: Context, request: query_pb2.QuerySlotRequest) -> query_pb2.QuerySlotResponse:
    """One slot with its present price."""
    length_s = metering.get_params(ctx).slot_length_s
    number = request.slot or slot_times.slot_at(ctx.block.time_s, length_s)
    info = SLOTS.get(ctx, number)
    if info is None:
        raise ChainError(MarketError.SLOT_UNKNOWN)
    return _describe(ctx, number, info)


def slots(ctx: Context, request: query_pb2.QuerySlotsRequest) -> query_pb2.QuerySlotsResponse:
    """All slots that are kept."""
    page, pagination = get_page(ctx, SLOTS, request.pagination, start=request.first_slot)
    entries = [_describe(ctx, number, info) for number, info in page]
    return query_pb2.QuerySlotsResponse(slots=entries, pagination=pagination)


def quote(ctx: Context, request: query_pb2.QueryQuoteRequest) -> query_pb2.QueryQuoteResponse:
    """What an order would cost or earn now, were it the only one in its block."""
    require(request.quantity_wh, MarketError.QUANTITY_ZERO)
    largest_wh = PARAMS.get(ctx).order_max_wh
    require(request.quantity_wh <= largest_wh, MarketError.QUANTITY_TOO_LARGE, f"{largest_wh} Wh")
    info = require_takes_orders(ctx, request.slot, ctx.block.time_s)
    curve, net_wh = get_curve(info), get_net_wh(info)
    if request.side == state_pb2.SIDE_SELL:
        price = rules.compute_average_price(curve, net_wh, -request.quantity_wh)
        amount = rules.compute_receipt(price, request.quantity_wh)
        return query_pb2.QueryQuoteResponse(
            amount=amount, price_per_kwh=price.numerator // price.denominator
        )
    price = rules.compute_average_price(curve, net_wh, request.quantity_wh)
    amount = rules.compute_payment(price, request.quantity_wh)
    return query_pb2.QueryQuoteResponse(amount=amount, price_per_kwh=price.ceil())


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


def _describe(ctx: Context, number: int, info: state_pb2.Slot) -> query_pb2.QuerySlotResponse:
    length_s = metering.get_params(ctx).slot_length_s
    gate_s = get_gate_closure_s(length_s, PARAMS.get(ctx).gate_closure_s, number)
    price = rules.compute_marginal_price(get_curve(info), get_net_wh(info))
    is_open = info.status == state_pb2.SLOT_STATUS_OPEN
    return query_pb2.QuerySlotResponse(
        slot=number,
        info=info,
        price_per_kwh=price.ceil(),
        delivery_start_s=slot_times.start_s(number, length_s),
        gate_closure_at_s=gate_s,
        delivery_end_s=slot_times.end_s(number, length_s),
        takes_orders=is_open and ctx.block.time_s < gate_s,
    )
