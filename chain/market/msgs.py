"""What buyers and sellers can do."""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank
from chain.market import rules
from chain.market.keeper import MarketError, get_curve, require_takes_orders
from chain.market.state import ORDER_IDS, ORDERS, PARAMS, POSITIONS
from chain.runtime.context import Context
from chain.runtime.errors import require


def buy(ctx: Context, msg: tx_pb2.MsgBuy) -> tx_pb2.MsgBuyResponse:
    """Buys energy for a slot at no more than a limit."""
    order_id = _place(
        ctx, state_pb2.SIDE_BUY, msg.buyer, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgBuyResponse(order_id=order_id)


def sell(ctx: Context, msg: tx_pb2.MsgSell) -> tx_pb2.MsgSellResponse:
    """Sells energy for a slot at no less than a limit."""
    order_id = _place(
        ctx, state_pb2.SIDE_SELL, msg.seller, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    return tx_pb2.MsgSellResponse(order_id=order_id)


def _place(
    ctx: Context, side: state_pb2.Side, owner: str, slot: int, quantity_wh: int, limit: int
) -> int:
    params = PARAMS.get(ctx)
    require(quantity_wh, MarketError.QUANTITY_ZERO)
    require(
        quantity_wh <= params.order_max_wh,
        MarketError.QUANTITY_TOO_LARGE,
        f"at most {params.order_max_wh} Wh",
    )
    info = require_takes_orders(ctx, slot, ctx.block.time_s)
    room_wh = rules.ORDERS_PER_SLOT_MAX * params.order_max_wh - max(info.bought_wh, info.sold_wh)
    require(quantity_wh <= room_wh, MarketError.SLOT_FULL)
    curve = get_curve(info)
    require(
        curve.price_low <= limit <= curve.price_high,
        MarketError.PRICE_LIMIT_INVALID,
        f"{curve.price_low} to {curve.price_high} millionths per kWh",
    )
    reserved = rules.compute_reserve(
        side == state_pb2.SIDE_BUY, quantity_wh, limit, curve, params.imbalance_cover_permille
    )
    _secure(ctx, slot, params.settlement_denom, reserved)
    order_id = ORDER_IDS.next(ctx)
    order = state_pb2.Order(
        owner=owner,
        side=side,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        reserved=reserved,
    )
    ORDERS.set(ctx, (slot, order_id), order)
    ctx.emit(
        events_pb2.EventOrderPlaced(
            order_id=order_id,
            slot=slot,
            owner=owner,
            side=side,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
    )
    return order_id


def _secure(ctx: Context, slot: int, denom: str, amount: int) -> None:
    """Puts money on the one hold that secures all that the signer does in a slot."""
    position = POSITIONS.get(ctx, (slot, ctx.signer))
    if position is None:
        hold_id = bank.reserve(ctx, ctx.signer, denom, amount)
        POSITIONS.set(ctx, (slot, ctx.signer), state_pb2.Position(hold_id=hold_id))
    else:
        bank.extend(ctx, ctx.signer, position.hold_id, amount)
