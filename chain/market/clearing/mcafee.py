"""McAfee's rule for thin markets: truthful limits are a dominant strategy.

The price is the middle between the first bid and the first ask that stay out. If the last ones
inside accept it, all inside trade at it. Otherwise the last price level of each side stays out as
well and sets the price of its side: buyers pay that of the bid, sellers get that of the ask, the
difference remains. So a limit decides whether its owner trades, never at what price
(R. P. McAfee, A Dominant Strategy Double Auction, 1992).

His rule is for single units. Here whole price levels stay out, and the longer side shares pro rata;
the rule is then truthful in each order's limit, not in its quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.auction import find_meeting
from chain.market.clearing.ladder import SideOfBook
from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.orders import (
    ASK,
    BID,
    Book,
    BookError,
    Order,
    Side,
    require_valid,
)
from chain.market.clearing.rationing import share_among_orders


class TruthfulOutcome(NamedTuple):
    """The result of the rule; surplus is what remains, in price times Wh.

    The prices are None if nothing is traded.
    """

    volume_wh: int
    buy_price: int | None
    sell_price: int | None
    surplus: int
    bid_fills: list[int]
    ask_fills: list[int]


class _Margin(NamedTuple):
    """The last limits inside, and the first outside if there are any."""

    bid: int
    ask: int
    next_bid: int | None
    next_ask: int | None


def clear_truthful(book: Book, seed: bytes = b"") -> TruthfulOutcome:
    """Clears a book of step orders by McAfee's rule.

    Raises BookError if an order is invalid, linear or has a minimum, and if there is a pool: with a
    pool the market is not thin.
    """
    require_valid(book)
    if book.pool or any(
        o.minimum_acceptable_wh or o.full_at is not None for o in (*book.bids, *book.asks)
    ):
        raise BookError("McAfee's rule takes plain limit orders and no pool")
    bids, asks = remove_self_trades(book.bids, book.asks)
    demand, supply = SideOfBook(bids, BID), SideOfBook(asks, ASK)
    largest = find_meeting(demand, supply, None).bought_wh
    nothing = TruthfulOutcome(0, None, None, 0, [0] * len(bids), [0] * len(asks))
    if not largest:
        return nothing
    margin = _find_margin(demand, supply, largest)
    price = _choose_price(margin)
    if price is not None:
        bid_limit, ask_limit, buy_price, sell_price = margin.bid, margin.ask, price, price
    else:
        bid_limit, ask_limit = margin.bid + 1, margin.ask - 1
        buy_price, sell_price = margin.bid, margin.ask
    volume = min(demand.get_accepted(bid_limit), supply.get_accepted(ask_limit))
    if not volume:
        return nothing
    return TruthfulOutcome(
        volume,
        buy_price,
        sell_price,
        volume * (buy_price - sell_price),
        _share(bids, BID, bid_limit, volume, seed),
        _share(asks, ASK, ask_limit, volume, seed),
    )


def _find_margin(demand: SideOfBook, supply: SideOfBook, largest_wh: int) -> _Margin:
    """The last price levels that trade in the largest volume, and those behind them."""
    bids = [p for p in reversed(demand.steps.limits) if demand.has_at(p)]
    asks = [p for p in supply.steps.limits if supply.has_at(p)]
    last_bid = sum(demand.get_accepted(price) < largest_wh for price in bids)
    last_ask = sum(supply.get_accepted(price) < largest_wh for price in asks)
    # A level that trades in part is also the first outside.
    next_bid = last_bid + (demand.get_accepted(bids[last_bid]) == largest_wh)
    next_ask = last_ask + (supply.get_accepted(asks[last_ask]) == largest_wh)
    return _Margin(
        bids[last_bid],
        asks[last_ask],
        bids[next_bid] if next_bid < len(bids) else None,
        asks[next_ask] if next_ask < len(asks) else None,
    )


def _choose_price(margin: _Margin) -> int | None:
    """The middle of the first limits outside, if the last inside accept it."""
    if margin.next_bid is None or margin.next_ask is None:
        return None
    total = margin.next_bid + margin.next_ask
    return total // 2 if 2 * margin.ask <= total <= 2 * margin.bid else None


def _share(
    orders: Sequence[Order], side: Side, limit: int, volume_wh: int, seed: bytes
) -> list[int]:
    """Shares of all orders inside, without regard to how far inside they are."""
    wanted = [o.quantity_wh if side * (o.limit - limit) >= 0 else 0 for o in orders]
    return share_among_orders(volume_wh, orders, wanted, seed)
