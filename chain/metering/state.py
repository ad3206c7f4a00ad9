"""Readings, conflicts, and settled registers."""

from __future__ import annotations

from blockenergy.metering.v1 import state_pb2

from chain.runtime.encoding import bech32
from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

SCHEMA = Schema(4, "metering")
PARAMS = Params(SCHEMA, 0, state_pb2.Params, superseded=5)
# (slot, meter id).
READINGS = Map(SCHEMA, 1, "readings", Pair(U64, TEXT), Record(state_pb2.Registers))
# Untrusted registers; never used in calculations.
CONFLICTS = Map(SCHEMA, 2, "conflicts", Pair(U64, TEXT), Record(state_pb2.Conflict, 1 << 64))
# By meter id; only of meters without a reading in the last settled slot.
BASELINES = Map(SCHEMA, 3, "baselines", TEXT, Record(state_pb2.Baseline))
# The meters that have been silent for too long, owner by owner.
BARRED = Index(
    SCHEMA,
    7,
    BASELINES,
    ADDRESS,
    by=lambda _, baseline: bech32.decode(baseline.barred) if baseline.barred else None,
)
# By meter id; only of meters that were exchanged.
OFFSETS = Map(SCHEMA, 6, "offsets", TEXT, Record(state_pb2.Offset))
# When there was a block, as of half the length of a halt ago; 0 before the first.
LAST_NOTED_S = Sequence(SCHEMA, 9, "last_noted_s")
# By the time that was noted before it.
HALTS = Map(SCHEMA, 8, "halts", U64, Record(state_pb2.Halt))
# 0 before the first.
LAST_SETTLED = Sequence(SCHEMA, 4, "last_settled")
