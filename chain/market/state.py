"""Slots, orders of the block, positions, and the parameters of the market."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.runtime.collections import Item, Map, Record, Schema, Sequence
from chain.runtime.keys import ADDRESS, U64, Pair

SCHEMA = Schema(5, "market")
PARAMS = Item(SCHEMA, 0, "params", Record(state_pb2.Params))
SLOTS = Map(SCHEMA, 1, "slots", U64, Record(state_pb2.Slot))
# (slot, order id): placed in this block, gone at its end.
ORDERS = Map(SCHEMA, 2, "orders", Pair(U64, U64), Record(state_pb2.Order))
# (slot, owner).
POSITIONS = Map(SCHEMA, 3, "positions", Pair(U64, ADDRESS), Record(state_pb2.Position))
ORDER_IDS = Sequence(SCHEMA, 4, "last_order_id")


# The last slot that was opened; the next one follows it.
LAST_SLOT = Sequence(SCHEMA, 5, "last_slot")
