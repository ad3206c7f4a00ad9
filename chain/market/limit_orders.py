"""Limit orders: they rest until gate closure and meet in the slot's call auction.

Promises that an order is on hold with its worst case from the moment it is placed, that changing
or cancelling it before the gate costs nothing and gives its hold back exactly, and that from the
gate on nobody can touch it any more.
"""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import Role

from chain import bank, registry
from chain.market import positions, rules
from chain.market.keeper import (
    MarketError,
    get_curve,
    require_headroom,
    require_price_limit,
    require_quantity,
    require_takes_orders,
)
from chain.market.state import LIMIT_ORDERS, ORDER_IDS, PARAMS, RESTING, SLOTS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require

# Ranges that one auction clears at the most: each costs as much as its steps.
LINEAR_ORDERS_MAX = 1_000
_ROLES: dict[int, frozenset[int]] = {
    state_pb2.SIDE_BUY: frozenset({Role.ROLE_CONSUMER, Role.ROLE_PROSUMER}),
    state_pb2.SIDE_SELL: frozenset({Role.ROLE_PRODUCER, Role.ROLE_PROSUMER}),
}


def place_limit_order(
    ctx: Context, msg: tx_pb2.MsgPlaceLimitOrder
) -> tx_pb2.MsgPlaceLimitOrderResponse:
    """Places a bid or ask that rests until gate closure."""
    require(msg.side in _ROLES, MarketError.SIDE_INVALID)
    info = require_takes_orders(ctx, msg.slot, ctx.block.time_s)
    order = state_pb2.LimitOrder(
        owner=msg.owner,
        side=msg.side,
        quantity_wh=msg.quantity_wh,
        price_limit_per_kwh=msg.price_limit_per_kwh,
        full_price_per_kwh=msg.full_price_per_kwh,
        minimum_acceptable_wh=msg.minimum_acceptable_wh,
        feeder=positions.get_place(ctx, msg.slot, ctx.signer),
        local=msg.local,
        renewable=msg.renewable,
    )
    _require_valid(ctx, info, order)
    _require_few(ctx, msg.slot, info)
    _count(ctx, msg.slot, info, order, 1)
    params = PARAMS.get_shared(ctx)
    reserved = _compute_reserve(order, info, params)
    order.hold_id = bank.reserve(ctx, ctx.signer, params.settlement_denom, reserved)
    order_id = ORDER_IDS.next(ctx)
    LIMIT_ORDERS.set(ctx, (msg.slot, order_id), order)
    change_resting(ctx, msg.slot, ctx.signer, order, 1)
    _announce(ctx, msg.slot, order_id, order, amended=False)
    return tx_pb2.MsgPlaceLimitOrderResponse(order_id=order_id)


def amend_limit_order(
    ctx: Context, msg: tx_pb2.MsgAmendLimitOrder
) -> tx_pb2.MsgAmendLimitOrderResponse:
    """Replaces quantity, limits and minimum of a resting limit order."""
    order, info = _require_resting(ctx, msg.slot, msg.order_id, msg.owner)
    _count(ctx, msg.slot, info, order, -1)
    order.quantity_wh = msg.quantity_wh
    order.price_limit_per_kwh = msg.price_limit_per_kwh
    order.full_price_per_kwh = msg.full_price_per_kwh
    order.minimum_acceptable_wh = msg.minimum_acceptable_wh
    _require_valid(ctx, info, order)
    _count(ctx, msg.slot, info, order, 1)
    hold = bank.get_hold(ctx, ctx.signer, order.hold_id)
    assert hold is not None, "a resting order has lost its hold"
    change = _compute_reserve(order, info, PARAMS.get_shared(ctx)) - hold.amount
    if change > 0:
        bank.extend(ctx, ctx.signer, order.hold_id, change)
    elif change < 0:
        bank.release(ctx, ctx.signer, order.hold_id, -change)
    LIMIT_ORDERS.set(ctx, (msg.slot, msg.order_id), order)
    _announce(ctx, msg.slot, msg.order_id, order, amended=True)
    return tx_pb2.MsgAmendLimitOrderResponse()


def cancel_limit_order(
    ctx: Context, msg: tx_pb2.MsgCancelLimitOrder
) -> tx_pb2.MsgCancelLimitOrderResponse:
    """Takes back a resting limit order; all of its hold is free again."""
    order, info = _require_resting(ctx, msg.slot, msg.order_id, msg.owner)
    bank.void(ctx, ctx.signer, order.hold_id)
    LIMIT_ORDERS.delete(ctx, (msg.slot, msg.order_id))
    change_resting(ctx, msg.slot, ctx.signer, order, -1)
    _count(ctx, msg.slot, info, order, -1)
    ctx.emit(
        events_pb2.EventLimitOrderCancelled(order_id=msg.order_id, slot=msg.slot, owner=order.owner)
    )
    return tx_pb2.MsgCancelLimitOrderResponse()


