"""Verifies in one pass that a clearing is optimal.

Prices and fills prove each other. Welfare is the value of the filled Wh to buyers less their cost
to sellers. If at the given prices every order gets what it accepts and wants no more, then by
linear-programming duality no other fills have more welfare. The duality gap says the same in one
number: the maximum gain of all orders at these prices, less the welfare reached, is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain as join

from chain.market.clearing.auction import Outcome
from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.orders import (
    ASK,
    BID,
    MIDPOINT,
    Book,
    Order,
    Pool,
    PriceRule,
    Side,
    compute_accepted,
    compute_required,
    compute_value,
)
from chain.market.clearing.pool import compute_pool_cost, compute_pool_net


def compute_welfare(
    bids: Sequence[Order],
    asks: Sequence[Order],
    bid_fills: Sequence[int],
    ask_fills: Sequence[int],
) -> int:
    """Value to the buyers less cost of the sellers, in price times Wh."""
    value = sum(compute_value(o, BID, fill) for o, fill in zip(bids, bid_fills, strict=True))
    return value - sum(compute_value(o, ASK, fill) for o, fill in zip(asks, ask_fills, strict=True))


def compute_best_surplus(orders: Sequence[Order], side: Side, price: int) -> int:
    """The gain of orders at a price if each gets all it wants, in price times Wh."""
    fills = [compute_accepted(order, side, price) for order in orders]
    value = sum(compute_value(o, side, fill) for o, fill in zip(orders, fills, strict=True))
    return side * (value - price * sum(fills))


def verify_clearing(book: Book, outcome: Outcome, rule: PriceRule = MIDPOINT) -> list[str]:
    """What is wrong with an outcome; nothing if it is optimal for the book at one price.

    That orders were removed for their minimum is taken as given; that they have one is checked.
    """
    if len(book.bids) != len(outcome.bid_fills) or len(book.asks) != len(outcome.ask_fills):
        return ["there is not one fill for each order"]
    killed = set(outcome.killed)
    bids, asks = (
        [o._replace(quantity_wh=0, full_at=None) if o.order_id in killed else o for o in orders]
        for orders in remove_self_trades(book.bids, book.asks)
    )
    return [
        *_check_killed(book, killed),
        *_check_sums(book, outcome),
        *_check_price(outcome, rule),
        *check_fills(bids, outcome.bid_fills, BID, outcome.price),
        *check_fills(asks, outcome.ask_fills, ASK, outcome.price),
        *_check_interval(bids, asks, outcome),
        *_check_pool_and_gap(bids, asks, book.pool, outcome),
    ]


def check_fills(
    orders: Sequence[Order], fills: Sequence[int], side: Side, price: int | None
) -> Iterator[str]:
    """Whether each order gets what it accepts at the price, and wants no more."""
    for order, fill in zip(orders, fills, strict=True):
        if not 0 <= fill <= order.quantity_wh or 0 < fill < order.minimum_acceptable_wh:
            yield f"order {order.order_id}: a fill of {fill} Wh is outside its quantities"
        elif price is None:
            if fill:
                yield f"order {order.order_id} is filled without a price"
        elif fill > compute_accepted(order, side, price):
            yield f"order {order.order_id} is filled beyond its limit"
        elif fill < compute_required(order, side, price):
            yield f"order {order.order_id} is better than the price and wants more"


def _check_killed(book: Book, killed: set[int]) -> Iterator[str]:
    binding = {o.order_id for o in join(book.bids, book.asks) if o.minimum_acceptable_wh}
    for order_id in sorted(killed - binding):
        yield f"order {order_id} was removed and has no minimum"


def _check_sums(book: Book, outcome: Outcome) -> Iterator[str]:
    bought, sold = sum(outcome.bid_fills), sum(outcome.ask_fills)
    if bought != sold + outcome.pool_wh:
        yield f"{bought} Wh are bought, {sold} Wh sold and {outcome.pool_wh} Wh from the pool"
    if outcome.pool_wh and book.pool is None:
        yield "there is no pool to trade with"
    if outcome.volume_wh != max(bought, sold):
        yield f"the volume is not {outcome.volume_wh} Wh"


def _check_price(outcome: Outcome, rule: PriceRule) -> Iterator[str]:
    low, high, price = outcome.price_low, outcome.price_high, outcome.price
    if low is not None and high is not None and low > high:
        yield "the interval of prices is empty"
    if not outcome.volume_wh:
        if price is not None:
            yield "there is a price and no trade"
    elif low is None or high is None:
        yield "there is a trade and no interval of prices"
    elif price != rule.choose(low, high):
        yield f"the price {price} is not where the rule puts it in {low} to {high}"


def _check_interval(
    bids: Sequence[Order], asks: Sequence[Order], outcome: Outcome
) -> Iterator[str]:
    """Both ends of the interval must be envy-free as well."""
    for price in (outcome.price_low, outcome.price_high):
        if price is not None:
            problems = join(
                check_fills(bids, outcome.bid_fills, BID, price),
                check_fills(asks, outcome.ask_fills, ASK, price),
            )
            yield from (f"at {price}, an end of the interval: {problem}" for problem in problems)


def _check_pool_and_gap(
    bids: Sequence[Order], asks: Sequence[Order], pool: Pool | None, outcome: Outcome
) -> Iterator[str]:
    """Whether the pool gets what it wants, the volume is the largest, and the gap is 0."""
    price = outcome.price
    if price is None:
        low, high = outcome.price_low, outcome.price_high
        price = low if low is not None else high
        if price is None:
            return
    most_wh = sum(order.quantity_wh for order in join(bids, asks)) + 1
    at_most = compute_pool_net(pool, price, most_wh)
    at_least = compute_pool_net(pool, price - 1, most_wh)
    if not at_least <= outcome.pool_wh <= at_most:
        yield f"the pool sells {outcome.pool_wh} Wh where it wants {at_least} to {at_most} Wh"
        return
    more_bids = sum(compute_accepted(o, BID, price) for o in bids) - sum(outcome.bid_fills)
    more_asks = sum(compute_accepted(o, ASK, price) for o in asks) - sum(outcome.ask_fills)
    if more_bids and (more_asks or outcome.pool_wh < at_most):
        yield "a bid and a seller at the price were left apart: the volume is not the largest"
    elif more_asks and outcome.pool_wh > at_least:
        yield "an ask is not filled although the pool would buy less"
    welfare = compute_welfare(bids, asks, outcome.bid_fills, outcome.ask_fills)
    best = compute_best_surplus(bids, BID, price) + compute_best_surplus(asks, ASK, price)
    if pool is not None:
        welfare -= compute_pool_cost(pool, outcome.pool_wh)
        best += price * at_most - compute_pool_cost(pool, at_most)
    if welfare != best:
        yield f"the duality gap is {best - welfare}"
