"""Checks of standing orders in a genesis document."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market.state import STANDING_ORDER_IDS, STANDING_ORDERS
from chain.runtime.state.collections import GenesisError, HasStore

# Each is looked at when a gate closes.
STANDING_ORDERS_CEILING = 10_000
# The gas of an order pays for looking at it at this many gates.
STANDING_SLOTS_CEILING = 1_500
_SIDES = (state_pb2.SIDE_BUY, state_pb2.SIDE_SELL)


def validate_standing_orders(state: HasStore) -> None:
    """Raises GenesisError unless every standing order could have been placed as it is."""
    last = STANDING_ORDER_IDS.last(state)
    for order_id, order in STANDING_ORDERS.items(state):
        where = f"market.standing_orders {order_id}"
        if order_id > last:
            raise GenesisError(f"{where}: after last_standing_order_id")
        if order.side not in _SIDES or not order.slot_max_wh:
            raise GenesisError(f"{where}: not valid")
        if not order.placings_left and not order.placed_order_id:
            raise GenesisError(f"{where}: its gas is used up")
        if order.last_slot - order.first_slot > STANDING_SLOTS_CEILING:
            raise GenesisError(f"{where}: the deadline is too far ahead")
