"""Closing: a position has one side, whichever message made the trade.

Promises that selling what was bought brings back no more than was paid for it, that buying back
what was sold costs no less than it brought, and that the pool never loses by it: of cost and
revenue it keeps the one that is worse for the owner, and what the position has brought others.
"""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank
from chain.market import renewable
from chain.market.keeper import POOL, get_curve
from chain.market.positions.charges import Charges
from chain.market.positions.influence import Traded
from chain.market.positions.keeper import Share, compute_share, require_position, take_share
from chain.market.state import POSITIONS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def close_both_sides(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    owner: bytes,
    traded: Traded,
    closes_purchase: bool,
    charges: Charges | None = None,
    unsecured: int = 0,
) -> None:
    """Takes what a position has on both sides out of it and out of the sums of the slot, which the
    caller writes. What its cost was above its revenue goes into the pool at once, and so do the
    charges for closing a purchase, or a sale, as far as the closed energy's hold goes.

    traded: in the slot until the trade that closes. charges: none: without a fee for being late.
    unsecured: the part of the cost that is not on hold.
    """
    position = require_position(ctx, slot, owner)
    quantity_wh = min(position.bought_wh, position.sold_wh)
    if not quantity_wh:
        return
    renewable.close_sides(position, quantity_wh)
    charges = charges or Charges(get_curve(info))
    bought, sold, loss = take_both_sides(position, traded, closes_purchase, charges, unsecured)
    POSITIONS.set(ctx, (slot, owner), position)
    # Out of the hold: what is released may go to the owner's arrears.
    bank.pay_from_hold(ctx, owner, position.hold_id, POOL, loss)
    freed = _compute_freed(bought, sold, unsecured)
    bank.release(ctx, owner, position.hold_id, freed - loss)
    info.bought_wh -= quantity_wh
    info.sold_wh -= quantity_wh
    info.cost -= bought.amount
    info.revenue -= sold.amount
    info.cancellation_income += loss
    ctx.emit(
        events_pb2.EventPositionClosed(
            slot=slot,
            owner=bech32.encode(owner),
            quantity_wh=quantity_wh,
            cost=bought.amount,
            revenue=sold.amount,
            loss=loss,
        )
    )


def take_both_sides(
    position: state_pb2.Position,
    traded: Traded,
    closes_purchase: bool,
    charges: Charges,
    unsecured: int = 0,
) -> tuple[Share, Share, int]:
    """Takes out of a position what it has on both sides; returns what was bought, what was sold,
    and what the owner loses by closing it.
    """
    quantity_wh = min(position.bought_wh, position.sold_wh)
    bought = compute_share(position, True, quantity_wh)
    sold = compute_share(position, False, quantity_wh)
    loss = max(0, bought.amount - sold.amount)
    earlier = bought.amount if closes_purchase else sold.amount
    opposite_half_wh = traded.since(position, closes_purchase, quantity_wh)
    charged = charges.add_to(loss, earlier, closes_purchase, quantity_wh, opposite_half_wh)
    take_share(position, True, quantity_wh, bought)
    take_share(position, False, quantity_wh, sold)
    if position.sold_wh if closes_purchase else position.bought_wh:
        # What is left is of the trade that has closed the rest.
        position.opposite_start_half_wh = traded.before(not closes_purchase)
    return bought, sold, max(loss, min(charged, _compute_freed(bought, sold, unsecured)))


def _compute_freed(bought: Share, sold: Share, unsecured: int) -> int:
    """What closed energy had on hold."""
    return bought.amount + bought.collateral + sold.collateral - unsecured
