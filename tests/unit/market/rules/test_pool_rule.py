"""The pool that pays for itself: vectors of its rule, and what holds for any line and any purse.

Where the reference implementation of the rule is at hand (tools/pool beside the repository) both
are compared on random lines, purses and blocks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.market import rules
from chain.market.clearing.orders import Pool
from chain.market.clearing.pool import compute_pool_cost, compute_pool_net
from chain.market.pool.batch import MarketOrder, execute_batch
from chain.market.pool.purse_rules import Terms, compute_cap, compute_opening
from chain.market.rules import Curve, Price
from tests.support.properties import examples
from tests.support.shared import SHARED

REFERENCE = SHARED / "tools" / "pool"
STREET = Terms(80_000, 300_000, 25_000, 5_500, 250)
LINE = Curve(80_000, 300_000, 10_000, 5_500)
STEP = Curve(80_000, 300_000, 0, 5_500)


def pays(price: Price, curve: Curve, wh: int, fee: int = 0) -> int:
    return rules.compute_payment(price.add(curve.margin + fee), wh)


def gets(price: Price, curve: Curve, wh: int, fee: int = 0) -> int:
    return rules.compute_receipt(price.add(-curve.margin - fee), wh)


def trade(curve: Curve, net_wh: int, orders: Sequence[tuple[bool, int, int]]) -> Any:
    """Executes orders of (is buy, Wh, limit), each of an owner of its own."""
    made = [
        MarketOrder(
            is_buy, wh, limit - curve.margin if is_buy else limit + curve.margin, owner=str(number)
        )
        for number, (is_buy, wh, limit) in enumerate(orders)
    ]
    return execute_batch(curve, net_wh, made)


class TestVectors:
    @pytest.mark.parametrize(
        ("money", "margin", "depth_wh", "funding"),
        [
            (0, 5_500, 0, 0),
            (1_000_000, 5_000, 4_761, 249_953),
            (2_000_000, 4_500, 9_478, 499_965),
            (5_500_000, 2_750, 25_000, 1_340_625),
        ],
    )
    def test_what_a_slot_opens_with(
        self, money: int, margin: int, depth_wh: int, funding: int
    ) -> None:
        assert compute_cap(STREET) == 5_500_000
        curve = compute_opening(STREET, money)
        assert (curve.margin, curve.depth_wh) == (margin, depth_wh)
        assert rules.compute_funding(curve) == funding

    @pytest.mark.parametrize(
        ("net_wh", "bid", "ask"),
        [
            (-10_000, 80_000, 91_000),
            (0, 184_500, 195_500),
            (5_000, 236_750, 247_750),
            (10_000, 289_000, 300_000),
        ],
    )
    def test_the_line_and_its_margins(self, net_wh: int, bid: int, ask: int) -> None:
        middle = Fraction(*rules.compute_marginal_price(LINE, net_wh))
        assert (middle - LINE.margin, middle + LINE.margin) == (bid, ask)

    def test_single_orders(self) -> None:
        average = rules.compute_average_price
        assert pays(average(LINE, 0, 1_000), LINE, 1_000) == 200_725
        assert gets(average(LINE, 0, -1_000), LINE, 1_000) == 179_275
        assert (pays(average(LINE, 0, 1), LINE, 1), gets(average(LINE, 0, -1), LINE, 1)) == (
            196,
            184,
        )
        assert pays(average(LINE, 0, 10_000), LINE, 10_000) == 2_477_500
        assert gets(average(LINE, 10_000, -10_000), LINE, 10_000) == 2_367_500
        assert pays(average(LINE, 20_000, 10_000), LINE, 10_000) == 3_000_000

    def test_a_block_with_and_without_a_grid_fee(self) -> None:
        price = rules.compute_average_price(LINE, 0, 2_000)
        assert Fraction(*price) == 200_450
        assert (pays(price, LINE, 3_000), gets(price, LINE, 1_000)) == (617_850, 194_950)
        assert (pays(price, LINE, 3_000, 2_000), gets(price, LINE, 1_000, 2_000)) == (
            623_850,
            192_950,
        )

    @pytest.mark.parametrize(
        ("change_wh", "price", "pay", "receive"),
        [
            (2_000, 294_500, 300_000, 289_000),
            (-2_000, 85_500, 91_000, 80_000),
            (0, 190_000, 195_500, 184_500),
        ],
    )
    def test_a_line_without_depth_is_a_step(
        self, change_wh: int, price: int, pay: int, receive: int
    ) -> None:
        average = rules.compute_average_price(STEP, 0, change_wh)
        assert Fraction(*average) == price
        assert (pays(average, STEP, 1_000), gets(average, STEP, 1_000)) == (pay, receive)

    def test_a_sale_over_a_step(self) -> None:
        assert gets(rules.compute_average_price(STEP, 1_000, -3_000), STEP, 3_000) == 449_000

    def test_without_depth_buyers_and_sellers_meet_in_the_middle(self) -> None:
        done = trade(STEP, 0, [(True, 10_000, 200_000), (False, 8_000, 100_000)])
        assert Fraction(*done.price) == 190_000 and done.quantities == [8_000, 8_000]
        assert pays(done.price, STEP, 8_000) == 1_564_000
        assert gets(done.price, STEP, 8_000) == 1_476_000

    def test_who_asks_too_much_on_a_step_does_not_keep_the_others_apart(self) -> None:
        """Of 120 Wh on offer half would have to bring more than the middle, and leaves."""
        orders = [(True, 100, 255_500), (False, 60, 144_500), (False, 60, 234_500)]
        done = trade(STEP, 0, orders)
        assert Fraction(*done.price) == 190_000 and done.quantities == [60, 60, 0]

    def test_the_margin_of_a_block_is_executed_in_part(self) -> None:
        orders = [(True, 20_000, 220_000), (True, 5_000, 300_000), (False, 4_000, 80_000)]
        done = trade(LINE, 0, orders)
        assert round(float(Fraction(*done.price)), 1) == 214_494.8
        assert done.quantities == [3_688, 5_000, 4_000]
        money = [
            pays(done.price, LINE, 3_688),
            pays(done.price, LINE, 5_000),
            gets(done.price, LINE, 4_000),
        ]
        assert money == [811_341, 1_099_974, 835_979]

    def test_a_large_order_knocks_nobody_out(self) -> None:
        """Its limit is just above a neighbour's: what it cannot have it does not take away."""
        orders = [(True, 100_000, 225_001), (True, 5_000, 225_000), (True, 5_000, 300_000)]
        done = trade(LINE, 0, orders)
        assert round(float(Fraction(*done.price)), 2) == 219_500.35
        assert done.quantities == [646, 0, 5_000]
        assert pays(done.price, LINE, 646) == 145_351
        assert pays(done.price, LINE, 5_000) == 1_125_002

    def test_steps_of_an_auction(self) -> None:
        assert (rules.compute_ask(LINE, 0), rules.compute_bid(LINE, 0)) == (195_506, 184_494)
        assert (rules.compute_ask(STEP, 1_000), rules.compute_bid(STEP, 1_000)) == (
            300_000,
            289_000,
        )
        assert (rules.compute_ask(STEP, 0), rules.compute_bid(STEP, 0)) == (300_000, 80_000)

    @pytest.mark.parametrize(("net_wh", "sold_wh"), [(10_000, 0), (-25_000, 25_000)])
    def test_the_largest_loss_is_the_funding(self, net_wh: int, sold_wh: int) -> None:
        price = rules.compute_average_price(LINE, 0, net_wh)
        income = -gets(price, LINE, sold_wh) if sold_wh else pays(price, LINE, net_wh)
        assert income - rules.compute_close_cost(LINE, net_wh) == -522_500
        assert rules.compute_funding(LINE) == 522_500

    def test_what_is_bought_and_sold_in_a_block_pays_the_margin(self) -> None:
        price = rules.compute_average_price(LINE, 0, -5_000)
        income = pays(price, LINE, 10_000) - gets(price, LINE, 15_000)
        assert (income, rules.compute_close_cost(LINE, -5_000)) == (-681_875, -400_000)

    def test_a_purse_finds_its_balance(self) -> None:
        """No seed; each day 8 kWh are bought and 20 sold in one block."""
        money, found = 0, {}
        for day in range(1, 61):
            curve = compute_opening(STREET, money)
            price = rules.compute_average_price(curve, 0, -12_000)
            income = pays(price, curve, 8_000) - gets(price, curve, 20_000)
            money += income - rules.compute_close_cost(curve, -12_000)
            found[day] = (curve.depth_wh, money)
        assert [found[day][1] for day in (1, 2, 10, 60)] == [88_000, 153_343, 323_941, 341_244]
        assert found[60][0] == 1_629


