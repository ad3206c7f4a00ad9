"""What the market does by itself in every block."""

from __future__ import annotations

from chain.market import auction, booking, opening, trading
from chain.runtime.context import Context


def begin_block(ctx: Context) -> None:
    """Opens slots, and clears the call auction of a slot whose gate has closed."""
    opening.open_slots(ctx)
    auction.close_gates(ctx)


def end_block(ctx: Context) -> None:
    """Executes the market orders of this block, and books fills of call auctions."""
    trading.execute(ctx)
    booking.book(ctx)
