"""Batteries, and the parameters of storage."""

from __future__ import annotations

from blockenergy.storage.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Map, Schema

SCHEMA = Schema(7, "storage")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
# By owner: the account of its meter, which also trades for it.
BATTERIES = Map(SCHEMA, 1, "batteries", ADDRESS, Record(state_pb2.Battery))
