"""Cancelling part of a position: a market order in the other direction, which closes it.

It is an order like any other, but executed whole or not at all, at the cost of the grid fees that
were paid, and needs nothing on hold beyond what it can lose. Promises that it never brings back
more than was to be paid, nor costs less than was to be received. Shortly before gate closure it
costs a fee as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.market.v1 import state_pb2

from chain.market import positions, rules
from chain.market.keeper import MarketError, get_curve, get_position
from chain.market.open_slot import require_open_slot, require_price_limit, require_quantity
from chain.market.pool.orders import add_order
from chain.market.state import SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require

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
    curve = get_curve(open_slot.info)
    order = state_pb2.Order(
        owner=bech32.encode(owner),
        side=_OPPOSITE[side],
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        reserved=compute_largest_loss(position, is_bought, quantity_wh, curve),
        cancels=True,
    )
    return add_order(ctx, slot, owner, order)


def compute_largest_loss(
    position: state_pb2.Position,
    is_bought: bool,
    quantity_wh: int,
    curve: rules.Curve,
) -> int:
    """What cancelling can cost beyond the hold of the position.

    What was bought is on hold, and no more can be lost. What was sold costs no more than not to
    deliver it, whatever others trade in this block, and has its collateral; its grid fee is paid in
    any case.
    """
    if is_bought:
        return 0
    share = positions.compute_share(position, False, quantity_wh)
    largest = positions.Charges(curve).compute_largest(share.amount, False, quantity_wh)
    return max(0, max(share.grid_fee, largest) - share.collateral)


def find_uncovered(ctx: Context, slot: int, orders: Mapping[int, state_pb2.Order]) -> set[int]:
    """Cancellations of more than the position has, in the order of their numbers, or of a position
    that a purchase of this block has changed so that their reserve may not suffice.
    """
    uncovered = set()
    info = SLOTS.get_shared(ctx, slot)
    assert info is not None, "an order was taken for a slot that is not open"
    curve = get_curve(info)
    taken_wh: dict[tuple[str, bool], int] = {}
    for order_id, order in orders.items():
        if not order.cancels:
            continue
        is_bought = order.side == state_pb2.SIDE_SELL
        position = positions.require_position(ctx, slot, bech32.decode(order.owner))
        whole_wh = position.bought_wh if is_bought else position.sold_wh
        sum_wh = taken_wh.get((order.owner, is_bought), 0) + order.quantity_wh
        if sum_wh <= whole_wh and order.reserved >= compute_largest_loss(
            position, is_bought, order.quantity_wh, curve
        ):
            taken_wh[order.owner, is_bought] = sum_wh
        else:
            uncovered.add(order_id)
    return uncovered


def compute_trade(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    order: state_pb2.Order,
    price: rules.Price,
    traded: positions.Traded,
) -> positions.Trade:
    """The trade that closes part of a position, without a grid fee of its own.

    price: what the pool bids for what was bought, or asks for what was sold. Bought: it brings the
    cost without the grid fee, or the worth at that price, whichever is less. Sold: it costs the
    revenue and the grid fee, or what the energy costs at that price, whichever is more. The
    charges for closing come on top.

    traded: in the slot until the middle of this block.
    """
    is_bought, quantity_wh = order.side == state_pb2.SIDE_SELL, order.quantity_wh
    position = positions.require_position(ctx, slot, bech32.decode(order.owner))
    share = positions.compute_share(position, is_bought, quantity_wh)
    if is_bought:
        # If only the fee was paid, rounded shares may be a millionth below zero.
        paid = max(0, share.amount - share.grid_fee)
        loss = share.amount - min(paid, rules.compute_receipt(price, quantity_wh))
    else:
        payment = rules.compute_payment(price, quantity_wh)
        loss = max(share.amount + share.grid_fee, payment) - share.amount
    opposite_half_wh = traded.since(position, is_bought, quantity_wh)
    charges = positions.get_charges(ctx, slot, info)
    loss = charges.add_to(loss, share.amount, is_bought, quantity_wh, opposite_half_wh)
    amount = share.amount - loss if is_bought else share.amount + loss
    return positions.Trade(not is_bought, quantity_wh, amount, traded, feeder=order.feeder)
