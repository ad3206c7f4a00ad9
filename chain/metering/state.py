"""Readings, conflicts, and up to where registers are settled."""

from __future__ import annotations

from blockenergy.metering.v1 import state_pb2

from chain.runtime.collections import Map, Schema, Sequence
from chain.runtime.keys import TEXT, U64, Pair
from chain.runtime.params import Params
from chain.runtime.values import Record

SCHEMA = Schema(4, "metering")
PARAMS = Params(SCHEMA, 0, state_pb2.Params, superseded=5)
# (slot, meter id).
READINGS = Map(SCHEMA, 1, "readings", Pair(U64, TEXT), Record(state_pb2.Registers))
# A meter may have signed any number, and none of these is reckoned with.
CONFLICTS = Map(SCHEMA, 2, "conflicts", Pair(U64, TEXT), Record(state_pb2.Conflict, 1 << 64))
# Meter id: only of those of which the reading in the slot settled last does not say it.
BASELINES = Map(SCHEMA, 3, "baselines", TEXT, Record(state_pb2.Baseline))
# The slot settled last; 0 before the first.
LAST_SETTLED = Sequence(SCHEMA, 4, "last_settled")
