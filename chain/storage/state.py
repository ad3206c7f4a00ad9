"""Batteries, and the parameters of storage."""

from __future__ import annotations

from blockenergy.storage.v1 import state_pb2

from chain.runtime.collections import Map, Schema
from chain.runtime.keys import ADDRESS
from chain.runtime.params import Params
from chain.runtime.values import Record

SCHEMA = Schema(7, "storage")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
# By owner: the account of its meter, which also trades for it.
BATTERIES = Map(SCHEMA, 1, "batteries", ADDRESS, Record(state_pb2.Battery))
