"""The settlement rule: dual imbalance prices leave nothing to gain by deviating (INV-10)."""

from __future__ import annotations

from blockenergy.metering.v1.state_pb2 import QUALITY_CORRECTED
from hypothesis import given
from hypothesis import strategies as st

from chain.market import rules as market_rules
from chain.market.pool.batch import MarketOrder, execute_batch
from chain.market.rules import Curve
from chain.metering import Apart, Prices
from chain.settlement import rules
from chain.settlement.rules import Agreed, Metered
from tests.support.models.prices import compute_buy_cost, compute_sell_revenue
from tests.support.properties import curves, examples, net_energies

STREET = Curve(80_000, 300_000, 50_000)
energies = st.one_of(st.integers(0, 40), st.integers(0, 500_000))
money = st.integers(0, 10**9)
agreements = st.builds(Agreed, energies, energies, money, money, st.integers(0, 10**6))
meterings = st.tuples(energies, energies).map(lambda energy: Metered(*energy))
apart = st.builds(Apart, energies, energies, st.just(Prices(10**9, 0)))
with_apart = st.tuples(energies, energies, st.lists(apart, max_size=2)).map(
    lambda parts: Metered(*parts)
)


def gain(agreed: Agreed, metered: Metered, curve: Curve) -> int:
    """What an account gets for its slot, less what it pays."""
    line = rules.compute_line(agreed, metered, curve)
    return line.credited - line.charged


class TestByExample:
    def test_who_keeps_the_agreement_pays_the_agreed_price(self) -> None:
        line = rules.compute_line(Agreed(5_000, 0, 950_000, 0), Metered(5_000, 0), STREET)
        assert (line.charged, line.credited) == (950_000, 0)

    def test_one_wh_too_much_costs_the_highest_price(self) -> None:
        line = rules.compute_line(Agreed(5_000, 0, 950_000, 0), Metered(5_001, 0), STREET)
        assert line.imbalance_charge == 300

    def test_one_wh_too_little_brings_the_lowest_price(self) -> None:
        line = rules.compute_line(Agreed(5_000, 0, 950_000, 0), Metered(4_999, 0), STREET)
        assert (line.imbalance_credit, line.charged) == (80, 949_920)

    def test_only_the_net_counts(self) -> None:
        metered = Metered(7_000, 2_000)
        line = rules.compute_line(Agreed(6_000, 1_000, 950_000, 0), metered, STREET)
        assert (line.imbalance_charge, line.imbalance_credit) == (0, 0)

    def test_no_position_counts_for_what_is_settled_apart(self) -> None:
        metered = Metered(2_000, 0, [Apart(3_000, 500, Prices(310_000, 70_000))], QUALITY_CORRECTED)
        line = rules.compute_line(Agreed(5_000, 0, 950_000, 0), metered, STREET)
        assert (line.import_wh, line.export_wh) == (5_000, 500)
        assert (line.apart_charge, line.apart_credit) == (930_000, 35_000)
        assert (line.imbalance_charge, line.imbalance_credit) == (930_000, 35_000 + 240_000)

    def test_energy_that_is_kept_and_not_used_pays_for_its_influence(self) -> None:
        """2 of 5 kWh, while 10 were sold, on a line that rises by 0.0022 EUR for a kWh."""
        line = rules.compute_line(Agreed(5_000, 0, 950_000, 0, 20_000), Metered(3_000, 0), STREET)
        assert (line.influence_charge, line.imbalance_charge) == (44_000, 44_000)
        assert line.imbalance_credit == 160_000

    def test_energy_that_is_sold_and_not_delivered_does_as_well(self) -> None:
        agreed = Agreed(0, 5_000, 0, 950_000, 20_000)
        line = rules.compute_line(agreed, Metered(0, 3_000), STREET)
        assert (line.influence_charge, line.imbalance_charge) == (44_000, 644_000)

    def test_who_uses_what_was_bought_or_more_pays_for_none(self) -> None:
        for used_wh in (5_000, 6_000):
            agreed = Agreed(5_000, 0, 950_000, 0, 10**6)
            assert not rules.compute_line(agreed, Metered(used_wh, 0), STREET).influence_charge

    def test_the_backstop_is_paid_for_what_flows_in_and_pays_for_what_flows_out(self) -> None:
        assert rules.compute_backstop_bill(1_000, STREET) == 300_000
        assert rules.compute_backstop_bill(-1_000, STREET) == -80_000
        assert rules.compute_backstop_bill(0, STREET) == 0


@given(agreements, meterings, curves())
@examples(200)
def test_a_line_balances_and_is_rounded_in_the_pools_favour(
    agreed: Agreed, metered: Metered, curve: Curve
) -> None:
    line = rules.compute_line(agreed, metered, curve)
    gained = line.revenue + line.imbalance_credit - line.cost - line.imbalance_charge
    assert line.credited - line.charged == gained
    assert not (line.credited and line.charged)
    excess_wh = metered.import_wh - metered.export_wh - agreed.bought_wh + agreed.sold_wh
    exact = excess_wh * (curve.price_high if excess_wh > 0 else curve.price_low)
    imbalance = line.imbalance_charge - line.influence_charge - line.imbalance_credit
    assert exact <= 1000 * imbalance < exact + 1000


