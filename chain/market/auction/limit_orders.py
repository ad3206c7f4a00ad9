"""Limit orders: they rest until gate closure and meet in the slot's call auction.

Promises that the worst case of an order is on hold from the moment it is placed, that amending or
cancelling it before gate closure costs nothing and releases its hold exactly, and that no order
changes after gate closure.
"""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import Role

from chain import bank, metering, registry
from chain.market import credit, positions, rules
from chain.market.auction import full_book
from chain.market.keeper import MarketError
from chain.market.lifecycle import LIMIT_ORDER, LimitOrderEvent, get_limit_order_status
from chain.market.open_slot import (
    OpenSlot,
    require_headroom,
    require_open_slot,
    require_price_limit,
    require_quantity,
)
from chain.market.state import LIMIT_ORDERS, ORDER_IDS, RESTING, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require

# Who may buy, and who may sell.
ROLES: dict[int, frozenset[int]] = {
    state_pb2.SIDE_BUY: frozenset({Role.ROLE_CONSUMER, Role.ROLE_PROSUMER}),
    state_pb2.SIDE_SELL: frozenset({Role.ROLE_PRODUCER, Role.ROLE_PROSUMER}),
}


def place_limit_order(
    ctx: Context, msg: tx_pb2.MsgPlaceLimitOrder
) -> tx_pb2.MsgPlaceLimitOrderResponse:
    """Places a bid or ask that rests until gate closure."""
    require(msg.side in ROLES, MarketError.SIDE_INVALID)
    slot = require_open_slot(ctx, msg.slot, ctx.block.time_s)
    order = state_pb2.LimitOrder(
        owner=msg.owner,
        side=msg.side,
        quantity_wh=msg.quantity_wh,
        price_limit_per_kwh=msg.price_limit_per_kwh,
        full_price_per_kwh=msg.full_price_per_kwh,
        minimum_acceptable_wh=msg.minimum_acceptable_wh,
        feeder=positions.get_grid_node(ctx, msg.slot, ctx.signer),
        local=msg.local,
        renewable=msg.renewable,
    )
    require_placeable(ctx, slot, order)
    evicted = full_book.find_evicted(ctx, slot, order)
    reserve = max(compute_reserve(slot, order), slot.params.order_collateral_min)
    denom, deposit = slot.params.settlement_denom, bank.get_deposit(ctx)
    order.hold_id = bank.reserve(ctx, ctx.signer, denom, reserve, deposit=deposit)
    order_id = put(ctx, slot, order)
    for evicted_id in evicted:
        _evict(ctx, slot, evicted_id)
    SLOTS.set(ctx, msg.slot, slot.info)
    announce(ctx, msg.slot, order_id, order)
    return tx_pb2.MsgPlaceLimitOrderResponse(order_id=order_id)


def amend_limit_order(
    ctx: Context, msg: tx_pb2.MsgAmendLimitOrder
) -> tx_pb2.MsgAmendLimitOrderResponse:
    """Replaces quantity, limits and minimum of a resting limit order."""
    order, slot = _require_resting(ctx, msg.slot, msg.order_id, msg.owner)
    LIMIT_ORDER.next(get_limit_order_status(order), LimitOrderEvent.AMEND)
    _count(slot.info, order, -1)
    before = state_pb2.LimitOrder()
    before.CopyFrom(order)
    order.quantity_wh = msg.quantity_wh
    order.price_limit_per_kwh = msg.price_limit_per_kwh
    order.full_price_per_kwh = msg.full_price_per_kwh
    order.minimum_acceptable_wh = msg.minimum_acceptable_wh
    _require_valid(ctx, slot, order)
    _secure(ctx, slot, order, replaced_wh=before.quantity_wh)
    evicted = full_book.find_evicted(ctx, slot, order)
    _count(slot.info, order, 1)
    hold = bank.get_hold(ctx, ctx.signer, order.hold_id)
    assert hold is not None, "a resting order has lost its hold"
    reserve = max(compute_reserve(slot, order), slot.params.order_collateral_min)
    change = reserve - hold.amount
    if change > 0:
        bank.extend(ctx, ctx.signer, order.hold_id, change)
    elif change < 0:
        bank.release(ctx, ctx.signer, order.hold_id, -change)
    LIMIT_ORDERS.set(ctx, (msg.slot, msg.order_id), order)
    change_resting(ctx, msg.slot, ctx.signer, before, -1)
    change_resting(ctx, msg.slot, ctx.signer, order, 1)
    for evicted_id in evicted:
        _evict(ctx, slot, evicted_id)
    SLOTS.set(ctx, msg.slot, slot.info)
    announce(ctx, msg.slot, msg.order_id, order, amended=True)
    return tx_pb2.MsgAmendLimitOrderResponse()


