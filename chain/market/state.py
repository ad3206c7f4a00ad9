"""Slots, orders, positions, auctions, and the parameters of the market."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.runtime.encoding import bech32
from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Item, Map, Schema, Sequence

SCHEMA = Schema(5, "market")
PARAMS = Params(SCHEMA, 0, state_pb2.Params, superseded=16)
SLOTS = Map(SCHEMA, 1, "slots", U64, Record(state_pb2.Slot))
# (slot, order id): placed in this block, gone at its end.
ORDERS = Map(SCHEMA, 2, "orders", Pair(U64, U64), Record(state_pb2.Order))
# (slot, owner).
POSITIONS = Map(SCHEMA, 3, "positions", Pair(U64, ADDRESS), Record(state_pb2.Position))
# Numbers of market orders, limit orders and curtailments, from one sequence.
ORDER_IDS = Sequence(SCHEMA, 4, "last_order_id")
# The last slot that was opened.
LAST_SLOT = Sequence(SCHEMA, 5, "last_slot")
# (slot, order id): resting until gate closure, then kept with their fills.
LIMIT_ORDERS = Map(SCHEMA, 6, "limit_orders", Pair(U64, U64), Record(state_pb2.LimitOrder))
CLEARINGS = Map(SCHEMA, 7, "clearings", U64, Record(state_pb2.Clearing))
BOOKING = Item(SCHEMA, 8, "booking", Record(state_pb2.Booking))
# (slot, seller).
OFFERS = Map(SCHEMA, 9, "offers", Pair(U64, ADDRESS), Record(state_pb2.Offer))
# (slot, feeder): net energy agreed over a feeder, that of all feeders below it included.
FLOWS = Map(SCHEMA, 10, "flows", Pair(U64, TEXT), Record(state_pb2.FeederFlow))
# (slot, number).
CURTAILMENTS = Map(SCHEMA, 11, "curtailments", Pair(U64, U64), Record(state_pb2.Curtailment))
# The last slot whose gate has closed and whose auction was cleared.
LAST_CLEARED = Sequence(SCHEMA, 12, "last_cleared")
# (slot, feeder); only where renewable orders were filled.
RENEWABLE_TRADES = Map(
    SCHEMA, 31, "renewable_trades", Pair(U64, TEXT), Record(state_pb2.RenewableTrades)
)
# (slot, owner): while the account has limit orders that are not booked.
RESTING = Map(SCHEMA, 15, "resting", Pair(U64, ADDRESS), Record(state_pb2.RestingOrders))


# (slot, owner): the limit orders of one account in a slot.
LIMIT_ORDERS_BY_OWNER = Index(
    SCHEMA,
    13,
    LIMIT_ORDERS,
    Pair(U64, ADDRESS),
    by=lambda key, order: (key[0], bech32.decode(order.owner)),
)
# (slot, feeder): the positions on a feeder in a slot.
POSITIONS_BY_FEEDER = Index(
    SCHEMA, 14, POSITIONS, Pair(U64, TEXT), by=lambda key, position: (key[0], position.feeder)
)
