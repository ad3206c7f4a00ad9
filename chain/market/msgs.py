"""What participants can do in the market.

Market orders are here; limit orders, offers and curtailment have files of their own.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2, tx_pb2

from chain.market import orders
from chain.market.curtailment import curtail
from chain.market.keeper import MarketError
from chain.market.limit_orders import amend_limit_order, cancel_limit_order, place_limit_order
from chain.market.offers import buy_offer, set_offer
from chain.runtime.context import Context
from chain.runtime.errors import require

__all__ = [
    "amend_limit_order",
    "buy",
    "buy_offer",
    "cancel_limit_order",
    "cancel_position",
    "curtail",
    "place_limit_order",
    "sell",
    "set_offer",
]


def buy(ctx: Context, msg: tx_pb2.MsgBuy) -> tx_pb2.MsgBuyResponse:
    """Buys energy for a slot at no more than a limit."""
    order_id = orders.place_order(
        ctx, ctx.signer, True, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgBuyResponse(order_id=order_id)


def sell(ctx: Context, msg: tx_pb2.MsgSell) -> tx_pb2.MsgSellResponse:
    """Sells energy for a slot at no less than a limit."""
    order_id = orders.place_order(
        ctx, ctx.signer, False, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgSellResponse(order_id=order_id)


def cancel_position(
    ctx: Context, msg: tx_pb2.MsgCancelPosition
) -> tx_pb2.MsgCancelPositionResponse:
    """Takes back part of what was bought, or sold, for a slot."""
    side_fits = msg.side in (state_pb2.SIDE_BUY, state_pb2.SIDE_SELL)
    require(side_fits, MarketError.SIDE_INVALID)
    is_bought = msg.side == state_pb2.SIDE_BUY
    order_id = orders.place_cancellation(
        ctx, ctx.signer, is_bought, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgCancelPositionResponse(order_id=order_id)
