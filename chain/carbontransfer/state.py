"""What may cross, what of this chain is on others, and what of others is here."""

from __future__ import annotations

from blockenergy.carbontransfer.v1 import state_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2

from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.state.collections import Index, Map, Schema, Sequence

# ((client, slot), producer): the latter two of the other chain.
SeriesKey = tuple[tuple[str, int], bytes]

SCHEMA = Schema(21, "carbontransfer")
# By client.
ROUTES = Map(SCHEMA, 1, "routes", TEXT, Record(state_pb2.Route))
# (slot, (producer, client)): Wh of this chain's certificates on others.
ESCROWS = Map(SCHEMA, 2, "escrows", Pair(U64, Pair(ADDRESS, TEXT)), Amount())
FOREIGN_SERIES = Map(
    SCHEMA, 3, "foreign_series", Pair(Pair(TEXT, U64), ADDRESS), Record(state_pb2.ForeignSeries)
)
# ((client, slot), (producer, holder)); nothing held has no entry.
FOREIGN_HOLDINGS = Map(
    SCHEMA,
    4,
    "foreign_holdings",
    Pair(Pair(TEXT, U64), Pair(ADDRESS, ADDRESS)),
    Record(certificates_pb2.Holding),
)
RETIREMENTS = Map(SCHEMA, 5, "retirements", U64, Record(state_pb2.ForeignRetirement))
LAST_RETIREMENT = Sequence(SCHEMA, 6, "last_retirement")
# (client, batch): g of this chain's credits on others.
CREDIT_ESCROWS = Map(SCHEMA, 7, "credit_escrows", Pair(TEXT, TEXT), Amount())

FOREIGN_SERIES_BY_EXPIRY = Index(
    SCHEMA, 8, FOREIGN_SERIES, U64, by=lambda _, series: series.expiry_s
)
FOREIGN_HOLDINGS_BY_HOLDER = Index(
    SCHEMA, 9, FOREIGN_HOLDINGS, ADDRESS, by=lambda key, _: key[1][1]
)
