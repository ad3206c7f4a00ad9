"""Booking: the fills of a call auction go into positions, a bounded number per block.

Promises that every limit order of a closed slot is booked exactly once, in the order of the order
numbers; that the hold of an order is released except for what its fill needs, which it always
covers; and that offers end before the slot is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank
from chain.market import positions, renewable, rules
from chain.market.auction import limit_orders, record
from chain.market.keeper import get_curve
from chain.market.lifecycle import (
    LIMIT_ORDER,
    LimitOrderEvent,
    SlotEvent,
    get_limit_order_status,
    transition,
)
from chain.market.offers.keeper import end_offers
from chain.market.state import BOOKING, CLEARINGS, LIMIT_ORDERS, PARAMS, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32

TakeBack = Callable[[Context, int, state_pb2.LimitOrder, int], None]


def book(ctx: Context, take_back: TakeBack) -> None:
    """Continues with the slot whose gate has closed; closes it when nothing is left to book.

    take_back: ends the hold of an order, given its slot and fill.
    """
    booking = BOOKING.get(ctx)
    if not booking.slot:
        return
    info = SLOTS.get(ctx, booking.slot)
    assert info is not None, "the slot that is being booked is gone"
    limit = PARAMS.get_shared(ctx).bookings_per_block_max
    done = _book_fills(ctx, booking, info, limit, take_back)
    SLOTS.set(ctx, booking.slot, info)
    done += end_offers(ctx, booking.slot, limit - done)
    if done < limit:
        transition(ctx, booking.slot, info, SlotEvent.BOOKED)
        booking = state_pb2.Booking()
    BOOKING.set(ctx, booking)


def _book_fills(
    ctx: Context,
    booking: state_pb2.Booking,
    info: state_pb2.Slot,
    limit: int,
    take_back: TakeBack,
) -> int:
    """Books the next fills, up to a limit; returns how many."""
    clearing = CLEARINGS.get(ctx, booking.slot)
    if clearing is None:
        return 0
    filled: dict[str, state_pb2.RenewableTrades] = {}
    venues, slot = record.Venues(clearing), booking.slot
    waiting = LIMIT_ORDERS.under(slot).items(ctx, after=booking.order_id)
    found = list(islice(waiting, limit))
    fills_wh = clearing.fills_wh[booking.booked : booking.booked + limit]
    for (order_id, order), filled_wh in zip(found, fills_wh, strict=True):
        fill = record.compute_fill(clearing, venues, order, filled_wh)
        _book_fill(ctx, slot, info, order_id, order, fill, take_back)
        if order.renewable and filled_wh:
            renewable.add(filled, order, filled_wh)
        booking.order_id = order_id
        booking.booked += 1
    renewable.book(ctx, slot, filled)
    return len(found)


def _book_fill(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    order_id: int,
    order: state_pb2.LimitOrder,
    fill: record.Fill,
    take_back: TakeBack,
) -> None:
    """Books a fill in its owner's position; of the order's hold remains what the fill needs."""
    event = LimitOrderEvent.BOOK_FILL if fill.filled_wh else LimitOrderEvent.BOOK_NOTHING
    LIMIT_ORDER.next(get_limit_order_status(order), event)
    owner = bech32.decode(order.owner)
    if fill.filled_wh:
        trade = _secure(ctx, slot, info, owner, order, fill)
        positions.add_to_position(ctx, slot, owner, trade)
    take_back(ctx, slot, order, fill.filled_wh)
    order.hold_id = 0
    order.filled_wh = fill.filled_wh
    order.amount = fill.amount
    LIMIT_ORDERS.set(ctx, (slot, order_id), order)
    ctx.emit(
        events_pb2.EventLimitOrderFilled(
            order_id=order_id,
            slot=slot,
            owner=order.owner,
            side=order.side,
            filled_wh=fill.filled_wh,
            amount=fill.amount,
        )
    )
    if fill.filled_wh:
        closes_purchase = order.side == state_pb2.SIDE_SELL
        positions.close_both_sides(
            ctx, slot, info, owner, positions.get_traded(info), closes_purchase
        )
        positions.remove_if_empty(ctx, slot, owner)
    limit_orders.change_resting(ctx, slot, owner, order, -1)


def _secure(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    owner: bytes,
    order: state_pb2.LimitOrder,
    fill: record.Fill,
) -> positions.Trade:
    """Locks what a fill needs, out of the hold of the order, as collateral of the position.

    Quantity and price are within those of the order, so what it reserved covers the amount, and no
    account has to add to it.
    """
    hold = bank.get_hold(ctx, owner, order.hold_id)
    assert hold is not None, "an order has lost its hold"
    is_buy, high = order.side == state_pb2.SIDE_BUY, info.price_high_per_kwh
    params = PARAMS.at(ctx, slot)
    collateral_permille = params.imbalance_collateral_permille
    to_pay = fill.amount if is_buy else 0
    if is_buy:
        collateral = rules.compute_buy_collateral(
            fill.filled_wh, high, collateral_permille, params.carbon_cover_per_kwh
        )
    else:
        collateral = rules.compute_sell_collateral(
            fill.filled_wh,
            fill.price_per_kwh,
            get_curve(info),
            collateral_permille,
            rules.compute_unbacked_part(order.quantity_wh, order.unbacked_wh, fill.filled_wh),
        )
    collateral = min(collateral, hold.amount - to_pay)
    positions.lock_from_hold(ctx, slot, owner, order.hold_id, to_pay + collateral)
    return positions.Trade(
        is_buy,
        fill.filled_wh,
        fill.amount,
        positions.get_traded(info),
        feeder=order.feeder,
        collateral=collateral,
        renewable=order.renewable,
    )
