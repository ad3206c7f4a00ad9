"""Booking: the fills of a call auction go into positions, so many per block at the most.

Promises that every limit order of a closed slot is booked exactly once, in the order of the order
numbers; that the hold of an order goes back to its owner but for what its fill needs, which it
always covers; and that what is left of offers ends before the slot is closed.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank
from chain.market import clearing_record as record
from chain.market import limit_orders, offers, positions, rules
from chain.market.state import BOOKING, CLEARINGS, LIMIT_ORDERS, PARAMS, SLOTS
from chain.runtime import bech32
from chain.runtime.context import Context


def book(ctx: Context) -> None:
    """Goes on with the slot whose gate has closed; closes it when nothing is left to book."""
    booking = BOOKING.get(ctx)
    if not booking.slot:
        return
    limit = PARAMS.get_shared(ctx).bookings_per_block_max
    done = _book_fills(ctx, booking, limit)
    done += offers.end_offers(ctx, booking.slot, limit - done)
    if done < limit:
        info = SLOTS.get(ctx, booking.slot)
        assert info is not None, "a slot that is being booked is gone"
        info.status = state_pb2.SLOT_STATUS_CLOSED
        SLOTS.set(ctx, booking.slot, info)
        booking = state_pb2.Booking()
    BOOKING.set(ctx, booking)


def _book_fills(ctx: Context, booking: state_pb2.Booking, limit: int) -> int:
    """Books the next fills, so many at the most; returns how many."""
    clearing = CLEARINGS.get(ctx, booking.slot)
    if clearing is None:
        return 0
    finder, slot = record.Places(clearing), booking.slot
    waiting = LIMIT_ORDERS.under(slot).items(ctx, after=booking.order_id)
    found = list(islice(waiting, limit))
    fills_wh = clearing.fills_wh[booking.booked : booking.booked + limit]
    for (order_id, order), filled_wh in zip(found, fills_wh, strict=True):
        fill = record.compute_fill(clearing, finder, order, filled_wh)
        _book_fill(ctx, slot, order_id, order, fill)
        booking.order_id = order_id
        booking.booked += 1
    return len(found)


def _book_fill(
    ctx: Context,
    slot: int,
    order_id: int,
    order: state_pb2.LimitOrder,
    fill: record.Fill,
) -> None:
    """Takes a fill into its owner's position; of the order's hold stays what the fill needs."""
    owner = bech32.decode(order.owner)
    freed = bank.void(ctx, owner, order.hold_id)
    order.hold_id = 0
    order.filled_wh = fill.filled_wh
    order.amount = fill.amount
    LIMIT_ORDERS.set(ctx, (slot, order_id), order)
    if fill.filled_wh:
        trade = _secure(ctx, slot, owner, order, fill, freed)
        positions.add_to_position(ctx, slot, owner, trade)
    limit_orders.change_resting(ctx, slot, owner, order, -1)
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


def _secure(
    ctx: Context,
    slot: int,
    owner: bytes,
    order: state_pb2.LimitOrder,
    fill: record.Fill,
    freed: int,
) -> positions.Trade:
    """Puts what a fill needs, of what the order has freed, on the hold of the position.

    Quantity and price are within those of the order, so what it held covers the amount. Nobody has
    to find more, even if the cover that is asked for has risen since.
    """
    info, is_buy = SLOTS.get_shared(ctx, slot), order.side == state_pb2.SIDE_BUY
    assert info is not None, "a slot that is being booked is gone"
    high, collateral_permille = (
        info.price_high_per_kwh,
        PARAMS.get_shared(ctx).imbalance_collateral_permille,
    )
    to_pay = fill.amount if is_buy else 0
    if is_buy:
        collateral = rules.compute_buy_collateral(fill.filled_wh, high, collateral_permille)
    else:
        collateral = rules.compute_sell_collateral(
            fill.filled_wh, fill.price_per_kwh, high, collateral_permille
        )
    collateral = min(collateral, freed - to_pay)
    positions.lock_collateral(ctx, slot, owner, to_pay + collateral)
    return positions.Trade(
        is_buy, fill.filled_wh, fill.amount, feeder=order.feeder, collateral=collateral
    )
