"""What an account may still trade in a slot, and what its orders put on hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from blockenergy.market.v1 import query_pb2, state_pb2, tx_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY
from blockenergy.registry.v1 import query_pb2 as registry_pb2
from google.protobuf.message import Message

from chain.market import compute_reserve, compute_standing_reserve, get_curve
from client.errors import RejectedError
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
    orders = query_pb2.QueryLimitOrdersRequest(slot=slot, owner=account)
    orders.pagination.limit = _PAGE
    for one in visit.ask(orders, query_pb2.QueryLimitOrdersResponse).orders:
        if one.order.hold_id and one.order.side == SIDE_BUY:
            bought_wh += one.order.quantity_wh
        elif one.order.hold_id:
            sold_wh += one.order.quantity_wh
    offers = query_pb2.QueryOffersRequest(slot=slot)
    offers.pagination.limit = _PAGE
    for entry in visit.ask(offers, query_pb2.QueryOffersResponse).offers:
        if entry.seller == account:
            sold_wh += entry.offer.available_wh
    return Taken(bought_wh, sold_wh)


def compute_reserves(visit: Visit, account: str, messages: Iterable[Message]) -> int:
    """What orders put on hold at most, by the parameters in force. Cancelling what was bought needs
    nothing; for what was sold the chain asks no more than not delivering it would cost.
    """
    params = visit.ask(query_pb2.QueryParamsRequest(), query_pb2.QueryParamsResponse).params
    reserve = 0
    for message in messages:
        if isinstance(message, tx_pb2.MsgPlaceStandingOrder):
            reserve += _reserve_standing(visit, account, message, params)
        elif isinstance(message, tx_pb2.MsgPlaceLimitOrder):
            is_buy = message.side == SIDE_BUY
            found = _reserve_order(visit, account, message, params, is_buy=is_buy)
            reserve += max(found, params.order_collateral_min)
        elif isinstance(message, tx_pb2.MsgBuy | tx_pb2.MsgSell):
            is_buy = isinstance(message, tx_pb2.MsgBuy)
            reserve += _reserve_order(visit, account, message, params, is_buy=is_buy)
    return reserve


def _reserve_order(
    visit: Visit, account: str, order: Any, params: state_pb2.Params, *, is_buy: bool
) -> int:
    slot = visit.ask(query_pb2.QuerySlotRequest(slot=order.slot), query_pb2.QuerySlotResponse)
    unbacked_wh = 0
    if not is_buy:
        sold_wh = count_taken(visit, account, order.slot).sold_wh
        left_wh = max(0, find_connections(visit, account).backed_wh - sold_wh)
        unbacked_wh = max(0, order.quantity_wh - left_wh)
    return compute_reserve(
        is_buy,
        order.quantity_wh,
        order.price_limit_per_kwh,
        get_curve(slot.info),
        params.imbalance_collateral_permille,
        unbacked_wh,
        params.carbon_cover_per_kwh,
    )


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
