"""Queries of limit orders and call auctions."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2

from chain.market.keeper import MarketError
from chain.market.state import CLEARINGS, LIMIT_ORDERS, LIMIT_ORDERS_BY_OWNER, SLOTS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def limit_order(
    ctx: Context, request: query_pb2.QueryLimitOrderRequest
) -> query_pb2.QueryLimitOrderResponse:
    """A limit order, resting or filled."""
    order = LIMIT_ORDERS.get(ctx, (request.slot, request.order_id))
    if order is None:
        raise ChainError(MarketError.ORDER_UNKNOWN)
    return query_pb2.QueryLimitOrderResponse(
        slot=request.slot, order_id=request.order_id, order=order
    )


def limit_orders(
    ctx: Context, request: query_pb2.QueryLimitOrdersRequest
) -> query_pb2.QueryLimitOrdersResponse:
    """The limit orders of a slot, or of one account in it."""
    if request.owner:
        under = request.slot, decode_address(request.owner)
        owned, pagination = get_index_page(ctx, LIMIT_ORDERS_BY_OWNER, under, request.pagination)
        page = [(order_id, order) for (_, order_id), order in owned]
    else:
        page, pagination = get_page(ctx, LIMIT_ORDERS.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryLimitOrderResponse(slot=request.slot, order_id=order_id, order=order)
        for order_id, order in page
    ]
    return query_pb2.QueryLimitOrdersResponse(orders=entries, pagination=pagination)


def clearing(
    ctx: Context, request: query_pb2.QueryClearingRequest
) -> query_pb2.QueryClearingResponse:
    """The outcome of a slot's call auction, with the pool's price curve."""
    found, info = CLEARINGS.get(ctx, request.slot), SLOTS.get(ctx, request.slot)
    if found is None or info is None:
        raise ChainError(MarketError.CLEARING_UNKNOWN)
    return query_pb2.QueryClearingResponse(
        slot=request.slot,
        clearing=found,
        price_low_per_kwh=info.price_low_per_kwh,
        price_high_per_kwh=info.price_high_per_kwh,
        depth_wh=info.depth_wh,
        margin_per_kwh=info.margin_per_kwh,
    )
