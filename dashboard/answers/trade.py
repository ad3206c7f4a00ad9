"""Calls of one who trades: orders and holds of an account, and a slot with room for more."""

from __future__ import annotations

from collections.abc import Iterable

from blockenergy.bank.v1 import query_pb2 as bank_pb2
from blockenergy.dashboard.v1 import account_pb2
from blockenergy.market.v1 import events_pb2, query_pb2, state_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL
from blockenergy.settlement.v1 import query_pb2 as settlement_pb2
from google.protobuf.message import Message
from sqlalchemy import and_, select

from client.errors import RejectedError
from dashboard.answers.offers import list_for, list_offers
from dashboard.answers.room import count_taken, find_connections
from dashboard.answers.shown import find_cleared
from dashboard.answers.withheld import METERS_MIN
from dashboard.model.tables import EVENT, EVENT_ACCOUNT
from dashboard.site import Visit

HOLDS_SHOWN_MAX = 1000
LEVELS_SHOWN_MAX = 10
# More orders are not added up, which would take too long.
ORDERS_READ_MAX = 5_000
_PAGE = 1000


def my_orders(visit: Visit, request: account_pb2.AccountRequest) -> account_pb2.MyOrdersResponse:
    """Limit orders and offers of an account in slots that are not settled, and its holds."""
    asked = bank_pb2.QueryHoldsRequest(owner=request.account)
    asked.pagination.limit = HOLDS_SHOWN_MAX
    held = visit.ask(asked, bank_pb2.QueryHoldsResponse)
    return visit.date(
        account_pb2.MyOrdersResponse(
            limit_orders=[
                order
                for slot in _list_slots(visit, request.account, events_pb2.EventLimitOrderPlaced)
                for order in _list_own(visit, slot, request.account)
            ],
            holds=held.holds,
            more_holds=bool(held.pagination.next_key),
            offers=[
                account_pb2.OwnOffer(slot=slot, offer=offer)
                for slot in _list_slots(visit, request.account, events_pb2.EventOfferSet)
                if (offer := list_offers(visit, slot).get(request.account))
            ],
        )
    )


def book(visit: Visit, request: account_pb2.BookRequest) -> account_pb2.BookResponse:
    """A slot with what others want in its auction, and what the account may still trade in it."""
    account, asked = request.account, query_pb2.QuerySlotRequest(slot=request.slot)
    shown = visit.ask(asked, query_pb2.QuerySlotResponse)
    slot = shown.slot
    response = account_pb2.BookResponse(book=shown)
    connections = find_connections(visit, account)
    taken = count_taken(visit, account, slot)
    buy_room_wh, sell_room_wh = connections.carried_wh, connections.carried_wh
    if connections.feeder:
        ahead = query_pb2.QueryFeederRequest(slot=slot, feeder=connections.feeder)
        line = visit.ask(ahead, query_pb2.QueryFeederResponse)
        response.grid_fee_per_kwh = line.grid_fee_per_kwh
    else:
        line = query_pb2.QueryFeederResponse(
            import_headroom_wh=buy_room_wh, export_headroom_wh=sell_room_wh
        )
    # Never more of the line than the account can use: the rest is what its neighbours do.
    response.buy_room_wh = min(max(0, buy_room_wh - taken.bought_wh), line.import_headroom_wh)
    response.sell_room_wh = min(max(0, sell_room_wh - taken.sold_wh), line.export_headroom_wh)
    _add_levels(visit, slot, account, response)
    response.offers.extend(list_for(visit, slot, account, connections.feeder))
    cleared = find_cleared(visit, slot)
    node = cleared.nodes.get(connections.feeder) if cleared else None
    if cleared and node:
        response.cleared.CopyFrom(node)
        response.cleared_volume_wh = cleared.volume_wh
    return visit.date(response)


def _list_slots(visit: Visit, account: str, kind: type[Message]) -> list[int]:
    """The slots that are not settled with events of a kind that concern an account."""
    progress = settlement_pb2.QueryProgressRequest()
    first = visit.ask(progress, settlement_pb2.QueryProgressResponse).progress.slot
    own = and_(EVENT.c.height == EVENT_ACCOUNT.c.height, EVENT.c.number == EVENT_ACCOUNT.c.number)
    query = (
        select(EVENT.c.slot)
        .distinct()
        .join(EVENT_ACCOUNT, own)
        .where(EVENT_ACCOUNT.c.account == account, EVENT.c.slot >= first)
        .where(EVENT.c.type == kind.DESCRIPTOR.full_name)
        .order_by(EVENT.c.slot)
    )
    with visit.site.engine.connect() as connection:
        return [int(slot) for slot in connection.scalars(query)]


def _list_own(visit: Visit, slot: int, account: str) -> Iterable[query_pb2.QueryLimitOrderResponse]:
    asked = query_pb2.QueryLimitOrdersRequest(slot=slot, owner=account)
    asked.pagination.limit = _PAGE
    try:
        return visit.ask(asked, query_pb2.QueryLimitOrdersResponse).orders
    except RejectedError:
        return ()


def _add_levels(visit: Visit, slot: int, account: str, response: account_pb2.BookResponse) -> None:
    """Sums of the resting orders by price, where enough others hide each one."""
    if response.book.info.resting_orders > ORDERS_READ_MAX:
        response.withheld = True
        return
    orders = _list_resting(visit, slot)
    others: dict[str, int] = {}
    for order in orders:
        if order.owner != account:
            others[order.owner] = others.get(order.owner, 0) + order.quantity_wh
    is_few = len(others) < METERS_MIN or 2 * max(others.values()) > sum(others.values())
    if is_few:
        response.withheld = True
        return
    response.bids.extend(_add_up(orders, SIDE_BUY))
    response.asks.extend(_add_up(orders, SIDE_SELL))


def _list_resting(visit: Visit, slot: int) -> list[state_pb2.LimitOrder]:
    key = f"resting {slot}"
    found = visit.moment.shared.get(key)
    if found is None:
        request = query_pb2.QueryLimitOrdersRequest(slot=slot)
        request.pagination.limit = _PAGE
        pages = visit.ask_all(request, query_pb2.QueryLimitOrdersResponse)
        found = [one.order for page in pages for one in page.orders if one.order.hold_id]
        visit.moment.shared[key] = found
    return list(found)


def _add_up(
    orders: list[state_pb2.LimitOrder], side: state_pb2.Side
) -> list[account_pb2.PriceLevel]:
    levels: dict[int, int] = {}
    for order in orders:
        if order.side == side:
            limit = order.price_limit_per_kwh
            levels[limit] = levels.get(limit, 0) + order.quantity_wh
    best = sorted(levels.items(), reverse=side == SIDE_BUY)[:LEVELS_SHOWN_MAX]
    return [
        account_pb2.PriceLevel(price_limit_per_kwh=price, quantity_wh=quantity_wh)
        for price, quantity_wh in best
    ]
