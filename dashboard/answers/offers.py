"""Offers: what sellers have for everybody, and what an account would pay for it."""

from __future__ import annotations

from blockenergy.dashboard.v1 import account_pb2
from blockenergy.market.v1 import query_pb2, state_pb2

from client.errors import RejectedError
from dashboard.site import Visit
from dashboard.web.rights import list_feeders, list_way_up

OFFERS_SHOWN_MAX = 20
_PAGE = 1000


def list_offers(visit: Visit, slot: int) -> dict[str, state_pb2.Offer]:
    """All offers of a slot by seller; none where the slot is not on record."""
    key = f"offers {slot}"
    found = visit.moment.shared.get(key)
    if found is None:
        request = query_pb2.QueryOffersRequest(slot=slot)
        request.pagination.limit = _PAGE
        try:
            pages = list(visit.ask_all(request, query_pb2.QueryOffersResponse))
        except RejectedError:
            pages = []
        found = {one.seller: one.offer for page in pages for one in page.offers}
        visit.moment.shared[key] = found
    return dict(found)


def list_for(visit: Visit, slot: int, account: str, feeder: str) -> list[account_pb2.ShownOffer]:
    """What an account on a feeder may buy from others, the best price first."""
    shown = [
        account_pb2.ShownOffer(
            seller=seller,
            available_wh=offer.available_wh,
            price_per_kwh=compute_price(visit, offer, feeder),
        )
        for seller, offer in list_offers(visit, slot).items()
        if seller != account
    ]
    return sorted(shown, key=lambda one: (one.price_per_kwh, one.seller))[:OFFERS_SHOWN_MAX]


def compute_price(visit: Visit, offer: state_pb2.Offer, feeder: str) -> int:
    """What a buyer on a feeder pays per kWh: with the grid fees of the feeders between the two, but
    not of those above both.
    """
    feeders = list_feeders(visit)
    between = set(list_way_up(feeders, offer.feeder)) ^ set(list_way_up(feeders, feeder))
    return offer.price_per_kwh + sum(feeders[name].grid_fee_per_kwh for name in between)
