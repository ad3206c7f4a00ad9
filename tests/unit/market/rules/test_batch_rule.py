"""One price for all orders of a block (INV-7): nobody gains by being first."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from chain.market import rules
from chain.market.grid.feeders import FeederHeadroom
from chain.market.pool import batch
from chain.market.pool.batch import Execution, Lapse, MarketOrder
from chain.market.rules import Curve
from tests.support.properties import Lines, curves_with_orders, examples, lines_with_orders

STREET = Curve(80_000, 300_000, 50_000)
# The line is flat for 32 Wh more, and of 36 Wh that are wanted there are then 34.
STEP = Curve(138, 139, 0)
Batch = tuple[Curve, int, list[MarketOrder]]


def buy(quantity_wh: int, limit: int, *lines: str, whole: bool = False) -> MarketOrder:
    return MarketOrder(True, quantity_wh, limit, lines, whole)


def sell(quantity_wh: int, limit: int, *lines: str, whole: bool = False) -> MarketOrder:
    return MarketOrder(False, quantity_wh, limit, lines, whole)


def amounts(orders: Sequence[MarketOrder], execution: Execution) -> list[int]:
    """What each order pays or receives; 0 if it lapses."""
    return [
        (rules.compute_payment if order.is_buy else rules.compute_receipt)(execution.price, wh)
        for order, wh in zip(orders, execution.quantities, strict=True)
    ]


def totals(orders: Sequence[MarketOrder], quantities: Sequence[int]) -> tuple[int, int]:
    """Wh bought and sold."""
    pairs = list(zip(orders, quantities, strict=True))
    return sum(wh for o, wh in pairs if o.is_buy), sum(wh for o, wh in pairs if not o.is_buy)


class TestByExample:
    def test_what_balances_trades_at_the_present_price(self) -> None:
        orders = [buy(2_000, 200_000), sell(2_000, 180_000)]
        execution = batch.execute_batch(STREET, 0, orders)
        assert amounts(orders, execution) == [380_000, 380_000]
        assert execution.quantities == [2_000, 2_000]

    def test_what_is_left_over_moves_the_price_for_all(self) -> None:
        # 2 kWh net from balance: on average 0.0022 EUR above 0.19 EUR.
        orders = [buy(3_000, 300_000), sell(1_000, 80_000)]
        execution = batch.execute_batch(STREET, 0, orders)
        assert amounts(orders, execution) == [3 * 192_200, 192_200]

    def test_the_lowest_bid_gets_nothing_while_a_higher_one_wants_more(self) -> None:
        # At 0.202 EUR there are 10,909 Wh, all for the better bid.
        orders = [buy(10_000, 195_000), buy(20_000, 202_000)]
        execution = batch.execute_batch(STREET, 0, orders)
        assert execution.quantities == [0, 10_909]
        assert execution.lapses == {0: Lapse.LIMIT}

    def test_the_highest_offer_sells_nothing_while_a_lower_one_has_more(self) -> None:
        orders = [sell(10_000, 185_000), sell(20_000, 178_000)]
        assert batch.execute_batch(STREET, 0, orders).quantities == [0, 10_909]

    def test_equal_limits_share(self) -> None:
        # At 0.2 EUR there are 9,090 Wh.
        orders = [buy(10_000, 200_000), buy(20_000, 200_000)]
        assert batch.execute_batch(STREET, 0, orders).quantities == [3_030, 6_060]

    def test_what_must_be_whole_lapses_rather_than_be_cut(self) -> None:
        orders = [buy(10_000, 200_000, whole=True), buy(20_000, 200_000)]
        execution = batch.execute_batch(STREET, 0, orders)
        assert execution.quantities == [0, 9_090]
        assert execution.lapses == {0: Lapse.WHOLE}

    def test_no_odd_wh_decides_about_what_must_be_whole(self) -> None:
        # Of 34 Wh each has 8.5: two would get 9, and one of the whole ones would then be complete.
        orders = [buy(9, 138), buy(9, 138, whole=True)] * 2 + [sell(1, 138)] * 2
        execution = batch.execute_batch(STEP, -32, orders)
        assert execution.quantities == [9, 0, 9, 0, 1, 1]
        assert execution.lapses == {1: Lapse.WHOLE, 3: Lapse.WHOLE}

    def test_a_limit_that_is_met_exactly_is_met(self) -> None:
        for order, amount in ((buy(1_000, 191_100), 191_100), (sell(1_000, 188_900), 188_900)):
            assert amounts([order], batch.execute_batch(STREET, 0, [order])) == [amount]

    def test_the_uneven_millionth_is_the_pools(self) -> None:
        orders = [buy(1, 300_000), sell(1, 80_000)]
        execution = batch.execute_batch(Curve(80_000, 300_001, 50_000), 0, orders)
        assert amounts(orders, execution) == [191, 190]

    def test_no_orders(self) -> None:
        assert batch.execute_batch(STREET, 0, []).quantities == []


class TestFullFeeders:
    def test_a_full_line_is_shared_in_proportion(self) -> None:
        orders = [buy(4_000, 300_000, "a"), buy(2_000, 300_000, "a"), buy(1_000, 300_000)]
        execution = batch.execute_batch(STREET, 0, orders, {"a": FeederHeadroom(3_000, 0)})
        assert execution.quantities == [2_000, 1_000, 1_000]

    def test_what_flows_out_makes_no_room_for_what_flows_in(self) -> None:
        orders = [buy(4_000, 300_000, "a"), sell(4_000, 80_000, "a")]
        execution = batch.execute_batch(STREET, 0, orders, {"a": FeederHeadroom(1_000, 3_000)})
        assert execution.quantities == [1_000, 3_000]

    def test_the_lines_further_out_come_first(self) -> None:
        orders = [sell(3_000, 80_000, "twig", "branch"), sell(3_000, 80_000, "branch")]
        headrooms = {"branch": FeederHeadroom(0, 2_000), "twig": FeederHeadroom(0, 1_000)}
        # The twig lets 1 kWh out; of 4 kWh half fits into the branch.
        assert batch.execute_batch(STREET, 0, orders, headrooms).quantities == [500, 1_500]

    def test_the_price_is_that_of_what_is_carried(self) -> None:
        orders = [buy(10_000, 195_500, "a")]
        uncut = batch.execute_batch(STREET, 0, orders, {"a": FeederHeadroom(10_000, 0)})
        assert uncut.quantities == [5_000]
        both = [buy(5_000, 195_500), buy(10_000, 300_000, "a")]
        cut = batch.execute_batch(STREET, 0, both, {"a": FeederHeadroom(4_000, 0)})
        # Without the line the price was too high for the first one; then there is a rest for it.
        assert cut.quantities == [1_000, 4_000]
        assert cut.price.ceil() == 195_500

    def test_a_closed_line_is_the_reason(self) -> None:
        execution = batch.execute_batch(
            STREET, 0, [buy(1_000, 300_000, "a")], {"a": FeederHeadroom(0, 0)}
        )
        assert execution.lapses == {0: Lapse.FEEDER_FULL}

    def test_who_has_to_be_whole_makes_way(self) -> None:
        orders = [buy(2_000, 300_000, "a", whole=True), buy(2_000, 300_000, "a")]
        execution = batch.execute_batch(STREET, 0, orders, {"a": FeederHeadroom(2_000, 0)})
        assert execution.quantities == [0, 2_000]

    def test_a_stair_of_whole_orders_comes_to_an_end(self) -> None:
        """Each is within its limit only when the one before has broken, and breaks as well. The
        last one would fit, but nobody waits for it.
        """

        def stair(steps: int) -> list[MarketOrder]:
            quantities = [10_000 - 100 * step for step in range(steps)] + [10]
            return [buy(wh, 190_001 + wh * 11 // 10, "a", whole=True) for wh in quantities]

        headrooms = {"a": FeederHeadroom(10, 0)}
        short, long = stair(batch.ROUNDS_MAX - 1), stair(batch.ROUNDS_MAX)
        assert sum(batch.execute_batch(STREET, 0, short, headrooms).quantities) == 10
        assert sum(batch.execute_batch(STREET, 0, long, headrooms).quantities) == 0


@given(lines_with_orders(), st.randoms(use_true_random=False))
@examples(250)
def test_the_order_of_the_orders_does_not_matter(given_batch: Lines, random: Random) -> None:
    curve, net_wh, orders, headrooms = given_batch
    places = list(range(len(orders)))
    random.shuffle(places)
    straight = batch.execute_batch(curve, net_wh, orders, headrooms)
    shuffled = batch.execute_batch(curve, net_wh, [orders[place] for place in places], headrooms)
    assert shuffled.quantities == [straight.quantities[place] for place in places]
    assert Fraction(*shuffled.price) == Fraction(*straight.price)


@given(lines_with_orders())
@examples(250)
def test_everybody_is_within_the_limit_and_the_price_within_the_bounds(given_batch: Lines) -> None:
    curve, net_wh, orders, headrooms = given_batch
    execution = batch.execute_batch(curve, net_wh, orders, headrooms)
    price = Fraction(*execution.price)
    low, high = curve.get_ends()
    assert low <= price <= high
    for order, wh in zip(orders, execution.quantities, strict=True):
        assert 0 <= wh <= order.quantity_wh
        assert not order.whole or wh in (0, order.quantity_wh)
        if wh:
            assert price <= order.limit if order.is_buy else price >= order.limit


@given(lines_with_orders())
@examples(250)
def test_no_feeder_carries_more_than_its_headroom(given_batch: Lines) -> None:
    curve, net_wh, orders, headrooms = given_batch
    quantities = batch.execute_batch(curve, net_wh, orders, headrooms).quantities
    for feeder, headroom in headrooms.items():
        pairs = zip(orders, quantities, strict=True)
        crossing = [(order, wh) for order, wh in pairs if feeder in order.feeders]
        assert sum(wh for order, wh in crossing if order.is_buy) <= headroom.import_wh
        assert sum(wh for order, wh in crossing if not order.is_buy) <= headroom.export_wh


@given(lines_with_orders())
@example(
    (
        STEP,
        -32,
        [
            sell(1, 138)._replace(owner="0"),
            buy(9, 138)._replace(owner="1"),
            buy(9, 138, whole=True)._replace(owner="2"),
        ],
        {},
    )
)
@examples(250)
def test_equal_orders_at_one_node_get_the_same(given_batch: Lines) -> None:
    curve, net_wh, orders, headrooms = given_batch
    doubled = orders + orders
    quantities = batch.execute_batch(curve, net_wh, doubled, headrooms).quantities
    pairs = zip(orders, quantities[: len(orders)], quantities[len(orders) :], strict=True)
    for order, one, other in pairs:
        # Somebody gets the odd Wh, but of what has to be whole nobody.
        assert abs(one - other) <= (0 if order.whole else 1)


@given(lines_with_orders())
@examples(250)
def test_feeders_with_headroom_change_nothing(given_batch: Lines) -> None:
    curve, net_wh, orders, headrooms = given_batch
    wide = dict.fromkeys(headrooms, FeederHeadroom(1 << 60, 1 << 60))
    bare = [order._replace(feeders=()) for order in orders]
    assert batch.execute_batch(curve, net_wh, orders, wide) == batch.execute_batch(
        curve, net_wh, bare
    )


@given(lines_with_orders())
@examples(250)
def test_the_pool_earns_at_least_the_area_of_its_curve(given_batch: Lines) -> None:
    curve, net_wh, orders, headrooms = given_batch
    execution = batch.execute_batch(curve, net_wh, orders, headrooms)
    earned = sum(
        amount if order.is_buy else -amount
        for order, amount in zip(orders, amounts(orders, execution), strict=True)
    )
    bought_wh, sold_wh = totals(orders, execution.quantities)
    after = net_wh + bought_wh - sold_wh
    area = rules.compute_potential(curve, after) - rules.compute_potential(curve, net_wh)
    assert earned * rules.compute_scale(curve) >= area


@given(curves_with_orders())
@example(
    (
        Curve(13_604, 13_605, 0),
        0,
        [sell(1, 13_604)._replace(owner=owner) for owner in "012"]
        + [buy(1, 13_604)._replace(owner="3"), buy(3, 13_604)._replace(owner="4")],
    )
)
@examples(250)
def test_nobody_lapses_while_somebody_with_a_worse_limit_is_executed(given_batch: Batch) -> None:
    curve, net_wh, orders = given_batch
    execution = batch.execute_batch(curve, net_wh, orders)
    fates = list(zip(orders, execution.quantities, strict=True))
    bids = [(order.limit, bool(wh)) for order, wh in fates if order.is_buy]
    offers = [(-order.limit, bool(wh)) for order, wh in fates if not order.is_buy]
    for side in (bids, offers):
        worst_executed = min((limit for limit, executed in side if executed), default=None)
        if worst_executed is not None:
            # The share of an order at the same limit may be less than a Wh.
            assert all(executed for limit, executed in side if limit > worst_executed)


@given(curves_with_orders())
@examples(250)
def test_nobody_with_a_better_limit_than_the_price_is_left_wanting(given_batch: Batch) -> None:
    """One Wh more for somebody would break that limit, or the limit of somebody on the other side
    where the line jumps.
    """
    curve, net_wh, orders = given_batch
    execution = batch.execute_batch(curve, net_wh, orders)
    price = Fraction(*execution.price)
    bought_wh, sold_wh = totals(orders, execution.quantities)
    for order, wh in zip(orders, execution.quantities, strict=True):
        better = order.limit > price if order.is_buy else order.limit < price
        if wh == order.quantity_wh or not better:
            continue
        change = bought_wh - sold_wh + (1 if order.is_buy else -1)
        more = Fraction(*rules.compute_average_price(curve, net_wh, change))
        others = [o for o in orders if o.is_buy == order.is_buy and o.quantity_wh]
        worst = min(o.limit for o in others) if order.is_buy else max(o.limit for o in others)
        jumps = more > order.limit if order.is_buy else more < order.limit
        crossed = [
            o
            for o in orders
            if o.is_buy != order.is_buy and (price <= o.limit <= more or more <= o.limit <= price)
        ]
        assert jumps or crossed, (order, wh, worst)


@given(curves_with_orders())
@examples(250)
def test_an_order_that_gets_nothing_changes_nothing(given_batch: Batch) -> None:
    curve, net_wh, orders = given_batch
    execution = batch.execute_batch(curve, net_wh, orders)
    pairs = zip(orders, execution.quantities, strict=True)
    kept = [(order, wh) for order, wh in pairs if wh]
    again = batch.execute_batch(curve, net_wh, [order for order, _ in kept])
    assert again.quantities == [wh for _, wh in kept]
    assert Fraction(*again.price) == Fraction(*execution.price)
