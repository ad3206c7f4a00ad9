"""How resting limit orders rank when a book is full. Nothing here reads state."""

from __future__ import annotations

from enum import IntEnum

from blockenergy.market.v1 import state_pb2

from chain.market.rules import PRICE_MAX, Curve

# The lower, the worse.
Rank = tuple[int, int]


class Kind(IntEnum):
    """What an order is to the clearing."""

    PLAIN = 0
    MINIMUM = 1
    LINEAR = 2


def get_kind(order: state_pb2.LimitOrder) -> Kind:
    """The kind of an order; none is of two."""
    if order.minimum_acceptable_wh:
        return Kind.MINIMUM
    return Kind.LINEAR if order.full_price_per_kwh else Kind.PLAIN


def get_rank(order: state_pb2.LimitOrder, curve: Curve) -> Rank:
    """How good an order is for the other side: by how far its limit is from the worst one there
    can be, then by its quantity.
    """
    limit = order.price_limit_per_kwh
    is_buy = order.side == state_pb2.SIDE_BUY
    good = limit - curve.price_low if is_buy else curve.price_high - limit
    return good, order.quantity_wh


def get_book(kind: int, side: int) -> int:
    """A number for the orders of a kind on a side."""
    return 2 * kind + (side == state_pb2.SIDE_SELL)


def get_place_in_book(order: state_pb2.LimitOrder) -> tuple[int, int, int]:
    """Its book, and where in it an order stands, the worst one first; the prices of the slot do not
    matter for that.
    """
    limit, side = order.price_limit_per_kwh, order.side
    good = limit if side == state_pb2.SIDE_BUY else max(0, PRICE_MAX - limit)
    return get_book(get_kind(order), side), good, order.quantity_wh
