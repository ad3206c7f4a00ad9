"""Who may change parameters."""

from __future__ import annotations

from blockenergy.params.v1 import state_pb2

from chain.runtime.params import Params
from chain.runtime.state.collections import Schema

SCHEMA = Schema(8, "params")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
