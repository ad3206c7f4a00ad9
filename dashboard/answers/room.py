"""What an account may still trade in a slot, and what its orders put on hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from blockenergy.market.v1 import query_pb2, state_pb2, tx_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY
from blockenergy.registry.v1 import query_pb2 as registry_pb2
from google.protobuf.message import Message

from chain.market import compute_reserve, compute_standing_reserve, get_curve
from client.errors import RejectedError
from dashboard.answers.offers import compute_price, list_offers
from dashboard.site import Visit

S_PER_HOUR = 3600
_PAGE = 1000


class Connections(NamedTuple):
    """Of the meters of an account: their feeder, what they carry in a slot, and what of it energy
    sources produce at most.
    """

    feeder: str
    carried_wh: int
    backed_wh: int


class Taken(NamedTuple):
    """What an account has traded and ordered in a slot."""

    bought_wh: int
    sold_wh: int


def find_connections(visit: Visit, account: str) -> Connections:
    """The connections of an account; nothing if it is not registered."""
    request = registry_pb2.QueryParticipantRequest(address=account)
    try:
        found = visit.ask(request, registry_pb2.QueryParticipantResponse).participant
    except RejectedError:
        return Connections("", 0, 0)
    duration_s = visit.moment.slot_stands_for_s
    return Connections(
        found.feeder,
        found.capacity_w * duration_s // S_PER_HOUR,
        found.source_capacity_w * duration_s // S_PER_HOUR,
    )


def count_taken(visit: Visit, account: str, slot: int) -> Taken:
    """What an account has bought and bid for, or sold, asked for and offered."""
    bought_wh = sold_wh = 0
    try:
        asked = query_pb2.QueryPositionRequest(slot=slot, owner=account)
        position = visit.ask(asked, query_pb2.QueryPositionResponse).position
        bought_wh, sold_wh = position.bought_wh, position.sold_wh
    except RejectedError:
        # It has no position.
        pass
    for one in _list_own(visit, account, slot):
        if one.order.hold_id and one.order.side == SIDE_BUY:
            bought_wh += one.order.quantity_wh
        elif one.order.hold_id:
            sold_wh += one.order.quantity_wh
    offer = list_offers(visit, slot).get(account)
    return Taken(bought_wh, sold_wh + (offer.available_wh if offer else 0))


def compute_reserves(visit: Visit, account: str, messages: Iterable[Message]) -> int:
    """What orders put on hold at most, by the parameters in force; one that is changed, in all.
    Cancelling what was bought needs nothing; for what was sold the chain asks no more than not
    delivering it would cost.
    """
    params = visit.ask(query_pb2.QueryParamsRequest(), query_pb2.QueryParamsResponse).params
    reserve = 0
    for message in messages:
        if isinstance(message, tx_pb2.MsgPlaceStandingOrder):
            reserve += _reserve_standing(visit, account, message, params)
        elif order := _read_order(visit, account, message):
            reserve += _reserve_order(visit, account, order, params)
    return reserve


class _Order(NamedTuple):
    """An order for a slot. replaced_wh: of the one that it replaces. stays: it is not executed at
    the end of its block.
    """

    slot: int
    is_buy: bool
    quantity_wh: int
    limit: int
    replaced_wh: int = 0
    stays: bool = True


def _read_order(visit: Visit, account: str, message: Any) -> _Order | None:
    """The order that a message places or changes; None if it is another message."""
    match message:
        case tx_pb2.MsgBuy() | tx_pb2.MsgSell():
            is_buy = isinstance(message, tx_pb2.MsgBuy)
            limit = message.price_limit_per_kwh
            return _Order(message.slot, is_buy, message.quantity_wh, limit, stays=False)
        case tx_pb2.MsgPlaceLimitOrder():
            is_buy, limit = message.side == SIDE_BUY, message.price_limit_per_kwh
            return _Order(message.slot, is_buy, message.quantity_wh, limit)
        case tx_pb2.MsgAmendLimitOrder():
            before = _find_limit_order(visit, account, message.slot, message.order_id)
            is_buy, limit = before.side == SIDE_BUY, message.price_limit_per_kwh
            return _Order(message.slot, is_buy, message.quantity_wh, limit, before.quantity_wh)
        case tx_pb2.MsgSetOffer() if message.available_wh:
            own = list_offers(visit, message.slot).get(account)
            replaced_wh, price = own.available_wh if own else 0, message.price_per_kwh
            return _Order(message.slot, False, message.available_wh, price, replaced_wh)
        case tx_pb2.MsgBuyOffer():
            # The price is known, so that no more than that is needed.
            offer = list_offers(visit, message.slot)[message.seller]
            price = compute_price(visit, offer, find_connections(visit, account).feeder)
            return _Order(message.slot, True, message.quantity_wh, price, stays=False)
    return None


def _find_limit_order(visit: Visit, account: str, slot: int, order_id: int) -> state_pb2.LimitOrder:
    """An order of an account that the chain has just said is there."""
    return next(one.order for one in _list_own(visit, account, slot) if one.order_id == order_id)


def _list_own(visit: Visit, account: str, slot: int) -> Sequence[query_pb2.QueryLimitOrderResponse]:
    request = query_pb2.QueryLimitOrdersRequest(slot=slot, owner=account)
    request.pagination.limit = _PAGE
    return visit.ask(request, query_pb2.QueryLimitOrdersResponse).orders


def _reserve_order(visit: Visit, account: str, order: _Order, params: state_pb2.Params) -> int:
    slot = visit.ask(query_pb2.QuerySlotRequest(slot=order.slot), query_pb2.QuerySlotResponse)
    unbacked_wh = 0
    if not order.is_buy:
        sold_wh = count_taken(visit, account, order.slot).sold_wh - order.replaced_wh
        left_wh = max(0, find_connections(visit, account).backed_wh - sold_wh)
        unbacked_wh = max(0, order.quantity_wh - left_wh)
    found = compute_reserve(
        order.is_buy,
        order.quantity_wh,
        order.limit,
        get_curve(slot.info),
        params.imbalance_collateral_permille,
        unbacked_wh,
        params.carbon_cover_per_kwh,
    )
    return max(found, params.order_collateral_min) if order.stays else found


def _reserve_standing(
    visit: Visit, account: str, message: tx_pb2.MsgPlaceStandingOrder, params: state_pb2.Params
) -> int:
    order = state_pb2.StandingOrder(
        side=message.side,
        left_wh=message.quantity_wh,
        slot_max_wh=message.slot_max_wh,
        price_limit_per_kwh=message.price_limit_per_kwh,
        first_slot=max(message.first_slot, visit.moment.slot + 1),
        last_slot=message.last_slot,
    )
    prices = [
        params.price_high_per_kwh,
        *(one.info.price_high_per_kwh for one in visit.moment.slots),
    ]
    backed_wh = find_connections(visit, account).backed_wh
    return compute_standing_reserve(order, params, max(prices), backed_wh)
