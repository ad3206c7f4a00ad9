"""Queries of prices."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2, state_pb2

from chain.market import rules
from chain.market.keeper import get_net_wh
from chain.market.open_slot import require_open_slot, require_quantity
from chain.runtime.context import Context


def quote(ctx: Context, request: query_pb2.QueryQuoteRequest) -> query_pb2.QueryQuoteResponse:
    """What an order would cost or earn now if it were the only one in its block."""
    slot = require_open_slot(ctx, request.slot, ctx.block.time_s)
    require_quantity(slot, request.quantity_wh)
    net_wh = get_net_wh(slot.info)
    if request.side == state_pb2.SIDE_SELL:
        price = rules.compute_average_price(slot.curve, net_wh, -request.quantity_wh)
        return query_pb2.QueryQuoteResponse(
            amount=rules.compute_receipt(price, request.quantity_wh),
            price_per_kwh=price.numerator // price.denominator,
        )
    price = rules.compute_average_price(slot.curve, net_wh, request.quantity_wh)
    amount = rules.compute_payment(price, request.quantity_wh)
    return query_pb2.QueryQuoteResponse(amount=amount, price_per_kwh=price.ceil())
