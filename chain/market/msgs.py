"""Messages of participants. Market orders are here, the others in the room they belong to."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2, tx_pb2

from chain.market.auction.limit_orders import (
    amend_limit_order,
    cancel_limit_order,
    place_limit_order,
)
from chain.market.offers.msgs import buy_offer, set_offer
from chain.market.pool import cancelling, orders
from chain.market.pool.purses import fund_purses
from chain.market.positions.curtailment import curtail
from chain.market.standing.msgs import cancel_standing_order, place_standing_order
from chain.runtime.context import Context

__all__ = [
    "amend_limit_order",
    "buy",
    "buy_offer",
    "cancel_limit_order",
    "cancel_position",
    "cancel_standing_order",
    "curtail",
    "fund_purses",
    "place_limit_order",
    "place_standing_order",
    "sell",
    "set_offer",
]


def buy(ctx: Context, msg: tx_pb2.MsgBuy) -> tx_pb2.MsgBuyResponse:
    """Buys energy for a slot, up to a price limit."""
    order_id = orders.place_order(
        ctx, ctx.signer, state_pb2.SIDE_BUY, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgBuyResponse(order_id=order_id)


def sell(ctx: Context, msg: tx_pb2.MsgSell) -> tx_pb2.MsgSellResponse:
    """Sells energy for a slot, from a price limit upwards."""
    order_id = orders.place_order(
        ctx, ctx.signer, state_pb2.SIDE_SELL, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgSellResponse(order_id=order_id)


def cancel_position(
    ctx: Context, msg: tx_pb2.MsgCancelPosition
) -> tx_pb2.MsgCancelPositionResponse:
    """Cancels part of what was bought, or sold, for a slot."""
    order_id = cancelling.place_cancellation(
        ctx, ctx.signer, msg.side, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgCancelPositionResponse(order_id=order_id)