def cancel_limit_order(
    ctx: Context, msg: tx_pb2.MsgCancelLimitOrder
) -> tx_pb2.MsgCancelLimitOrderResponse:
    """Withdraws a resting limit order and voids its hold."""
    order, slot = _require_resting(ctx, msg.slot, msg.order_id, msg.owner)
    _withdraw(ctx, slot, msg.order_id, order, evicted=False)
    SLOTS.set(ctx, msg.slot, slot.info)
    return tx_pb2.MsgCancelLimitOrderResponse()


def require_placeable(ctx: Context, slot: OpenSlot, order: state_pb2.LimitOrder) -> None:
    """Rejects an order that the signer may not place, whatever it has on hold; notes what of it is
    not backed.
    """
    _require_valid(ctx, slot, order)
    _secure(ctx, slot, order, replaced_wh=0)
    _require_not_full(ctx, slot)


def put(ctx: Context, slot: OpenSlot, order: state_pb2.LimitOrder) -> int:
    """Enters an order that has its hold into the book; the caller writes the slot."""
    _count(slot.info, order, 1)
    order_id = ORDER_IDS.next(ctx)
    LIMIT_ORDERS.set(ctx, (slot.number, order_id), order)
    change_resting(ctx, slot.number, bech32.decode(order.owner), order, 1)
    return order_id


def change_resting(
    ctx: Context, slot: int, owner: bytes, order: state_pb2.LimitOrder, change: int
) -> None:
    """Counts the limit orders of an account in a slot that are not booked, and notes where."""
    own = RESTING.get(ctx, (slot, owner)) or state_pb2.RestingOrders(feeder=order.feeder)
    own.orders += change
    if order.side == state_pb2.SIDE_BUY:
        own.bid_wh += change * order.quantity_wh
    else:
        own.ask_wh += change * order.quantity_wh
    if own.orders:
        RESTING.set(ctx, (slot, owner), own)
    else:
        RESTING.delete(ctx, (slot, owner))


def _withdraw(
    ctx: Context, slot: OpenSlot, order_id: int, order: state_pb2.LimitOrder, *, evicted: bool
) -> None:
    """Ends a resting order before gate closure; the caller writes the slot."""
    LIMIT_ORDER.next(get_limit_order_status(order), LimitOrderEvent.CANCEL)
    owner = bech32.decode(order.owner)
    bank.void(ctx, owner, order.hold_id)
    LIMIT_ORDERS.delete(ctx, (slot.number, order_id))
    change_resting(ctx, slot.number, owner, order, -1)
    _count(slot.info, order, -1)
    ctx.emit(
        events_pb2.EventLimitOrderCancelled(
            order_id=order_id, slot=slot.number, owner=order.owner, evicted=evicted
        )
    )


def _evict(ctx: Context, slot: OpenSlot, order_id: int) -> None:
    order = LIMIT_ORDERS.get(ctx, (slot.number, order_id))
    assert order is not None, "an index points to a missing order"
    _withdraw(ctx, slot, order_id, order, evicted=True)


def _require_resting(
    ctx: Context, slot: int, order_id: int, owner: str
) -> tuple[state_pb2.LimitOrder, OpenSlot]:
    """The order and its slot; rejects an order of another account or that does not rest."""
    order = LIMIT_ORDERS.get(ctx, (slot, order_id))
    if order is None or order.owner != owner:
        raise ChainError(MarketError.ORDER_UNKNOWN)
    return order, require_open_slot(ctx, slot, ctx.block.time_s)


