"""The rights that were given, by granter and grantee."""

from __future__ import annotations

from blockenergy.authz.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.state.collections import Index, Map, Schema

SCHEMA = Schema(16, "authz")
# (granter, grantee).
GRANTS = Map(SCHEMA, 1, "grants", Pair(ADDRESS, ADDRESS), Record(state_pb2.Grant))
GRANTS_BY_GRANTEE = Index(SCHEMA, 2, GRANTS, ADDRESS, by=lambda key, _: key[1])
