"""What holds of every call auction (INV-8), on random books."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from books import make_random_book, make_random_orders, take_apart, take_pool_apart

from chain.market.clearing import (
    ASK,
    BID,
    MARGINAL_ASK,
    MARGINAL_BID,
    MIDPOINT,
    Book,
    Order,
    Outcome,
    Pool,
    clear_auction,
    clear_truthful,
    verify_clearing,
)
from chain.market.clearing.orders import compute_accepted, compute_value, list_steps
from chain.market.clearing.pool import compute_pool_cost, compute_pool_net
from chain.market.clearing.sums import ceil_sum, floor_sum
from chain.market.rules import compute_potential

BOOKS = 1_000
RULES = (MIDPOINT, MARGINAL_ASK, MARGINAL_BID)


@dataclass(frozen=True)
class Kind:
    """What kinds of orders a random book has."""

    owners: int = 0
    minimums: bool = False
    ranges: bool = False
    pool: bool = False

    def make(self, rng: random.Random) -> Book:
        return make_random_book(
            rng, pool=self.pool, owners=self.owners, minimums=self.minimums, ranges=self.ranges
        )


KINDS = [
    Kind(),
    Kind(owners=4),
    Kind(pool=True),
    Kind(ranges=True, pool=True),
    Kind(owners=8, minimums=True, ranges=True, pool=True),
]


@pytest.fixture
def rng() -> random.Random:
    return random.Random(1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
class TestEveryBook:
    def test_anybody_can_check_it(self, kind: Kind, rng: random.Random) -> None:
        for number in range(BOOKS):
            book, rule = kind.make(rng), RULES[number % 3]
            assert verify_clearing(book, clear_auction(book, rule), rule) == []

    def test_the_sequence_of_the_orders_does_not_matter(
        self, kind: Kind, rng: random.Random
    ) -> None:
        for _ in range(BOOKS):
            book = kind.make(rng)
            shuffled = Book(
                rng.sample(book.bids, len(book.bids)),
                rng.sample(book.asks, len(book.asks)),
                book.pool,
            )
            assert get_fills(book, clear_auction(book)) == get_fills(
                shuffled, clear_auction(shuffled)
            )

    def test_nobody_trades_with_themselves(self, kind: Kind, rng: random.Random) -> None:
        for _ in range(BOOKS):
            book = kind.make(rng)
            outcome = clear_auction(book)
            buyers, sellers = (
                {order.owner for order, fill in zip(orders, fills, strict=True) if fill}
                for orders, fills in (
                    (book.bids, outcome.bid_fills),
                    (book.asks, outcome.ask_fills),
                )
            )
            assert not buyers & sellers

    def test_the_pool_earns_at_least_the_area_of_its_curve(
        self, kind: Kind, rng: random.Random
    ) -> None:
        for _ in range(BOOKS if kind.pool else 0):
            book = kind.make(rng)
            outcome = clear_auction(book)
            assert book.pool is not None
            if outcome.price is None:
                assert not outcome.pool_wh
                continue
            (curve, net_wh), sold_wh = book.pool, outcome.pool_wh
            area = compute_potential(curve, net_wh + sold_wh) - compute_potential(curve, net_wh)
            paid = outcome.price * sold_wh - curve.margin * abs(sold_wh)
            assert paid * 4 * max(1, curve.depth_wh) >= area


def get_fills(book: Book, outcome: Outcome) -> tuple[object, ...]:
    """Everything about an outcome, without regard to places."""
    fills = [
        {order.order_id: fill for order, fill in zip(orders, fills, strict=True)}
        for orders, fills in ((book.bids, outcome.bid_fills), (book.asks, outcome.ask_fills))
    ]
    rest = outcome._replace(bid_fills=[], ask_fills=[])
    return (fills, rest)


def test_splitting_an_order_changes_nothing_for_anybody(rng: random.Random) -> None:
    for number in range(BOOKS):
        book = make_random_book(rng, owners=5, pool=number % 2 == 0)
        side = rng.choice((BID, ASK))
        orders = list(book.bids if side == BID else book.asks)
        if not orders:
            continue
        place = rng.randrange(len(orders))
        parts = split(rng, orders[place])
        orders[place : place + 1] = parts
        after_book = book._replace(bids=orders) if side == BID else book._replace(asks=orders)
        before, after = clear_auction(book), clear_auction(after_book)
        assert before[:4] == after[:4]
        assert sum_by_owner(book, before) == sum_by_owner(after_book, after)


def split(rng: random.Random, order: Order) -> list[Order]:
    parts, left = [], order.quantity_wh
    for number in range(rng.randint(1, 4)):
        part = rng.randint(0, left)
        parts.append(order._replace(order_id=1_000 + number, quantity_wh=part))
        left -= part
    return [*parts, order._replace(quantity_wh=left)]


def sum_by_owner(book: Book, outcome: Outcome) -> dict[tuple[bytes, int], int]:
    sums: dict[tuple[bytes, int], int] = {}
    for side, orders, fills in (
        (BID, book.bids, outcome.bid_fills),
        (ASK, book.asks, outcome.ask_fills),
    ):
        for order, fill in zip(orders, fills, strict=True):
            sums[order.owner, side] = sums.get((order.owner, side), 0) + fill
    return sums


def test_one_bid_more_never_makes_energy_cheaper_and_one_ask_more_never_dearer(
    rng: random.Random,
) -> None:
    for number in range(BOOKS):
        book = make_random_book(rng, ranges=True, pool=number % 2 == 0)
        before = clear_auction(book)
        bid, ask = make_random_orders(rng, BID, [98]) + make_random_orders(rng, ASK, [99])
        dearer = clear_auction(book._replace(bids=[*book.bids, bid]))
        cheaper = clear_auction(book._replace(asks=[*book.asks, ask]))
        assert get_interval(cheaper) <= get_interval(before) <= get_interval(dearer)
        assert get_interval(cheaper)[1] <= get_interval(before)[1] <= get_interval(dearer)[1]


def get_interval(outcome: Outcome) -> tuple[float, float]:
    low, high = outcome.price_low, outcome.price_high
    return (
        float("-inf") if low is None else low,
        float("inf") if high is None else high,
    )


def test_the_volume_is_the_largest_there_is(rng: random.Random) -> None:
    for _ in range(BOOKS):
        book = make_random_book(rng, ranges=True)
        bids, asks = take_apart(book.bids, BID), take_apart(book.asks, ASK)
        largest = max(
            min(
                sum(wh for limit, wh in bids if limit >= price),
                sum(wh for limit, wh in asks if limit <= price),
            )
            for price in range(-10, 40)
        )
        assert clear_auction(book).volume_wh == largest


def test_fill_or_kill_orders_have_their_minimum_or_nothing(rng: random.Random) -> None:
    killed = 0
    for _ in range(BOOKS):
        book = make_random_book(rng, minimums=True)
        outcome = clear_auction(book)
        killed += len(outcome.killed)
        for order, fill in zip(
            [*book.bids, *book.asks], [*outcome.bid_fills, *outcome.ask_fills], strict=True
        ):
            assert fill == 0 or fill >= order.minimum_acceptable_wh
    assert killed > BOOKS // 20


class TestMcAfee:
    def test_budget_and_limits_hold(self, rng: random.Random) -> None:
        for _ in range(BOOKS):
            book = make_random_book(rng, owners=6)
            outcome = clear_truthful(book)
            bought, sold = sum(outcome.bid_fills), sum(outcome.ask_fills)
            assert bought == sold == outcome.volume_wh <= clear_auction(book).volume_wh
            if not outcome.volume_wh:
                continue
            assert outcome.buy_price is not None and outcome.sell_price is not None
            assert outcome.surplus == bought * (outcome.buy_price - outcome.sell_price) >= 0
            for order, fill in zip(book.bids, outcome.bid_fills, strict=True):
                assert not fill or order.limit >= outcome.buy_price
            for order, fill in zip(book.asks, outcome.ask_fills, strict=True):
                assert not fill or order.limit <= outcome.sell_price

    def test_a_false_limit_never_gains_with_single_units(self, rng: random.Random) -> None:
        for _ in range(BOOKS):
            size = rng.randint(1, 5)
            # Limits all differ: a tie would be decided by the hash.
            limits = rng.sample(range(40), 2 * size)
            bids = [Order(n, b"%d" % n, limits[n], 1) for n in range(size)]
            asks = [Order(n, b"%d" % n, limits[n], 1) for n in range(size, 2 * size)]
            false = bids[0]._replace(limit=rng.choice([x for x in range(41) if x not in limits]))
            honest, other = (
                clear_truthful(Book(bids, asks)),
                clear_truthful(Book([false, *bids[1:]], asks)),
            )
            gains = [
                fill.bid_fills[0] * (limits[0] - (fill.buy_price or 0)) for fill in (honest, other)
            ]
            assert gains[1] <= gains[0]


class TestClosedForms:
    """What saves loops is what the loops would give."""

    def test_sums_of_quotients(self, rng: random.Random) -> None:
        for _ in range(BOOKS):
            count, divisor = rng.randint(0, 20), rng.randint(1, 30)
            step, first = rng.randint(0, 60), rng.randint(0, 60)
            terms = [step * number + first for number in range(count)]
            assert floor_sum(count, divisor, step, first) == sum(t // divisor for t in terms)
            assert ceil_sum(count, divisor, step, first) == sum(-(-t // divisor) for t in terms)

    @pytest.mark.parametrize("side", [BID, ASK])
    def test_ranges(self, side: int, rng: random.Random) -> None:
        for _ in range(BOOKS):
            (order,) = make_random_orders(rng, side, [1], ranges=True)
            units = take_apart([order], side)
            for price in range(-2, 32):
                wanted = sum(wh for limit, wh in units if side * (limit - price) >= 0)
                assert compute_accepted(order, side, price) == wanted
            steps = [limit for limit, wh in list_steps(order, side) for _ in range(wh)]
            assert steps == [limit for limit, wh in units for _ in range(wh)]
            for fill in range(order.quantity_wh + 1):
                assert compute_value(order, side, fill) == sum(steps[:fill])

    def test_the_pool(self, rng: random.Random) -> None:
        most = 60
        for _ in range(BOOKS // 5):
            pool = make_random_book(rng, pool=True).pool
            assert isinstance(pool, Pool)
            bids, asks = take_pool_apart(pool, most)
            for price in range(30):
                sold = sum(wh for limit, wh in asks if limit <= price)
                bought = sum(wh for limit, wh in bids if limit > price)
                assert compute_pool_net(pool, price, most) == sold - bought
            for net_wh in range(1, most):
                assert compute_pool_cost(pool, net_wh) == sum(limit for limit, _ in asks[:net_wh])
                assert compute_pool_cost(pool, -net_wh) == -sum(limit for limit, _ in bids[:net_wh])