def _require_valid(ctx: Context, slot: OpenSlot, order: state_pb2.LimitOrder) -> None:
    registry.require_permission(ctx, ctx.signer, ROLES[order.side])
    credit.require_credit(ctx, ctx.signer)
    metering.require_speaking(ctx, ctx.signer)
    require_quantity(slot, order.quantity_wh)
    # The rest of a standing order may be less.
    if not order.standing_order_id:
        credit.require_minimum(slot, order.quantity_wh)
    limit, full = order.price_limit_per_kwh, order.full_price_per_kwh
    require_price_limit(slot, limit)
    if full:
        beyond = full < limit if order.side == state_pb2.SIDE_BUY else full > limit
        inside = slot.curve.price_low <= full <= slot.curve.price_high
        require(beyond and inside, MarketError.LINEAR_ORDER_INVALID)
    one_of_both = not (order.minimum_acceptable_wh and full)
    require(
        one_of_both and order.minimum_acceptable_wh <= order.quantity_wh,
        MarketError.MINIMUM_INVALID,
    )
    require_valid_attributes(ctx, order)


def require_valid_attributes(ctx: Context, order: state_pb2.LimitOrder) -> None:
    """Rejects attributes that the signer, or the feeder, cannot have."""
    feeder = registry.get_feeder(ctx, order.feeder) if order.feeder else None
    if order.local or order.renewable:
        require(feeder, MarketError.ATTRIBUTES_INVALID, "the account has no meter on a feeder")
    if order.renewable and order.side == state_pb2.SIDE_BUY:
        require(order.local, MarketError.ATTRIBUTES_INVALID)
    elif order.renewable:
        at_home = order.feeder == registry.get_feeder_of(ctx, ctx.signer)
        produced = at_home and registry.has_renewable_meter(ctx, ctx.signer)
        require(produced, MarketError.ATTRIBUTES_INVALID)
    if feeder and feeder.thin_market:
        special = (
            order.local
            or order.renewable
            or order.minimum_acceptable_wh
            or order.full_price_per_kwh
        )
        require(not special, MarketError.ATTRIBUTES_INVALID, f"{order.feeder} is a thin market")


def _secure(ctx: Context, slot: OpenSlot, order: state_pb2.LimitOrder, replaced_wh: int) -> None:
    """Notes what of an order is not backed; rejects more than the connections carry."""
    is_buy = order.side == state_pb2.SIDE_BUY
    order.unbacked_wh = credit.require_within_connections(
        ctx, slot, ctx.signer, is_buy, order.quantity_wh, replaced_wh
    )


def _require_not_full(ctx: Context, slot: OpenSlot) -> None:
    """Rejects one more order than an account may have in a slot."""
    # Assume the largest amendment.
    require_headroom(slot, slot.params.order_max_wh)
    own = RESTING.get_shared(ctx, (slot.number, ctx.signer))
    max_orders = slot.params.resting_orders_per_owner_max
    fits = own is None or own.orders < max_orders
    require(fits, MarketError.TOO_MANY_ORDERS, f"max {max_orders} of one account")


def _count(info: state_pb2.Slot, order: state_pb2.LimitOrder, change: int) -> None:
    """Counts a resting order in its slot, which the caller writes."""
    info.resting_orders += change
    if order.minimum_acceptable_wh:
        info.minimum_quantity_orders += change
    if order.full_price_per_kwh:
        info.linear_orders += change


def compute_reserve(slot: OpenSlot, order: state_pb2.LimitOrder) -> int:
    """The worst case of an order: all of it at its limit."""
    return rules.compute_reserve(
        order.side == state_pb2.SIDE_BUY,
        order.quantity_wh,
        order.price_limit_per_kwh,
        slot.curve,
        slot.params.imbalance_collateral_permille,
        order.unbacked_wh,
        slot.params.carbon_cover_per_kwh,
    )


def announce(
    ctx: Context, slot: int, order_id: int, order: state_pb2.LimitOrder, *, amended: bool = False
) -> None:
    """Announces an order as it is now."""
    ctx.emit(
        events_pb2.EventLimitOrderPlaced(
            order_id=order_id,
            slot=slot,
            owner=order.owner,
            side=order.side,
            quantity_wh=order.quantity_wh,
            price_limit_per_kwh=order.price_limit_per_kwh,
            amended=amended,
            standing_order_id=order.standing_order_id,
        )
    )
