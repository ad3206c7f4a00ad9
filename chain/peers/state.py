"""The listed peers by node id, and the parameters of the list."""

from __future__ import annotations

from blockenergy.peers.v1 import state_pb2

from chain.runtime.encoding.keys import TEXT
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Map, Schema

SCHEMA = Schema(9, "peers")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
PEERS = Map(SCHEMA, 1, "peers", TEXT, Record(state_pb2.Peer))
