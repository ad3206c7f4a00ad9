"""The price rule: its published numbers, and what holds for every price line (INV-1 to INV-4)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.market import rules
from chain.market.rules import Curve
from tests.support.models.prices import compute_buy_cost, compute_sell_revenue
from tests.support.properties import curves, examples, net_energies, quantities

STREET = Curve(80_000, 300_000, 50_000)
# A line through the prices of the one-contract market of 2020: 25 at balance, 10 more per kWh.
SEED = Curve(0, 50, 2_500)


def marginal_price(curve: Curve, net_wh: int) -> Fraction:
    """The price line as it is drawn, with fractions."""
    low, high = curve.price_low + curve.margin, curve.price_high - curve.margin
    if not curve.depth_wh:
        return Fraction(low + high, 2) if not net_wh else Fraction(high if net_wh > 0 else low)
    rise = Fraction(high - low, 2 * curve.depth_wh)
    return min(max(low + rise * (net_wh + curve.depth_wh), Fraction(low)), Fraction(high))


def cost_by_area(curve: Curve, net_wh: int, quantity_wh: int) -> Fraction:
    """The area under the price line, by trapezoids between its corners; of a step, by its two
    parts.
    """
    if not curve.depth_wh:
        sold = max(0, net_wh + quantity_wh) - max(0, net_wh)
        parts = sold * marginal_price(curve, 1) + (quantity_wh - sold) * marginal_price(curve, -1)
        return parts / 1000
    corners = {net_wh, net_wh + quantity_wh}
    inside = (net_wh, net_wh + quantity_wh)
    corners |= {x for x in (-curve.depth_wh, curve.depth_wh) if inside[0] < x < inside[1]}
    points = sorted(corners)
    area = Fraction(0)
    for a, b in pairwise(points):
        area += (marginal_price(curve, a) + marginal_price(curve, b)) / 2 * (b - a)
    return area / 1000


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("net_wh", "quantity_wh", "cost"),
        [(0, 1_000, 191_100), (0, 50_000, 12_250_000), (60_000, 10_000, 3_000_000), (0, 1, 191)],
    )
    def test_buying(self, net_wh: int, quantity_wh: int, cost: int) -> None:
        assert compute_buy_cost(STREET, net_wh, quantity_wh) == cost

    @pytest.mark.parametrize(
        ("quantity_wh", "revenue"), [(1_000, 188_900), (50_000, 6_750_000), (1, 189)]
    )
    def test_selling(self, quantity_wh: int, revenue: int) -> None:
        assert compute_sell_revenue(STREET, 0, quantity_wh) == revenue

    def test_at_balance_the_price_is_in_the_middle(self) -> None:
        assert rules.compute_marginal_price(STREET, 0).ceil() == 190_000

    def test_funding(self) -> None:
        assert rules.compute_funding(STREET) == 2_750_000

    def test_funding_is_rounded_up(self) -> None:
        assert rules.compute_funding(Curve(0, 1, 1)) == 1


class TestSeedMarket:
    """What the market of 2020 got right still comes out; each of its defects is gone."""

    def test_consuming_makes_energy_dearer_and_producing_takes_it_back(self) -> None:
        assert [compute_buy_cost(SEED, 1000 * q, 1000) for q in (0, 1)] == [30, 40]
        assert [compute_sell_revenue(SEED, 1000 * q, 1000) for q in (2, 1)] == [40, 30]

    def test_producing_makes_energy_cheaper(self) -> None:
        assert [compute_sell_revenue(SEED, -1000 * q, 1000) for q in (0, 1)] == [20, 10]

    @given(curves(), net_energies, quantities)
    @examples(200)
    def test_producers_never_gain_from_each_others_production(
        self, curve: Curve, net_wh: int, quantity_wh: int
    ) -> None:
        first = compute_sell_revenue(curve, net_wh, quantity_wh)
        second = compute_sell_revenue(curve, net_wh - quantity_wh, quantity_wh)
        assert second <= first

    def test_no_energy_is_free_however_much_is_produced(self) -> None:
        assert compute_buy_cost(STREET, -10_000_000, 1_000) == 80_000

    def test_no_energy_costs_more_than_the_backstop(self) -> None:
        assert compute_buy_cost(STREET, 10_000_000, 1_000) == 300_000


@given(curves(), net_energies, quantities)
@examples(250)
def test_the_cost_is_the_area_under_the_price_line(
    curve: Curve, net_wh: int, quantity_wh: int
) -> None:
    exact = cost_by_area(curve, net_wh, quantity_wh)
    margin = Fraction(curve.margin * quantity_wh, 1000)
    assert compute_buy_cost(curve, net_wh, quantity_wh) == -(-(exact + margin) // 1)
    sold_back = compute_sell_revenue(curve, net_wh + quantity_wh, quantity_wh)
    assert sold_back == (exact - margin) // 1


@given(curves(), net_energies, quantities)
@examples(250)
def test_inv_1_every_cost_lies_between_the_bounds(
    curve: Curve, net_wh: int, quantity_wh: int
) -> None:
    cost = compute_buy_cost(curve, net_wh, quantity_wh)
    revenue = compute_sell_revenue(curve, net_wh, quantity_wh)
    assert curve.price_low * quantity_wh <= 1000 * cost < curve.price_high * quantity_wh + 1000
    assert curve.price_low * quantity_wh - 1000 < 1000 * revenue <= curve.price_high * quantity_wh


@given(curves(), net_energies, quantities)
@examples(250)
def test_inv_2_the_price_never_falls_as_more_is_sold(
    curve: Curve, net_wh: int, further_wh: int
) -> None:
    here = Fraction(*rules.compute_marginal_price(curve, net_wh))
    further = Fraction(*rules.compute_marginal_price(curve, net_wh + further_wh))
    assert here == marginal_price(curve, net_wh)
    assert here <= further


@given(curves(), net_energies, quantities)
@examples(250)
def test_inv_3_a_round_trip_costs_two_margins(curve: Curve, net_wh: int, quantity_wh: int) -> None:
    paid = compute_buy_cost(curve, net_wh, quantity_wh)
    received = compute_sell_revenue(curve, net_wh + quantity_wh, quantity_wh)
    margins = Fraction(2 * curve.margin * quantity_wh, 1000)
    assert margins <= paid - received < margins + 2


@given(curves(), net_energies, st.lists(quantities, min_size=1, max_size=6))
@examples(250)
def test_inv_4_splitting_never_helps(curve: Curve, net_wh: int, parts: list[int]) -> None:
    whole_cost = compute_buy_cost(curve, net_wh, sum(parts))
    whole_revenue = compute_sell_revenue(curve, net_wh, sum(parts))
    costs, revenues, up, down = 0, 0, net_wh, net_wh
    for part in parts:
        costs += compute_buy_cost(curve, up, part)
        revenues += compute_sell_revenue(curve, down, part)
        up, down = up + part, down - part
    assert whole_cost <= costs < whole_cost + len(parts)
    assert whole_revenue - len(parts) < revenues <= whole_revenue


@given(curves(), net_energies)
@examples(250)
def test_inv_6_the_funding_covers_the_worst_case(curve: Curve, net_wh: int) -> None:
    """From balance to any net energy, closed outside at the bound, no more is lost."""
    scale = rules.compute_scale(curve)
    earned = rules.compute_potential(curve, net_wh) - rules.compute_potential(curve, 0)
    earned += curve.margin * abs(net_wh) * scale // 1000
    # What is paid is in whole millionths.
    least_paid = -(-earned // scale)
    equity = least_paid - rules.compute_close_cost(curve, net_wh)
    assert equity >= -rules.compute_funding(curve)


@pytest.mark.parametrize("side", [1, -1])
def test_inv_6_the_funding_is_not_a_millionth_too_much(side: int) -> None:
    net_wh = side * STREET.depth_wh
    if side > 0:
        earned = compute_buy_cost(STREET, 0, net_wh)
    else:
        earned = -compute_sell_revenue(STREET, 0, -net_wh)
    lost = rules.compute_close_cost(STREET, net_wh) - earned
    assert lost == rules.compute_funding(STREET)


@given(curves(), quantities, st.integers(0, 1000), st.data())
@examples(200)
def test_what_an_order_reserves_covers_its_worst_case(
    curve: Curve, quantity_wh: int, collateral_permille: int, data: st.DataObject
) -> None:
    limit = data.draw(st.integers(curve.price_low, curve.price_high))
    cover_wh = Fraction(quantity_wh * collateral_permille, 1000)
    bought = rules.compute_reserve(True, quantity_wh, limit, curve, collateral_permille)
    assert bought >= limit * Fraction(quantity_wh, 1000) + curve.price_high * cover_wh / 1000
    sold = rules.compute_reserve(False, quantity_wh, limit, curve, collateral_permille)
    assert sold >= (curve.price_high - limit) * cover_wh / 1000
