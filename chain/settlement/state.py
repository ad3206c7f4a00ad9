"""Lines, their roots, results, what the default fund owes, and the progress of the settlement."""

from __future__ import annotations

from blockenergy.settlement.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Amount, Bytes, Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Item, Map, Schema
from chain.runtime.trees.hash import HASH_BYTES

SCHEMA = Schema(6, "settlement")
PARAMS = Params(SCHEMA, 0, state_pb2.Params, superseded=6)
PROGRESS = Item(SCHEMA, 1, "progress", Record(state_pb2.Progress))
RESULTS = Map(SCHEMA, 2, "results", U64, Record(state_pb2.SlotResult))
# (slot, owner).
LINES = Map(SCHEMA, 3, "lines", Pair(U64, ADDRESS), Record(state_pb2.Line))
# (slot, owner): credits that the pool cannot pay yet.
DEFERRED = Map(SCHEMA, 4, "deferred", Pair(U64, ADDRESS), Amount())
# (slot, creditor): what the default fund could not advance, and owes.
OWED_BY_FUND = Map(SCHEMA, 5, "owed_by_fund", Pair(U64, ADDRESS), Amount())
# (slot, feeder): the feeders with a check meter.
FEEDER_CHECKS = Map(SCHEMA, 7, "feeder_checks", Pair(U64, TEXT), Record(state_pb2.FeederCheck))
# By slot, and never removed.
LINE_ROOTS = Map(SCHEMA, 8, "line_roots", U64, Bytes(HASH_BYTES, HASH_BYTES))
# (slot, feeder): until they are announced.
FEEDER_SUMS = Map(SCHEMA, 9, "feeder_sums", Pair(U64, TEXT), Record(state_pb2.FeederSum))
