"""Queries of offers."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2

from chain.market.state import OFFERS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.state.paging import get_page


def offers(ctx: Context, request: query_pb2.QueryOffersRequest) -> query_pb2.QueryOffersResponse:
    """The offers of a slot, by seller."""
    page, pagination = get_page(ctx, OFFERS.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryOfferEntry(seller=bech32.encode(seller), offer=offer)
        for seller, offer in page
    ]
    return query_pb2.QueryOffersResponse(offers=entries, pagination=pagination)
