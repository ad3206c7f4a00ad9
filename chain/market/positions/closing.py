"""Closing: a position has one side, whichever message made the trade.

Promises that selling what was bought brings back no more than was paid for it, that buying back
what was sold costs no less than it brought, and that the pool never loses by it: of cost and
revenue it keeps the one that is worse for the owner.
"""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank
from chain.market import renewable
from chain.market.keeper import POOL
from chain.market.positions.keeper import compute_share, require_position, take_share
from chain.market.positions.late_fee import LateFee
from chain.market.state import POSITIONS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def close_both_sides(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    owner: bytes,
    unsecured: int = 0,
    late_fee: LateFee | None = None,
    closes_purchase: bool = True,
) -> None:
    """Takes what a position has on both sides out of it and out of the sums of the slot, which the
    caller writes. What its cost was above its revenue goes into the pool at once, out of what the
    closed energy had on hold.

    unsecured: the part of the cost that is not on hold. late_fee: what trading back before gate
    closure costs on top, of a purchase or of a sale, as far as the hold goes.
    """
    position = require_position(ctx, slot, owner)
    quantity_wh = min(position.bought_wh, position.sold_wh)
    if not quantity_wh:
        return
    bought = compute_share(position, True, quantity_wh)
    sold = compute_share(position, False, quantity_wh)
    loss = max(0, bought.amount - sold.amount)
    freed = bought.amount + bought.collateral + sold.collateral - unsecured
    if late_fee is not None:
        earlier = bought.amount if closes_purchase else sold.amount
        loss = min(freed, late_fee.add_to(loss, earlier, closes_purchase, quantity_wh))
    renewable.close_sides(position, quantity_wh)
    take_share(position, True, quantity_wh, bought)
    take_share(position, False, quantity_wh, sold)
    POSITIONS.set(ctx, (slot, owner), position)
    # Out of the hold: what is released may go to the owner's arrears.
    bank.pay_from_hold(ctx, owner, position.hold_id, POOL, loss)
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
