"""One price for all orders of a block (INV-7): nobody gains by being first."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chain.market import rules
from chain.market.rules import Curve, MarketOrder
from tests.support.properties import curves_with_orders, examples

STREET = Curve(80_000, 300_000, 50_000)
Batch = tuple[Curve, int, list[MarketOrder]]


def buy(quantity_wh: int, limit: int) -> MarketOrder:
    return MarketOrder(True, quantity_wh, limit)


def sell(quantity_wh: int, limit: int) -> MarketOrder:
    return MarketOrder(False, quantity_wh, limit)


class TestByExample:
    def test_what_balances_trades_at_the_present_price(self) -> None:
        batch = rules.execute_batch(STREET, 0, [buy(2_000, 200_000), sell(2_000, 180_000)])
        assert batch.amounts == [380_000, 380_000]
        assert (batch.bought_wh, batch.sold_wh) == (2_000, 2_000)

    def test_what_is_left_over_moves_the_price_for_all(self) -> None:
        # 2 kWh net from balance: on average 0.0022 EUR above 0.19 EUR.
        batch = rules.execute_batch(STREET, 0, [buy(3_000, 300_000), sell(1_000, 80_000)])
        assert batch.amounts == [3 * 192_200, 192_200]

    def test_the_lowest_bid_leaves_first(self) -> None:
        orders = [buy(10_000, 195_000), buy(10_000, 202_000)]
        assert rules.execute_batch(STREET, 0, orders).amounts == [None, 2_010_000]

    def test_the_highest_offer_leaves_first(self) -> None:
        orders = [sell(10_000, 185_000), sell(10_000, 178_000)]
        assert rules.execute_batch(STREET, 0, orders).amounts == [None, 1_790_000]

    def test_equal_limits_leave_together(self) -> None:
        orders = [buy(10_000, 200_000), buy(10_000, 200_000)]
        assert rules.execute_batch(STREET, 0, orders).amounts == [None, None]

    def test_a_limit_that_is_met_exactly_is_met(self) -> None:
        assert rules.execute_batch(STREET, 0, [buy(1_000, 191_100)]).amounts == [191_100]
        assert rules.execute_batch(STREET, 0, [sell(1_000, 188_900)]).amounts == [188_900]

    def test_the_uneven_millionth_is_the_pools(self) -> None:
        orders = [buy(1, 300_000), sell(1, 80_000)]
        assert rules.execute_batch(Curve(80_000, 300_001, 50_000), 0, orders).amounts == [191, 190]

    def test_no_orders(self) -> None:
        batch = rules.execute_batch(STREET, 0, [])
        assert (batch.amounts, batch.bought_wh, batch.sold_wh) == ([], 0, 0)


@given(curves_with_orders(), st.randoms(use_true_random=False))
@examples(250)
def test_the_order_of_the_orders_does_not_matter(given_batch: Batch, random: Random) -> None:
    curve, net_wh, orders = given_batch
    places = list(range(len(orders)))
    random.shuffle(places)
    straight = rules.execute_batch(curve, net_wh, orders)
    shuffled = rules.execute_batch(curve, net_wh, [orders[place] for place in places])
    assert shuffled.amounts == [straight.amounts[place] for place in places]
    assert shuffled[2:] == straight[2:]
    assert Fraction(*shuffled.price) == Fraction(*straight.price)


@given(curves_with_orders())
@examples(250)
def test_everybody_is_within_the_limit_and_the_price_within_the_bounds(given_batch: Batch) -> None:
    curve, net_wh, orders = given_batch
    batch = rules.execute_batch(curve, net_wh, orders)
    price = Fraction(*batch.price)
    assert curve.price_low <= price <= curve.price_high
    for order, amount in zip(orders, batch.amounts, strict=True):
        if amount is None:
            continue
        exact = price * order.quantity_wh / 1000
        if order.is_buy:
            assert price <= order.limit
            assert exact <= amount < exact + 1
        else:
            assert price >= order.limit
            assert exact - 1 < amount <= exact


@given(curves_with_orders())
@examples(250)
def test_nobody_lapses_while_somebody_with_a_worse_limit_is_executed(given_batch: Batch) -> None:
    curve, net_wh, orders = given_batch
    batch = rules.execute_batch(curve, net_wh, orders)
    fates = list(zip(orders, batch.amounts, strict=True))
    bids = [(order.limit, amount is not None) for order, amount in fates if order.is_buy]
    offers = [(-order.limit, amount is not None) for order, amount in fates if not order.is_buy]
    for side in (bids, offers):
        worst_executed = min((limit for limit, executed in side if executed), default=None)
        if worst_executed is not None:
            assert all(executed for limit, executed in side if limit >= worst_executed)


@given(curves_with_orders())
@examples(250)
def test_who_lapses_alone_could_not_have_been_executed_as_well(given_batch: Batch) -> None:
    """Taking one lapsed limit in again would break the limit of somebody who is in."""
    curve, net_wh, orders = given_batch
    batch = rules.execute_batch(curve, net_wh, orders)
    lapsed = [o for o, amount in zip(orders, batch.amounts, strict=True) if amount is None]
    kept = [o for o, amount in zip(orders, batch.amounts, strict=True) if amount is not None]
    for is_buy in (True, False):
        side = [order for order in lapsed if order.is_buy == is_buy]
        if not side:
            continue
        best = max(side, key=lambda order: order.limit if order.is_buy else -order.limit)
        back = [order for order in side if order.limit == best.limit]
        again = rules.execute_batch(curve, net_wh, kept + back)
        assert None in again.amounts


@given(curves_with_orders())
@examples(250)
def test_the_pool_earns_at_least_the_area_of_its_curve(given_batch: Batch) -> None:
    curve, net_wh, orders = given_batch
    batch = rules.execute_batch(curve, net_wh, orders)
    paid = sum(a or 0 for o, a in zip(orders, batch.amounts, strict=True) if o.is_buy)
    received = sum(a or 0 for o, a in zip(orders, batch.amounts, strict=True) if not o.is_buy)
    after = net_wh + batch.bought_wh - batch.sold_wh
    area = rules.compute_potential(curve, after) - rules.compute_potential(curve, net_wh)
    assert (paid - received) * 4000 * curve.depth_wh >= area
    executed = [o for o, a in zip(orders, batch.amounts, strict=True) if a is not None]
    assert batch.bought_wh == sum(o.quantity_wh for o in executed if o.is_buy)
    assert batch.sold_wh == sum(o.quantity_wh for o in executed if not o.is_buy)
