"""What the market does in every block, without a message."""

from __future__ import annotations

from chain.market import positions
from chain.market.auction import booking, gate_closure
from chain.market.offers import purchases
from chain.market.pool import opening, trading
from chain.market.standing import placing
from chain.runtime.context import Context


def begin_block(ctx: Context) -> None:
    """Opens slots; when the gate of one closes, places what standing orders have left, and clears
    the call auction.
    """
    opening.open_slots(ctx)
    gate_closure.close_gates(ctx, placing.place_due)


def end_block(ctx: Context) -> None:
    """Executes the purchases from offers and the market orders of this block, and books fills of
    call auctions.
    """
    touched = purchases.execute(ctx)
    trading.execute(ctx)
    for slot, owner in touched:
        positions.remove_if_empty(ctx, slot, owner)
    booking.book(ctx, placing.take_back)
