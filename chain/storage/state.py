"""Batteries, and the parameters of storage."""

from __future__ import annotations

from blockenergy.storage.v1 import state_pb2

from chain.runtime.collections import Item, Map, Schema
from chain.runtime.keys import ADDRESS
from chain.runtime.values import Record

SCHEMA = Schema(7, "storage")
PARAMS = Item(SCHEMA, 0, "params", Record(state_pb2.Params))
# By owner: the account of its meter, which also trades for it.
BATTERIES = Map(SCHEMA, 1, "batteries", ADDRESS, Record(state_pb2.Battery))
