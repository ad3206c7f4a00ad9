"""Orders of a call auction and what they accept at a price.

All numbers are whole: Wh, and prices on a grid whose step the caller chooses (on the chain,
millionths of the settlement token per kWh). An order never gets more than it accepts at the price.

A step order accepts its whole quantity up to its limit (a bid) or from its limit on (an ask). A
linear order accepts nothing at its limit, everything at `full_at`, and in between a quantity in
proportion, rounded down. On the grid of prices that equals one step order per Wh:
the j-th Wh of a bid has the limit `limit - ceil(j * |limit - full_at| / quantity)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from chain.market.clearing.sums import ceil_sum
from chain.market.rules import Curve
from chain.runtime.units import ceil_div

# The sign of what an order adds to excess demand.
Side = Literal[1, -1]
BID: Side = 1
ASK: Side = -1


class BookError(ValueError):
    """An order book that cannot be cleared; the text says why."""


class Order(NamedTuple):
    """An order to buy or sell; ids are unique in a book."""

    order_id: int
    owner: bytes
    limit: int
    quantity_wh: int
    # Minimum acceptable quantity: filled with at least this, or not at all.
    minimum_acceptable_wh: int = 0
    # The price at which a linear order accepts its whole quantity; None: a step order.
    full_at: int | None = None


class Pool(NamedTuple):
    """The distribution network's side: its price line and the net energy it has sold so far."""

    curve: Curve
    net_wh: int = 0


class Book(NamedTuple):
    """What is cleared together: all orders of a slot, and the pool if it takes part."""

    bids: Sequence[Order]
    asks: Sequence[Order]
    pool: Pool | None = None


class PriceRule(NamedTuple):
    """The price in the envy-free interval: low + floor(k (high - low)), k a fraction."""

    numerator: int
    denominator: int

    def choose(self, low: int, high: int) -> int:
        """The price for an interval."""
        return low + (high - low) * self.numerator // self.denominator


MIDPOINT = PriceRule(1, 2)
# The lowest envy-free price: the last ask that is filled, unless a bid above it is not.
MARGINAL_ASK = PriceRule(0, 1)
# The highest one: the last bid that is filled, unless an ask below it is not.
MARGINAL_BID = PriceRule(1, 1)


def compute_accepted(order: Order, side: Side, price: int) -> int:
    """The maximum that an order takes at a price, in Wh."""
    inside = side * (order.limit - price)
    if order.full_at is None:
        return order.quantity_wh if inside >= 0 else 0
    width = side * (order.limit - order.full_at)
    if inside >= width:
        return order.quantity_wh
    return order.quantity_wh * inside // width if inside > 0 else 0


def compute_required(order: Order, side: Side, price: int) -> int:
    """The minimum that an order must get at a price to want no more, in Wh."""
    return compute_accepted(order, side, price + side)


def compute_value(order: Order, side: Side, fill_wh: int) -> int:
    """The value of a fill to a buyer, or its cost to a seller: the sum of the limits of its Wh."""
    value = order.limit * fill_wh
    if order.full_at is None:
        return value
    width = side * (order.limit - order.full_at)
    return value - side * ceil_sum(fill_wh, order.quantity_wh, width, width)


def list_steps(order: Order, side: Side) -> Iterator[tuple[int, int]]:
    """Limits and quantities of the step orders that an order equals."""
    if order.full_at is None:
        yield order.limit, order.quantity_wh
        return
    width, before = side * (order.limit - order.full_at), 0
    while before < order.quantity_wh:
        price = order.limit - side * ceil_div((before + 1) * width, order.quantity_wh)
        accepted = compute_accepted(order, side, price)
        yield price, accepted - before
        before = accepted


def require_valid(book: Book) -> None:
    """Rejects a book with an invalid order."""
    for side, orders in ((BID, book.bids), (ASK, book.asks)):
        for order in orders:
            plain = order.full_at is None and not order.minimum_acceptable_wh
            if not plain or order.quantity_wh < 0 or order.limit < 0:
                _require_valid_order(order, side)
    if book.pool:
        curve = book.pool.curve
        if not 0 <= curve.price_low <= curve.price_high:
            raise BookError("the pool's low price lies above its high price")
        if not 0 <= 4 * curve.margin <= curve.price_high - curve.price_low:
            raise BookError("the pool's margin is below zero, or above a quarter of its prices")
        if curve.depth_wh < 0:
            raise BookError("the pool's depth is below zero")


def require_valid_rule(rule: PriceRule) -> None:
    """Rejects a fraction outside 0 to 1."""
    if not 0 <= rule.numerator <= rule.denominator or not rule.denominator:
        raise BookError("the price rule is not a fraction between 0 and 1")


def _require_valid_order(order: Order, side: Side) -> None:
    name = f"order {order.order_id}"
    if order.quantity_wh < 0 or order.limit < 0:
        raise BookError(f"{name} has a negative quantity or price")
    if not 0 <= order.minimum_acceptable_wh <= order.quantity_wh:
        raise BookError(f"{name} has a minimum that is not between zero and its quantity")
    if order.full_at is None:
        return
    if order.minimum_acceptable_wh:
        raise BookError(f"{name} is linear and has a minimum; it may be only one of the two")
    if order.full_at < 0 or side * (order.limit - order.full_at) <= 0:
        wanted = "below" if side == BID else "above"
        raise BookError(f"{name} must accept its whole quantity at a price {wanted} its limit")
