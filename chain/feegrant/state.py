"""Allowances for fees, by granter and grantee."""

from __future__ import annotations

from blockenergy.feegrant.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.state.collections import Index, Map, Schema

SCHEMA = Schema(17, "feegrant")
# (granter, grantee).
ALLOWANCES = Map(SCHEMA, 1, "allowances", Pair(ADDRESS, ADDRESS), Record(state_pb2.Allowance))
ALLOWANCES_BY_GRANTEE = Index(SCHEMA, 2, ALLOWANCES, ADDRESS, by=lambda key, _: key[1])