def change_resting(
    ctx: Context, slot: int, owner: bytes, order: state_pb2.LimitOrder, change: int
) -> None:
    """Keeps how many limit orders an account has in a slot, and where."""
    own = RESTING.get(ctx, (slot, owner)) or state_pb2.RestingOrders(feeder=order.feeder)
    own.orders += change
    if own.orders:
        RESTING.set(ctx, (slot, owner), own)
    else:
        RESTING.delete(ctx, (slot, owner))


def _require_resting(
    ctx: Context, slot: int, order_id: int, owner: str
) -> tuple[state_pb2.LimitOrder, state_pb2.Slot]:
    """The order and its slot; refuses an order that is not the signer's or does not rest."""
    order = LIMIT_ORDERS.get(ctx, (slot, order_id))
    if order is None or order.owner != owner:
        raise ChainError(MarketError.ORDER_UNKNOWN)
    return order, require_takes_orders(ctx, slot, ctx.block.time_s)


def _require_valid(ctx: Context, info: state_pb2.Slot, order: state_pb2.LimitOrder) -> None:
    registry.require_permission(ctx, ctx.signer, _ROLES[order.side])
    require_quantity(PARAMS.get_shared(ctx), order.quantity_wh)
    curve, limit, full = get_curve(info), order.price_limit_per_kwh, order.full_price_per_kwh
    require_price_limit(curve, limit)
    if full:
        beyond = full < limit if order.side == state_pb2.SIDE_BUY else full > limit
        inside = curve.price_low <= full <= curve.price_high
        require(beyond and inside, MarketError.LINEAR_ORDER_INVALID)
    one_of_both = not (order.minimum_acceptable_wh and order.full_price_per_kwh)
    require(
        one_of_both and order.minimum_acceptable_wh <= order.quantity_wh,
        MarketError.MINIMUM_INVALID,
    )
    _require_valid_attributes(ctx, order)


def _require_valid_attributes(ctx: Context, order: state_pb2.LimitOrder) -> None:
    feeder = registry.get_feeder(ctx, order.feeder) if order.feeder else None
    if order.local or order.renewable:
        require(feeder, MarketError.ATTRIBUTES_INVALID, "the account has no meter on a feeder")
    if order.renewable and order.side == state_pb2.SIDE_BUY:
        require(order.local, MarketError.ATTRIBUTES_INVALID)
    elif order.renewable:
        at_home = order.feeder == registry.get_feeder_of(ctx, ctx.signer)
        made = at_home and registry.has_renewable_meter(ctx, ctx.signer)
        require(made, MarketError.ATTRIBUTES_INVALID)
    if feeder and feeder.thin_market:
        special = (
            order.local
            or order.renewable
            or order.minimum_acceptable_wh
            or order.full_price_per_kwh
        )
        require(not special, MarketError.ATTRIBUTES_INVALID, f"{order.feeder} is a thin market")


def _require_few(ctx: Context, slot: int, info: state_pb2.Slot) -> None:
    """Refuses one more order than a slot, or an account in it, may have."""
    params = PARAMS.get_shared(ctx)
    # However much it is amended to.
    require_headroom(params, info, params.order_max_wh)
    most = params.resting_orders_max
    require(info.resting_orders < most, MarketError.TOO_MANY_ORDERS, f"{most} in a slot")
    own, most = RESTING.get_shared(ctx, (slot, ctx.signer)), params.resting_orders_per_owner_max
    fits = own is None or own.orders < most
    require(fits, MarketError.TOO_MANY_ORDERS, f"{most} of one account")


def _count(
    ctx: Context, slot: int, info: state_pb2.Slot, order: state_pb2.LimitOrder, change: int
) -> None:
    """Keeps the numbers of resting orders; refuses one too many of those that are slow to clear."""
    info.resting_orders += change
    if order.minimum_acceptable_wh:
        info.minimum_quantity_orders += change
        most = PARAMS.get_shared(ctx).minimum_quantity_orders_max
        fits = change < 0 or info.minimum_quantity_orders <= most
        require(fits, MarketError.TOO_MANY_ORDERS, f"{most} fill-or-kill orders in a slot")
    if order.full_price_per_kwh:
        info.linear_orders += change
        fits = change < 0 or info.linear_orders <= LINEAR_ORDERS_MAX
        require(fits, MarketError.TOO_MANY_ORDERS, f"{LINEAR_ORDERS_MAX} with a range in a slot")
    SLOTS.set(ctx, slot, info)


def _compute_reserve(
    order: state_pb2.LimitOrder, info: state_pb2.Slot, params: state_pb2.Params
) -> int:
    """What the order needs at worst, which is all of it at its limit."""
    return rules.compute_reserve(
        order.side == state_pb2.SIDE_BUY,
        order.quantity_wh,
        order.price_limit_per_kwh,
        get_curve(info),
        params.imbalance_collateral_permille,
    )


def _announce(
    ctx: Context, slot: int, order_id: int, order: state_pb2.LimitOrder, *, amended: bool
) -> None:
    ctx.emit(
        events_pb2.EventLimitOrderPlaced(
            order_id=order_id,
            slot=slot,
            owner=order.owner,
            side=order.side,
            quantity_wh=order.quantity_wh,
            price_limit_per_kwh=order.price_limit_per_kwh,
            amended=amended,
        )
    )
