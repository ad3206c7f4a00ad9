"""What the chain does for standing orders: it places limit orders at the gate of each slot, and
takes back what their fills do not need.

One slot is booked at a time, so that a standing order has one limit order at most, and what it has
left is known when it places the next one. The limit order is secured out of the hold of the
standing order, and what remains of that goes back there: on the way nobody, not even arrears, can
take it.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain import bank, metering
from chain.market import positions
from chain.market.auction import limit_orders
from chain.market.auction.full_book import LINEAR_ORDERS_MAX
from chain.market.keeper import get_curve, get_net_wh
from chain.market.open_slot import OpenSlot
from chain.market.rules import compute_marginal_price
from chain.market.standing import rules
from chain.market.standing.keeper import end
from chain.market.state import EXPECTED, PARAMS, STANDING_ORDERS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError


def place_due(ctx: Context, number: int, info: state_pb2.Slot) -> None:
    """Places a limit order for each standing order that fits a slot whose gate closes, the oldest
    first; ends those whose deadline it is. The caller writes the slot.
    """
    slot = OpenSlot(number, info, get_curve(info), PARAMS.at(ctx, number))
    # After a halt gates close late: nobody trades what has been delivered.
    begins_s = slots.start_s(number, metering.get_params(ctx).slot_length_s)
    is_ahead = ctx.block.time_s < begins_s
    for order_id, order in list(STANDING_ORDERS.items(ctx)):
        if is_ahead and order.first_slot <= number <= order.last_slot:
            _place(ctx, slot, order_id, order)
        if number >= order.last_slot and not order.placed_order_id:
            end(ctx, order_id, order)


def take_back(ctx: Context, slot: int, order: state_pb2.LimitOrder, filled_wh: int) -> None:
    """Ends the hold of a limit order that is booked: what is left of it goes back to the standing
    order, or to the owner if there is none.
    """
    owner = bech32.decode(order.owner)
    standing_id = order.standing_order_id
    standing = STANDING_ORDERS.get(ctx, standing_id) if standing_id else None
    if standing is None:
        bank.void(ctx, owner, order.hold_id)
        return
    hold = bank.get_hold(ctx, owner, order.hold_id)
    assert hold is not None, "a limit order has lost its hold"
    bank.move_hold(ctx, owner, order.hold_id, standing.hold_id, hold.amount)
    bank.void(ctx, owner, order.hold_id)
    standing.filled_wh += filled_wh
    standing.left_wh -= filled_wh
    standing.placed_order_id = 0
    if standing.left_wh and standing.placings_left and slot < standing.last_slot:
        STANDING_ORDERS.set(ctx, standing_id, standing)
    else:
        end(ctx, standing_id, standing)


def _place(ctx: Context, slot: OpenSlot, order_id: int, standing: state_pb2.StandingOrder) -> None:
    """Places a limit order if the slot fits and the order would be accepted."""
    assert not standing.placed_order_id, "two slots are being booked at once"
    if not _fits(ctx, slot, standing):
        return
    owner = bech32.decode(standing.owner)
    order = state_pb2.LimitOrder(
        owner=standing.owner,
        side=standing.side,
        quantity_wh=min(standing.slot_max_wh, standing.left_wh),
        price_limit_per_kwh=standing.price_limit_per_kwh,
        full_price_per_kwh=standing.full_price_per_kwh,
        feeder=positions.get_grid_node(ctx, slot.number, owner),
        standing_order_id=order_id,
    )
    try:
        limit_orders.require_placeable(Context(ctx.store, ctx.block, owner), slot, order)
    except ChainError:
        return
    hold = bank.get_hold(ctx, owner, standing.hold_id)
    assert hold is not None, "a standing order has lost its hold"
    reserve = limit_orders.compute_reserve(slot, order)
    # Prices of slots may have risen since.
    if reserve > hold.amount:
        return
    order.hold_id = bank.move_hold(ctx, owner, standing.hold_id, 0, reserve)
    standing.placed_order_id = limit_orders.put(ctx, slot, order)
    standing.placings_left -= 1
    STANDING_ORDERS.set(ctx, order_id, standing)
    limit_orders.announce(ctx, slot.number, standing.placed_order_id, order)


def _fits(ctx: Context, slot: OpenSlot, standing: state_pb2.StandingOrder) -> bool:
    """Whether the slot has a place, and the condition is met."""
    info = slot.info
    if info.resting_orders >= slot.params.resting_orders_max:
        return False
    if standing.full_price_per_kwh and info.linear_orders >= LINEAR_ORDERS_MAX:
        return False
    found = EXPECTED.get_shared(ctx, (slot.number, standing.forecast_target_id))
    price = compute_marginal_price(slot.curve, get_net_wh(info))
    return rules.is_met(standing, price, None if found is None else found.median)
