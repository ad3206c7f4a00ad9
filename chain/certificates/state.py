"""Series, holdings, claims, and what holders ask."""

from __future__ import annotations

from blockenergy.certificates.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, U64, Pair
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

SCHEMA = Schema(12, "certificates")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
# (slot, producer): only of series that somebody has touched.
SERIES = Map(SCHEMA, 1, "series", Pair(U64, ADDRESS), Record(state_pb2.Series))
# (slot, (producer, holder)); nothing held has no entry.
HOLDINGS = Map(SCHEMA, 2, "holdings", Pair(U64, Pair(ADDRESS, ADDRESS)), Record(state_pb2.Holding))
# (slot, consumer).
CLAIMS = Map(SCHEMA, 4, "claims", Pair(U64, ADDRESS), Record(state_pb2.Claim))
# By holder.
PRICES = Map(SCHEMA, 5, "prices", ADDRESS, Record(state_pb2.Asked))
# (account, month as YYYYMM).
STATEMENTS = Map(SCHEMA, 7, "statements", Pair(ADDRESS, U64), Record(state_pb2.RecordedStatement))
# By slot, until its window closes: Wh of all series that somebody has touched.
TOUCHED = Map(SCHEMA, 9, "touched", U64, Amount())
LOCKS = Map(SCHEMA, 10, "locks", U64, Record(state_pb2.Lock))
LAST_LOCK = Sequence(SCHEMA, 11, "last_lock")
# By account.
RECORDED = Map(SCHEMA, 8, "recorded", ADDRESS, Record(state_pb2.Recorded))
# The last slot in which nothing can be claimed any more.
LAST_CLOSED = Sequence(SCHEMA, 6, "last_closed")


# What an account holds.
HOLDINGS_BY_HOLDER = Index(SCHEMA, 3, HOLDINGS, ADDRESS, by=lambda key, _: key[1][1])
