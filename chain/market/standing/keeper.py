"""The end of a standing order."""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank
from chain.market.state import STANDING_ORDERS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def end(
    ctx: Context, order_id: int, order: state_pb2.StandingOrder, *, cancelled: bool = False
) -> None:
    """Removes a standing order and releases what it has on hold."""
    bank.void(ctx, bech32.decode(order.owner), order.hold_id)
    STANDING_ORDERS.delete(ctx, order_id)
    ctx.emit(
        events_pb2.EventStandingOrderEnded(
            standing_order_id=order_id,
            owner=order.owner,
            filled_wh=order.filled_wh,
            left_wh=order.left_wh,
            cancelled=cancelled,
        )
    )
