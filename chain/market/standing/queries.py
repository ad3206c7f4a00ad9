"""Queries of standing orders."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2

from chain.market.keeper import MarketError
from chain.market.state import STANDING_ORDERS, STANDING_ORDERS_BY_OWNER
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def standing_order(
    ctx: Context, request: query_pb2.QueryStandingOrderRequest
) -> query_pb2.QueryStandingOrderResponse:
    """A standing order that has not ended."""
    order = STANDING_ORDERS.get(ctx, request.standing_order_id)
    if order is None:
        raise ChainError(MarketError.STANDING_ORDER_UNKNOWN)
    return query_pb2.QueryStandingOrderResponse(
        standing_order_id=request.standing_order_id, order=order
    )


def standing_orders(
    ctx: Context, request: query_pb2.QueryStandingOrdersRequest
) -> query_pb2.QueryStandingOrdersResponse:
    """The standing orders of all, or of one account."""
    if request.owner:
        owner = decode_address(request.owner)
        page, pagination = get_index_page(ctx, STANDING_ORDERS_BY_OWNER, owner, request.pagination)
    else:
        page, pagination = get_page(ctx, STANDING_ORDERS, request.pagination)
    entries = [
        query_pb2.QueryStandingOrderResponse(standing_order_id=order_id, order=order)
        for order_id, order in page
    ]
    return query_pb2.QueryStandingOrdersResponse(orders=entries, pagination=pagination)
