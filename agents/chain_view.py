"""What an agent reads of the chain and writes to it, on a network and in a simulation alike.

`Ask` is a query: a request in, the response of its rpc out. A node answers it over its RPC, and a
simulated chain in its own process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from blockenergy.market.v1 import query_pb2, tx_pb2
from blockenergy.market.v1.errors_pb2 import POSITION_UNKNOWN
from blockenergy.registry.v1 import query_pb2 as registry_query_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_PRODUCER, ROLE_PROSUMER
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from google.protobuf.message import Message

from agents.trading import OpenSlot, Order
from client.errors import RejectedError
from client.node.rpc import Rpc
from client.queries import query, walk_pages

R = TypeVar("R", bound=Message)


class Ask(Protocol):
    """Answers a query from the latest state."""

    def __call__(self, request: Message, response_type: type[R], /) -> R:
        """The response; raises RejectedError where the chain rejects the request."""


def ask_node(rpc: Rpc) -> Ask:
    """The queries of a node."""

    def ask(request: Message, response_type: type[R], /) -> R:
        return query(rpc, request, response_type)

    return ask


def ask_pages(ask: Ask, request: Message, response_type: type[R]) -> Iterator[R]:
    """All pages of the response; the request sets the page size."""
    return walk_pages(lambda page: ask(page, response_type), request)


@dataclass(frozen=True, slots=True)
class MarketView:
    """What the pool quotes for the open slots behind one that is in delivery."""

    open_slots: tuple[OpenSlot, ...]
    # Ask less bid of the next slot, and the bounds of its prices; 0 without an open slot.
    spread_per_kwh: int
    price_low_per_kwh: int
    price_high_per_kwh: int


def read_market(ask: Ask, slot: int, slots: int) -> MarketView:
    """The open ones of so many slots behind `slot`."""
    page = PageRequest(limit=slots)
    request = query_pb2.QuerySlotsRequest(first_slot=slot + 1, pagination=page)
    found = [one for one in ask(request, query_pb2.QuerySlotsResponse).slots if one.takes_orders]
    first = found[0] if found else query_pb2.QuerySlotResponse()
    return MarketView(
        tuple(OpenSlot(one.slot, get_middle(one)) for one in found),
        first.ask_per_kwh - first.bid_per_kwh,
        first.info.price_low_per_kwh,
        first.info.price_high_per_kwh,
    )


def get_middle(found: query_pb2.QuerySlotResponse) -> int:
    """The price of a slot: the middle between the pool's bid and its ask."""
    return (found.bid_per_kwh + found.ask_per_kwh) // 2


def read_price(ask: Ask, slot: int) -> int:
    """The price of one slot, open or not."""
    return get_middle(ask(query_pb2.QuerySlotRequest(slot=slot), query_pb2.QuerySlotResponse))


def read_position_wh(ask: Ask, slot: int, owner: str) -> int:
    """Net energy that an account has bought for a slot; negative: sold."""
    request = query_pb2.QueryPositionRequest(slot=slot, owner=owner)
    try:
        return get_net_wh(ask(request, query_pb2.QueryPositionResponse))
    except RejectedError as error:
        if error.code == POSITION_UNKNOWN:
            return 0
        raise


def get_net_wh(found: query_pb2.QueryPositionResponse) -> int:
    """Bought less sold."""
    return found.position.bought_wh - found.position.sold_wh


def read_sides(ask: Ask, address: str) -> tuple[bool, bool]:
    """Whether an account may buy, and whether it may sell, by its roles."""
    request = registry_query_pb2.QueryParticipantRequest(address=address)
    found = ask(request, registry_query_pb2.QueryParticipantResponse).participant
    roles = set(found.roles)
    return bool(roles & {ROLE_CONSUMER, ROLE_PROSUMER}), bool(
        roles & {ROLE_PRODUCER, ROLE_PROSUMER}
    )


def make_messages(orders: Iterable[Order], account: str) -> list[Message]:
    """The messages that place orders for an account.

    Whoever may act for the account with another key sends them within a message of that right.
    """
    return [_make_message(order, account) for order in orders]


def _make_message(order: Order, account: str) -> Message:
    what: Mapping[str, int] = {
        "slot": order.slot,
        "quantity_wh": order.quantity_wh,
        "price_limit_per_kwh": order.price_limit_per_kwh,
    }
    if order.is_buy:
        return tx_pb2.MsgBuy(buyer=account, **what)
    return tx_pb2.MsgSell(seller=account, **what)


def list_positions_wh(ask: Ask, slots: Sequence[int], owner: str) -> dict[int, int]:
    """An account's net positions in some slots."""
    return {slot: read_position_wh(ask, slot, owner) for slot in slots}
