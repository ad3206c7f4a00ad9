"""The upgrade that is planned, and the heights of those that have happened, by name."""

from __future__ import annotations

from blockenergy.upgrade.v1 import state_pb2

from chain.runtime.encoding.keys import TEXT
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.state.collections import Item, Map, Schema

SCHEMA = Schema(18, "upgrade")
# Without a name: none.
PLAN = Item(SCHEMA, 1, "plan", Record(state_pb2.Plan))
UPGRADES = Map(SCHEMA, 2, "upgrades", TEXT, Amount())
