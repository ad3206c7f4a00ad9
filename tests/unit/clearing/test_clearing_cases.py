"""The call auction by example: order books of other systems, and some worked out by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from books import STREET, make_book, make_order

from chain.market.clearing import (
    MARGINAL_ASK,
    MARGINAL_BID,
    MIDPOINT,
    Book,
    BookError,
    Order,
    Pool,
    PriceRule,
    clear_auction,
    clear_truthful,
    verify_clearing,
)
from tests.support.shared import SHARED

PUBLISHED = SHARED / "vectors" / "auctions.json"
SCALE = 10


def load_published() -> list[Any]:
    if not PUBLISHED.exists():
        return []
    return json.loads(PUBLISHED.read_text(encoding="utf-8"), parse_float=Decimal)["cases"]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the order books of ../shared are not here")
@pytest.mark.parametrize("case", load_published(), ids=lambda case: case["id"])
def test_order_books_of_other_systems(case: Any) -> None:
    book = make_book(
        *(
            [(int(price * SCALE), int(quantity * SCALE)) for price, quantity in case[side]]
            for side in ("bids", "asks")
        )
    )
    # gsy-e takes the marginal bid; GridLAB-D the middle of the marginal pair.
    rule = MARGINAL_BID if case["id"].startswith("gsye") else MIDPOINT
    outcome = clear_auction(book, rule)
    assert outcome.volume_wh == case["volume"] * SCALE
    assert verify_clearing(book, outcome, rule) == []
    if case["price"] is None:
        assert outcome.price is None
        # What that system calls its indicative price is the middle of ours.
        assert (outcome.price_low, outcome.price_high) == (40 * SCALE, 80 * SCALE)
        return
    assert outcome.price_low is not None and outcome.price_high is not None
    assert outcome.price_low <= case["price"] * SCALE <= outcome.price_high
    assert outcome.price == case["price"] * SCALE


class TestPrice:
    BOOK = make_book([(9, 1), (8, 1), (7, 1), (4, 1)], [(3, 1), (4, 1), (5, 1), (8, 1)])

    @pytest.mark.parametrize(
        ("rule", "price"),
        [(MIDPOINT, 6), (MARGINAL_ASK, 5), (MARGINAL_BID, 7), (PriceRule(1, 3), 5)],
    )
    def test_the_rule_chooses_in_the_interval(self, rule: PriceRule, price: int) -> None:
        outcome = clear_auction(self.BOOK, rule)
        assert (outcome.price_low, outcome.price_high, outcome.price) == (5, 7, price)
        assert outcome.bid_fills == outcome.ask_fills == [1, 1, 1, 0]

    def test_an_order_that_is_filled_in_part_sets_the_price(self) -> None:
        outcome = clear_auction(make_book([(10, 7)], [(2, 5), (6, 5)]))
        assert (outcome.price_low, outcome.price_high, outcome.ask_fills) == (6, 6, [5, 2])

    def test_a_bid_that_goes_without_keeps_the_price_above_it(self) -> None:
        outcome = clear_auction(make_book([(9, 1), (8, 1)], [(3, 1)]), MARGINAL_ASK)
        assert (outcome.price_low, outcome.price_high, outcome.price) == (8, 9, 8)

    def test_without_a_trade_there_is_no_price(self) -> None:
        outcome = clear_auction(make_book([(4, 3)], [(8, 3)]))
        assert (outcome.volume_wh, outcome.price) == (0, None)
        assert (outcome.price_low, outcome.price_high) == (4, 8)
        assert clear_auction(make_book([(4, 3)], []))[:4] == (0, None, 4, None)
        assert clear_auction(make_book([], [(8, 3)]))[:4] == (0, None, None, 8)
        assert clear_auction(make_book([], []))[:4] == (0, None, None, None)

    def test_an_order_for_nothing_changes_nothing(self) -> None:
        more = make_book([(9, 1), (8, 1), (7, 1), (4, 1), (6, 0)], [(3, 1), (4, 1), (5, 1), (8, 1)])
        assert clear_auction(more)[:4] == clear_auction(self.BOOK)[:4]

    def test_what_leaves_no_gain_is_traded_too(self) -> None:
        assert clear_auction(make_book([(7, 1), (5, 1)], [(3, 1), (5, 1)])).volume_wh == 2


class TestMargin:
    def test_shares_are_in_proportion_and_the_odd_wh_goes_to_the_largest_fraction(self) -> None:
        # 140 Wh of 70 and 90: 61.25 and 78.75.
        outcome = clear_auction(make_book([(40, 140)], [(30, 70), (30, 90)]))
        assert outcome.ask_fills == [61, 79]

    def test_equal_fractions_are_decided_by_what_nobody_knows_beforehand(self) -> None:
        book = make_book([(40, 1)], [(30, 5), (30, 5)])
        fills = {tuple(clear_auction(book, seed=bytes([n])).ask_fills) for n in range(20)}
        assert fills == {(1, 0), (0, 1)}

    def test_owners_share_before_orders(self) -> None:
        # Three of the four orders belong to one owner, who gets half all the same.
        asks = [Order(n, b"many" if n else b"one", 30, 30 if n == 0 else 10) for n in range(4)]
        outcome = clear_auction(Book([make_order(9, 40, 30)], asks))
        assert (outcome.ask_fills[0], sum(outcome.ask_fills[1:])) == (15, 15)


class TestOwnOrders:
    def test_what_crosses_is_taken_off_before(self) -> None:
        bids = [Order(1, b"ann", 9, 10), Order(2, b"bob", 8, 3)]
        asks = [Order(3, b"ann", 5, 4), Order(4, b"cy", 6, 20)]
        outcome = clear_auction(Book(bids, asks))
        assert (outcome.bid_fills, outcome.ask_fills) == ([6, 3], [0, 9])

    def test_orders_that_do_not_cross_stay(self) -> None:
        bids = [Order(1, b"ann", 5, 10), Order(2, b"bob", 8, 3)]
        asks = [Order(3, b"ann", 6, 4)]
        assert clear_auction(Book(bids, asks)).ask_fills == [3]

    def test_a_range_stays_beside_an_order_for_nothing_of_its_owner(self) -> None:
        ask = Order(1, b"bob", 100, 10, 0, 110)
        book = Book([Order(2, b"bob", 120, 0), Order(3, b"ann", 110, 10)], [ask])
        assert clear_auction(book).volume_wh == 10

    def test_a_range_that_crosses_leaves_whole(self) -> None:
        bids = [Order(1, b"ann", 9, 10, 0, 4), Order(2, b"bob", 8, 3)]
        asks = [Order(3, b"ann", 8, 4)]
        outcome = clear_auction(Book(bids, asks))
        assert (outcome.bid_fills, outcome.ask_fills) == ([0, 3], [3])


class TestFillOrKill:
    def test_one_that_fits_is_filled(self) -> None:
        book = Book([make_order(1, 9, 5, 5)], [make_order(2, 5, 6)])
        assert clear_auction(book).bid_fills == [5]

    def test_one_that_does_not_fit_leaves_and_the_next_trades(self) -> None:
        book = Book([make_order(1, 9, 5, 5), make_order(2, 8, 3)], [make_order(3, 5, 4)])
        outcome = clear_auction(book)
        assert (outcome.bid_fills, outcome.ask_fills) == ([0, 3], [3])
        assert outcome.killed == [1]

    def test_of_equals_the_smallest_leave_first(self) -> None:
        bids = [make_order(1, 9, 10, 10), make_order(2, 9, 3, 3)]
        outcome = clear_auction(Book(bids, [make_order(3, 5, 10)]))
        assert (outcome.bid_fills, outcome.killed) == ([10, 0], [2])

    def test_a_minimum_below_the_share_is_content(self) -> None:
        bids = [make_order(1, 9, 10, 5), make_order(2, 9, 10)]
        outcome = clear_auction(Book(bids, [make_order(3, 5, 10)]))
        assert (outcome.bid_fills, outcome.killed) == ([5, 5], [])


class TestPool:
    def test_it_sells_along_its_curve(self) -> None:
        # 10 kWh from balance the price is 0.0022 EUR higher for each kWh, and for each Wh by 2.2
        # millionths: half of that lies between it and the last Wh sold, or the next.
        outcome = clear_auction(Book([make_order(1, 300_000, 10_000)], [], Pool(STREET)))
        assert (outcome.bid_fills, outcome.pool_wh) == ([10_000], 10_000)
        assert (outcome.price_low, outcome.price, outcome.price_high) == (211_999, 212_000, 212_002)

    def test_a_limit_on_the_curve_is_filled_as_far_as_the_curve_goes(self) -> None:
        outcome = clear_auction(Book([make_order(1, 201_000, 10_000)], [], Pool(STREET)))
        assert (outcome.bid_fills, outcome.price) == ([5_000], 201_000)

    def test_beyond_its_depth_it_trades_any_quantity_at_the_bound(self) -> None:
        outcome = clear_auction(Book([make_order(1, 300_000, 10**9)], [], Pool(STREET)))
        assert (outcome.bid_fills, outcome.price) == ([10**9], 300_000)
        outcome = clear_auction(Book([], [make_order(1, 80_000, 10**9)], Pool(STREET)))
        assert (outcome.ask_fills, outcome.price) == ([10**9], 80_000)

    def test_neighbours_trade_with_each_other_first(self) -> None:
        book = Book([make_order(1, 190_000, 500)], [make_order(2, 190_000, 500)], Pool(STREET))
        outcome = clear_auction(book)
        assert (outcome.bid_fills, outcome.ask_fills, outcome.pool_wh) == ([500], [500], 0)


class TestThinMarket:
    def test_all_trade_at_the_middle_of_those_outside(self) -> None:
        outcome = clear_truthful(TestPrice.BOOK)
        assert outcome == (3, 6, 6, 0, [1, 1, 1, 0], [1, 1, 1, 0])

    def test_the_last_pair_stays_out_and_sets_the_prices(self) -> None:
        book = make_book([(9, 1), (8, 1), (7, 1), (1, 1)], [(3, 1), (4, 1), (5, 1), (6, 1)])
        assert clear_truthful(book) == (2, 7, 5, 4, [1, 1, 0, 0], [1, 1, 0, 0])

    def test_one_pair_alone_does_not_trade(self) -> None:
        assert clear_truthful(make_book([(9, 1)], [(3, 1)])).volume_wh == 0

    def test_it_takes_plain_orders_only(self) -> None:
        with pytest.raises(BookError, match="no pool"):
            clear_truthful(Book([], [], Pool(STREET)))


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (Order(1, b"", 5, -1), "negative"),
        (Order(1, b"", -5, 1), "negative"),
        (Order(1, b"", 5, 1, 2), "minimum"),
        (Order(1, b"", 5, 2, 1, 3), "one of the two"),
        (Order(1, b"", 5, 2, 0, 6), "below its limit"),
    ],
)
def test_orders_without_a_meaning_are_rejected(order: Order, reason: str) -> None:
    with pytest.raises(BookError, match=reason):
        clear_auction(Book([order], []))