@given(st.lists(st.tuples(agreements, with_apart), max_size=6), curves())
@examples(200)
def test_imbalance_payments_always_cover_the_backstop(
    parties: list[tuple[Agreed, Metered]], curve: Curve
) -> None:
    """The pool closes its net position, everybody pays deviations: more comes in than is owed."""
    prices = Prices(curve.price_high, curve.price_low)
    parties = [
        (agreed, metered._replace(apart=[part._replace(prices=prices) for part in metered.apart]))
        for agreed, metered in parties
    ]
    lines = [rules.compute_line(agreed, metered, curve) for agreed, metered in parties]
    net_wh = sum(agreed.bought_wh - agreed.sold_wh for agreed, _ in parties)
    used_wh = sum(line.import_wh - line.export_wh for line in lines)
    came_in = sum(line.imbalance_charge - line.imbalance_credit for line in lines)
    closing = market_rules.compute_close_cost(curve, net_wh)
    assert came_in + closing >= rules.compute_backstop_bill(used_wh, curve)


@given(curves(), net_energies, st.integers(-500_000, 500_000), st.integers(-500_000, 500_000))
@examples(300)
def test_inv_10_no_position_but_the_truthful_one_gains_at_the_pool(
    curve: Curve, net_wh: int, use_wh: int, position_wh: int
) -> None:
    """Who trades alone with the pool never does better than by buying what the meter will show.

    Positive: net use, bought; negative: net production, sold.
    """
    metered = Metered(max(0, use_wh), max(0, -use_wh))
    truthful = gain(_trade(curve, net_wh, use_wh), metered, curve)
    deviating = gain(_trade(curve, net_wh, position_wh), metered, curve)
    assert deviating <= truthful


@given(curves(), st.data(), st.integers(-500_000, 500_000), st.integers(-500_000, 500_000))
@examples(300)
def test_inv_10_no_position_but_the_truthful_one_gains_at_a_given_price(
    curve: Curve, data: st.DataObject, use_wh: int, position_wh: int
) -> None:
    """The same at the price of a block that one order does not move."""
    price = data.draw(st.integers(curve.price_low, curve.price_high))
    metered = Metered(max(0, use_wh), max(0, -use_wh))
    truthful = gain(_trade_at(price, use_wh), metered, curve)
    deviating = gain(_trade_at(price, position_wh), metered, curve)
    assert deviating <= truthful


@given(curves(), agreements, st.integers(-500_000, 500_000), st.integers(1, 500_000))
@examples(300)
def test_nobody_is_paid_for_burning_energy(
    curve: Curve, agreed: Agreed, use_wh: int, further_wh: int
) -> None:
    """Influence of a purchase costs no more than the lowest price: using more never brings
    anything. That of a sale is the difference of the bounds at most, beside the highest price.
    """
    less = Metered(max(0, use_wh), max(0, -use_wh))
    more = Metered(max(0, use_wh + further_wh), max(0, -use_wh - further_wh))
    extra = gain(agreed, less, curve) - gain(agreed, more, curve)
    assert extra >= -1
    assert 1000 * extra <= (2 * curve.price_high - curve.price_low) * further_wh + 2000


@given(curves(), net_energies, st.integers(-500_000, 500_000), st.integers(1, 500_000))
@examples(300)
def test_energy_is_never_free_and_never_costs_more_than_the_bound(
    curve: Curve, net_wh: int, use_wh: int, further_wh: int
) -> None:
    """Whatever was agreed: using more, or delivering less, costs the lowest price at least."""
    agreed = _trade(curve, net_wh, use_wh)
    less = Metered(max(0, use_wh), max(0, -use_wh))
    more = Metered(max(0, use_wh + further_wh), max(0, -use_wh - further_wh))
    extra = gain(agreed, less, curve) - gain(agreed, more, curve)
    assert curve.price_low * further_wh - 1000 <= 1000 * extra
    assert 1000 * extra <= curve.price_high * further_wh + 1000


def test_a_large_order_among_others_moves_the_price_of_all_of_it() -> None:
    """The limit of the promise: uniform prices leave market power to an order as large as this.

    The pool has sold 40 kWh, neighbours sell 20 kWh, and Anna will use 21 kWh. Her last kWh makes
    the other 20 dearer, so that leaving it to the imbalance price saves her 0.0011 EUR.
    """
    neighbours = MarketOrder(False, 20_000, STREET.price_low)

    def cost(quantity_wh: int) -> int:
        anna = MarketOrder(True, quantity_wh, STREET.price_high)
        batch = execute_batch(STREET, 40_000, [neighbours, anna])
        assert batch.quantities == [20_000, quantity_wh]
        agreed = Agreed(quantity_wh, 0, market_rules.compute_payment(batch.price, quantity_wh), 0)
        return -gain(agreed, Metered(21_000, 0), STREET)

    assert (cost(21_000), cost(20_000)) == (5_861_100, 5_860_000)


def _trade(curve: Curve, net_wh: int, position_wh: int) -> Agreed:
    """A position bought from, or sold to, the pool as the only order of its block."""
    if position_wh >= 0:
        cost = compute_buy_cost(curve, net_wh, position_wh) if position_wh else 0
        return Agreed(position_wh, 0, cost, 0)
    revenue = compute_sell_revenue(curve, net_wh, -position_wh)
    return Agreed(0, -position_wh, 0, revenue)


def _trade_at(price: int, position_wh: int) -> Agreed:
    uniform = market_rules.Price(price, 1)
    if position_wh >= 0:
        return Agreed(position_wh, 0, market_rules.compute_payment(uniform, position_wh), 0)
    return Agreed(0, -position_wh, 0, market_rules.compute_receipt(uniform, -position_wh))
