"""Denominations, balances, holds, and their parameters."""

from __future__ import annotations

from blockenergy.bank.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

SCHEMA = Schema(3, "bank")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
DENOMS = Map(SCHEMA, 1, "denoms", TEXT, Record(state_pb2.Denom))
# (owner, denomination): what can be spent. No entry means zero; zero has no entry.
BALANCES = Map(SCHEMA, 2, "balances", Pair(ADDRESS, TEXT), Amount())
# (owner, hold id): money on hold.
HOLDS = Map(SCHEMA, 3, "holds", Pair(ADDRESS, U64), Record(state_pb2.Hold))
HOLD_IDS = Sequence(SCHEMA, 4, "last_hold_id")
# (debtor, denomination): owed to the default fund. Who owes has no balance.
ARREARS = Map(SCHEMA, 7, "arrears", Pair(ADDRESS, TEXT), Amount())
DENOM_COUNT = Sequence(SCHEMA, 6, "denom_count")


# Holds with a deadline, the earliest first.
HOLDS_BY_DEADLINE = Index(SCHEMA, 5, HOLDS, U64, by=lambda _, hold: hold.deadline_s or None)