@st.composite
def terms_and_money(draw: st.DrawFn) -> tuple[Terms, int]:
    """Any parameters, and a purse from empty to full."""
    low = draw(st.integers(0, 400_000))
    high = low + draw(st.integers(10, 600_000))
    depth = draw(st.one_of(st.integers(1, 50), st.integers(1, 100_000)))
    margin = draw(st.integers(0, (high - low) // 4))
    terms = Terms(low, high, depth, margin, draw(st.integers(1, 1_000)))
    cap = compute_cap(terms)
    return terms, draw(st.one_of(st.just(0), st.just(cap), st.integers(0, cap)))


whs = st.one_of(st.integers(1, 20), st.integers(1, 150_000))
nets = st.one_of(st.integers(-20, 20), st.integers(-150_000, 150_000))


@given(terms_and_money())
@examples(400)
def test_a_slot_takes_no_more_than_its_share(given_purse: tuple[Terms, int]) -> None:
    terms, money = given_purse
    curve = compute_opening(terms, money)
    assert 0 <= rules.compute_funding(curve) <= money * terms.purse_share_permille // 1000
    assert terms.margin_max - terms.margin_max // 2 <= curve.margin <= terms.margin_max
    assert 0 <= curve.depth_wh <= terms.depth_max_wh
    assert money < compute_cap(terms) or curve.depth_wh == terms.depth_max_wh


@given(
    terms_and_money(),
    st.lists(st.tuples(st.lists(whs, max_size=3), st.lists(whs, max_size=3)), max_size=6),
)
@examples(400)
def test_a_slot_loses_no_more_than_its_funding_and_earns_the_margin(
    given_purse: tuple[Terms, int], blocks: list[tuple[list[int], list[int]]]
) -> None:
    curve = compute_opening(*given_purse)
    net_wh = income = bought_wh = sold_wh = 0
    for buys, sells in blocks:
        change_wh = sum(buys) - sum(sells)
        price = rules.compute_average_price(curve, net_wh, change_wh)
        income += sum(pays(price, curve, wh) for wh in buys)
        income -= sum(gets(price, curve, wh) for wh in sells)
        net_wh += change_wh
        bought_wh += sum(buys)
        sold_wh += sum(sells)
    result = income - rules.compute_close_cost(curve, net_wh)
    both_ways_wh = min(bought_wh, sold_wh)
    assert result >= -rules.compute_funding(curve) + 2 * curve.margin * both_ways_wh // 1000 - 1
    assert result >= -rules.compute_funding(curve)


@given(terms_and_money(), nets, whs, whs)
@examples(400)
def test_prices_rise_splitting_costs_and_a_round_trip_pays_two_margins(
    given_purse: tuple[Terms, int], net_wh: int, one_wh: int, other_wh: int
) -> None:
    curve = compute_opening(*given_purse)
    average = rules.compute_average_price
    both_wh = one_wh + other_wh
    whole = pays(average(curve, net_wh, both_wh), curve, both_wh)
    parts = pays(average(curve, net_wh, one_wh), curve, one_wh)
    parts += pays(average(curve, net_wh + one_wh, other_wh), curve, other_wh)
    assert whole <= parts <= whole + 1
    back = gets(average(curve, net_wh + both_wh, -both_wh), curve, both_wh)
    assert whole - back >= 2 * curve.margin * both_wh // 1000
    bid, ask = rules.compute_bid(curve, net_wh), rules.compute_ask(curve, net_wh)
    assert curve.price_low <= bid <= ask <= curve.price_high
    assert ask <= rules.compute_ask(curve, net_wh + 1)
    assert bid <= rules.compute_bid(curve, net_wh + 1) <= ask


@given(terms_and_money(), nets, st.integers(-200, 200))
@examples(400)
def test_in_an_auction_the_pool_earns_its_line_and_the_margin(
    given_purse: tuple[Terms, int], net_wh: int, change_wh: int
) -> None:
    curve = compute_opening(*given_purse)
    pool = Pool(curve, net_wh)
    cost = compute_pool_cost(pool, change_wh)
    steps = [
        rules.compute_ask(curve, net_wh + wh)
        if change_wh > 0
        else -rules.compute_bid(curve, net_wh - wh)
        for wh in range(abs(change_wh))
    ]
    assert cost == sum(steps)
    # What it wants to sell at a price is all that it values at no more than that.
    price = rules.compute_ask(curve, net_wh) if change_wh > 0 else rules.compute_bid(curve, net_wh)
    wanted_wh = compute_pool_net(pool, price, 1_000)
    for wh in (wanted_wh, wanted_wh + 1):
        if 0 <= wh < 1_000:
            fits = price * wh - compute_pool_cost(pool, wh)
            assert fits <= price * wanted_wh - compute_pool_cost(pool, wanted_wh)


@pytest.mark.parametrize("seed", [0, 20_000_000])
def test_over_years_the_pool_loses_no_more_than_its_seed(seed: int) -> None:
    """48,000 slots, from one side only to both."""
    random = Random(seed)
    purses = [seed // 24] * 24
    total = lowest = paid_out = 0
    for slot in range(24 * 500):
        money = purses[slot % 24]
        curve = compute_opening(STREET, money)
        net_wh = income = 0
        for _ in range(random.randint(0, 3)):
            mood = random.random()
            bought_wh = random.randint(0, 40_000) if mood > 0.3 else 0
            sold_wh = random.randint(0, 40_000) if mood < 0.6 else 0
            price = rules.compute_average_price(curve, net_wh, bought_wh - sold_wh)
            income += pays(price, curve, bought_wh) - gets(price, curve, sold_wh)
            net_wh += bought_wh - sold_wh
        result = income - rules.compute_close_cost(curve, net_wh)
        over = max(0, money + result - compute_cap(STREET))
        purses[slot % 24] = money + result - over
        paid_out += over
        total += result
        lowest = min(lowest, total)
        assert purses[slot % 24] >= 0
    assert lowest >= -sum([seed // 24] * 24)
    assert sum(purses) + paid_out == sum([seed // 24] * 24) + total


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference of ../shared is not here")
class TestAgainstTheReference:
    @pytest.fixture
    def rule(self) -> Any:
        sys.path.insert(0, str(REFERENCE))
        try:
            import rule  # type: ignore[import-not-found]
        finally:
            sys.path.remove(str(REFERENCE))
        return rule

    def test_purses_and_lines(self, rule: Any) -> None:
        random = Random(1)
        for _ in range(2_000):
            terms, curve, theirs = self._draw(rule, random)
            assert (curve.get_ends(), curve.depth_wh, curve.margin) == (
                (theirs.curve.low, theirs.curve.high),
                theirs.curve.depth,
                theirs.margin,
            )
            assert rules.compute_funding(curve) == theirs.funding
            net, change = random.randint(-9_000, 9_000), random.randint(-9_000, 9_000)
            ours = rules.compute_average_price(curve, net, change)
            assert Fraction(*ours) == Fraction(*rule.average(theirs.curve, net, change))
            assert rules.compute_ask(curve, net) == rule.step_ask(theirs.curve, theirs.margin, net)
            assert rules.compute_bid(curve, net) == rule.step_bid(theirs.curve, theirs.margin, net)
            assert terms.price_low <= rules.compute_bid(curve, net)

    def test_blocks(self, rule: Any) -> None:
        """Where the reference leaves the group out that a jump of the line breaks, at least as much
        is traded here.
        """
        random, same = Random(2), 0
        for _ in range(2_000):
            terms, curve, theirs = self._draw(rule, random)
            net = random.randint(-9_000, 9_000)
            orders = [
                (
                    random.random() < 0.5,
                    random.choice([random.randint(1, 20), random.randint(1, 9_000)]),
                    random.randint(terms.price_low, terms.price_high),
                )
                for _ in range(random.randint(0, 6))
            ]
            price, done = rule.batch(theirs.curve, theirs.margin, net, orders)
            ours = trade(curve, net, orders)
            if Fraction(*price) == Fraction(*ours.price) and sum(done) == sum(ours.quantities):
                same += 1
            else:
                assert sum(ours.quantities) >= sum(done), (curve, net, orders)
        assert same > 1_900

    def _draw(self, rule: Any, random: Random) -> tuple[Terms, Curve, Any]:
        low = random.randint(0, 400_000)
        high = low + random.randint(10, 600_000)
        margin = random.randint(0, (high - low) // 4)
        depth = random.choice([random.randint(1, 50), random.randint(1, 20_000)])
        terms = Terms(low, high, depth, margin, random.randint(1, 1_000))
        cap = compute_cap(terms)
        money = random.choice([0, cap, random.randint(0, cap)])
        theirs = rule.open_slot(rule.Params(low, high, depth, margin, terms[4], 1_000), money)
        return terms, compute_opening(terms, money), theirs
