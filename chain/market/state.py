"""Slots, orders, positions, auctions, and the parameters of the market."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market.ranking import get_place_in_book
from chain.runtime.encoding import bech32
from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Item, Map, Schema, Sequence

_Place = tuple[int, tuple[int, tuple[int, int]]]

SCHEMA = Schema(5, "market")
PARAMS = Params(SCHEMA, 0, state_pb2.Params, superseded=16)
SLOTS = Map(SCHEMA, 1, "slots", U64, Record(state_pb2.Slot))
# (slot, order id): placed in this block, gone at its end.
ORDERS = Map(SCHEMA, 2, "orders", Pair(U64, U64), Record(state_pb2.Order))
# (slot, owner).
POSITIONS = Map(SCHEMA, 3, "positions", Pair(U64, ADDRESS), Record(state_pb2.Position))
# By order id: what was executed of orders that are reported, in Wh, until that is taken.
EXECUTED = Map(SCHEMA, 36, "executed", U64, Amount())
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
# (slot, order id): placed in this block, gone at its end.
OFFER_PURCHASES = Map(
    SCHEMA, 18, "offer_purchases", Pair(U64, U64), Record(state_pb2.OfferPurchase)
)
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
STANDING_ORDERS = Map(SCHEMA, 32, "standing_orders", U64, Record(state_pb2.StandingOrder))
STANDING_ORDER_IDS = Sequence(SCHEMA, 33, "last_standing_order_id")
STANDING_ORDERS_BY_OWNER = Index(
    SCHEMA, 34, STANDING_ORDERS, ADDRESS, by=lambda _, order: bech32.decode(order.owner)
)
# (slot, target id): the chain's own forecast, frozen.
EXPECTED = Map(SCHEMA, 35, "expected", Pair(U64, U64), Record(state_pb2.ExpectedValue))
# (slot, owner): while the account has limit orders that are not booked.
RESTING = Map(SCHEMA, 15, "resting", Pair(U64, ADDRESS), Record(state_pb2.RestingOrders))
# By number: a slot belongs to the purse of its number modulo how many there are.
PURSES = Map(SCHEMA, 19, "purses", U64, Record(state_pb2.Purse))
# Paid of what is owed to purses, and not yet taken by them.
RESTORED = Item(SCHEMA, 20, "restored", Amount())


# (slot, owner): the limit orders of one account in a slot.
LIMIT_ORDERS_BY_OWNER = Index(
    SCHEMA,
    13,
    LIMIT_ORDERS,
    Pair(U64, ADDRESS),
    by=lambda key, order: (key[0], bech32.decode(order.owner)),
)


def _get_place(key: tuple[int, int], order: state_pb2.LimitOrder) -> _Place | None:
    """Only orders that rest have a place."""
    book, good, quantity_wh = get_place_in_book(order)
    return (key[0], (book, (good, quantity_wh))) if order.hold_id else None


# (slot, (book, rank in it)): the orders that rest, the worst of a book first.
LIMIT_ORDERS_BY_RANK = Index(
    SCHEMA, 17, LIMIT_ORDERS, Pair(U64, Pair(U64, Pair(U64, U64))), by=_get_place
)
# (slot, feeder): the positions on a feeder in a slot.
POSITIONS_BY_FEEDER = Index(
    SCHEMA, 14, POSITIONS, Pair(U64, TEXT), by=lambda key, position: (key[0], position.feeder)
)
