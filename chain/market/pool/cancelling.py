"""Cancelling part of a position: a market order in the other direction, with the pool.

Promises that cancelling never brings back more than was to be paid, nor costs less than was to be
received. Shortly before gate closure it costs a fee as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank, metering
from chain.market import positions, rules
from chain.market.keeper import (
    POOL,
    MarketError,
    get_curve,
    get_gate_closure_s,
    get_position,
)
from chain.market.open_slot import require_open_slot, require_price_limit, require_quantity
from chain.market.pool.late_fee import LateFee
from chain.market.pool.orders import add_order
from chain.market.state import PARAMS, POSITIONS, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.units import WH_PER_KWH, ceil_div

# Who cancels what was bought sells it.
_OPPOSITE = {
    state_pb2.SIDE_BUY: state_pb2.SIDE_SELL,
    state_pb2.SIDE_SELL: state_pb2.SIDE_BUY,
}


def place_cancellation(
    ctx: Context, owner: bytes, side: state_pb2.Side, slot: int, quantity_wh: int, limit: int
) -> int:
    """Places an order that cancels part of what was bought, or sold; returns its number.

    side: of the position.
    """
    require(side in _OPPOSITE, MarketError.SIDE_INVALID)
    open_slot = require_open_slot(ctx, slot, ctx.block.time_s)
    require_quantity(open_slot, quantity_wh)
    require_price_limit(open_slot, limit)
    position = get_position(ctx, slot, owner)
    if position is None:
        raise ChainError(MarketError.POSITION_UNKNOWN)
    is_bought = side == state_pb2.SIDE_BUY
    in_position_wh = position.bought_wh if is_bought else position.sold_wh
    enough = quantity_wh <= in_position_wh
    require(enough, MarketError.POSITION_TOO_SMALL, f"{in_position_wh} Wh")
    order = state_pb2.Order(
        owner=bech32.encode(owner),
        side=_OPPOSITE[side],
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        reserved=compute_largest_loss(
            position, is_bought, quantity_wh, limit, _get_late_fee(ctx, slot, open_slot.info)
        ),
        cancels=True,
    )
    return add_order(ctx, slot, owner, order)


def compute_largest_loss(
    position: state_pb2.Position,
    is_bought: bool,
    quantity_wh: int,
    limit: int,
    late_fee: LateFee,
) -> int:
    """What cancelling can cost beyond the hold of the position.

    What was bought is on hold, and no more can be lost. What was sold may have to be bought back
    at the limit, and its grid fee is paid in any case.
    """
    if is_bought:
        return 0
    share = positions.compute_share(position, False, quantity_wh)
    payment = ceil_div(quantity_wh * limit, WH_PER_KWH)
    loss = max(share.grid_fee, payment - share.amount)
    return late_fee.add_to(loss, share.amount, is_bought, quantity_wh)


def find_uncovered(ctx: Context, slot: int, orders: Mapping[int, state_pb2.Order]) -> set[int]:
    """Cancellations of more than the position has, in the order of their numbers, or of a position
    that a purchase of this block has changed so that their reserve may not suffice.
    """
    uncovered = set()
    info = SLOTS.get_shared(ctx, slot)
    assert info is not None, "an order was taken for a slot that is not open"
    late_fee = _get_late_fee(ctx, slot, info)
    taken_wh: dict[tuple[str, bool], int] = {}
    for order_id, order in orders.items():
        if not order.cancels:
            continue
        is_bought = order.side == state_pb2.SIDE_SELL
        position = positions.require_position(ctx, slot, bech32.decode(order.owner))
        whole_wh = position.bought_wh if is_bought else position.sold_wh
        sum_wh = taken_wh.get((order.owner, is_bought), 0) + order.quantity_wh
        if sum_wh <= whole_wh and order.reserved >= compute_largest_loss(
            position, is_bought, order.quantity_wh, order.price_limit_per_kwh, late_fee
        ):
            taken_wh[order.owner, is_bought] = sum_wh
        else:
            uncovered.add(order_id)
    return uncovered


def cancel(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    price: rules.Price,
    order_id: int,
    order: state_pb2.Order,
) -> None:
    """Takes energy out of its owner's position, who pays at once what that costs. The caller
    writes the slot and its flows.

    price: of the batch.
    """
    owner, is_bought = bech32.decode(order.owner), order.side == state_pb2.SIDE_SELL
    position = positions.require_position(ctx, slot, owner)
    share = positions.compute_share(position, is_bought, order.quantity_wh)
    loss = _compute_loss(share, is_bought, price, order.quantity_wh)
    late_fee = _get_late_fee(ctx, slot, info)
    loss = late_fee.add_to(loss, share.amount, is_bought, order.quantity_wh)
    positions.take_share(position, is_bought, order.quantity_wh, share)
    freed = order.reserved + share.collateral + (share.amount if is_bought else 0)
    # Out of the hold: what is released may go to the owner's arrears.
    bank.pay_from_hold(ctx, owner, position.hold_id, POOL, loss)
    bank.release(ctx, owner, position.hold_id, freed - loss)
    POSITIONS.set(ctx, (slot, owner), position)
    if is_bought:
        info.bought_wh -= order.quantity_wh
        info.cost -= share.amount
    else:
        info.sold_wh -= order.quantity_wh
        info.revenue -= share.amount
    info.cancellation_income += loss
    ctx.emit(
        events_pb2.EventPositionCancelled(
            order_id=order_id,
            slot=slot,
            owner=order.owner,
            side=_OPPOSITE[order.side],
            quantity_wh=order.quantity_wh,
            amount=share.amount,
            loss=loss,
        )
    )


def _get_late_fee(ctx: Context, slot: int, info: state_pb2.Slot) -> LateFee:
    """What is in force for a slot at the time of the block."""
    params, length_s = PARAMS.at(ctx, slot), metering.get_params(ctx).slot_length_s
    gate_s = get_gate_closure_s(length_s, params.gate_closure_s, slot)
    is_late = ctx.block.time_s >= gate_s - params.late_cancellation_s
    return LateFee(get_curve(info), params.late_cancellation_fee_per_kwh if is_late else 0)


def _compute_loss(
    share: positions.Share, is_bought: bool, price: rules.Price, quantity_wh: int
) -> int:
    """What cancelling part of a position costs beyond that part.

    Bought: the owner gets back the cost without the grid fee, or the value at the price of the
    batch, whichever is less. Sold: the owner gives back the revenue and the grid fee, or the cost
    at that price, whichever is more.
    """
    if is_bought:
        worth = rules.compute_receipt(price, quantity_wh)
        # If only the fee was paid, rounded shares may be a millionth below zero.
        return share.amount - min(max(0, share.amount - share.grid_fee), worth)
    payment = rules.compute_payment(price, quantity_wh)
    return max(share.amount + share.grid_fee, payment) - share.amount
