"""Zones, factors, prices, devices, and the carbon sums of settled slots."""

from __future__ import annotations

from blockenergy.carbon.v1 import state_pb2

from chain.runtime.encoding.keys import TEXT, U64, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

SCHEMA = Schema(10, "carbon")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
ZONES = Map(SCHEMA, 1, "zones", U64, Record(state_pb2.Zone))
# By feeder; all others are in zone 0.
FEEDER_ZONES = Map(SCHEMA, 2, "feeder_zones", TEXT, Record(state_pb2.FeederZone))
# (from zone, to zone).
DELIVERIES = Map(SCHEMA, 3, "deliveries", Pair(U64, U64), Record(state_pb2.Delivery))
# (zone, slot).
FACTORS = Map(SCHEMA, 4, "factors", Pair(U64, U64), Record(state_pb2.Factor))
# By the first slot that it is in force for.
PRICES = Map(SCHEMA, 5, "prices", U64, Record(state_pb2.Price))
# By meter id.
DEVICES = Map(SCHEMA, 6, "devices", TEXT, Record(state_pb2.Device))
# (slot, zone): from the begin of its settlement until nothing can be claimed any more.
CARBON_SLOTS = Map(SCHEMA, 7, "carbon_slots", Pair(U64, U64), Record(state_pb2.CarbonSlot))
# By slot; only where anything was charged.
FUNDS = Map(SCHEMA, 8, "funds", U64, Record(state_pb2.SlotFund))
# (slot, feeder); only where renewable energy was claimed or given.
FEEDER_BOOKS = Map(SCHEMA, 9, "feeder_books", Pair(U64, TEXT), Record(state_pb2.FeederBook))
# The last slot whose settlement has begun.
LAST_BEGUN = Sequence(SCHEMA, 10, "last_begun")


# The device with an id of another registry.
DEVICES_BY_FOREIGN_ID = Index(
    SCHEMA, 11, DEVICES, TEXT, by=lambda _, device: device.foreign_id or None
)
