"""Who only moves the price helps nobody: an account that buys and closes again loses at least what
it has brought an accomplice who sells meanwhile, and the mirror image.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.market.positions import influence
from chain.market.positions.charges import Charges
from chain.market.positions.influence import TRADED_MAX_WH, Traded
from chain.market.rules import Curve, compute_average_price, compute_influence
from tests.support.streets.auctions import ask
from tests.support.streets.grid_market import FEES, GridMarket
from tests.support.streets.settling import settle
from tests.support.world import reading

LOW, HIGH = 80_000, 300_000
MOVED_WH, TRADED_WH = 40_000, 20_000
WAYS = ["cancellation", "market order", "ask", "offer"]


def make_street() -> GridMarket:
    """Without grid fees, and with connections for what is tried."""
    names = ("eva", "clara", "dirk")
    return GridMarket(
        {
            **{f"registry.feeders[{name}]": {"grid_fee_per_kwh": 0} for name in FEES},
            **{f"registry.meters[meter-{name}]": {"capacity_w": 100_000} for name in names},
            "market.params": {"margin_max_per_kwh": 5_500, "purse_share_permille": 1_000},
        }
    )


def play_sale(way: str, by_offer: bool) -> tuple[int, GridMarket, int]:
    """Eva moves the price up, or does not, if there is no way out; Dirk sells, Clara buys, Eva gets
    out. Returns what Eva and Dirk have together in the end.
    """
    grid = make_street()
    world, slot = grid.world, grid.world.slot_ahead(1)
    if way:
        world.block(world.buy("eva", slot, MOVED_WH, HIGH))
    if by_offer:
        price = grid.slot_info(slot).price_high_per_kwh * 9 // 10 if way else 200_000
        world.block(grid.offer("dirk", slot, price, TRADED_WH))
        world.block(grid.buy_offer("clara", "dirk", slot, TRADED_WH))
    elif way:
        world.block(world.sell("dirk", slot, TRADED_WH, LOW))
        world.block(world.buy("clara", slot, TRADED_WH, HIGH))
    else:
        # The best that Dirk can do alone.
        world.block(world.buy("clara", slot, TRADED_WH, HIGH))
        world.block(world.sell("dirk", slot, TRADED_WH, LOW))
    get_out(grid, slot, way)
    world.block(at=grid.gate_s(slot))
    readings = [reading("meter-clara", slot, TRADED_WH), reading("meter-eva", slot)]
    readings.append(reading("meter-dirk", slot, 0, TRADED_WH))
    world.block(world.submit(*readings), at=world.end_s(slot))
    settle(world, slot)
    both = sum(world.balance(name) + grid.held(name) for name in ("eva", "dirk"))
    return both, grid, slot


def get_out(grid: GridMarket, slot: int, way: str) -> None:
    """Eva sells what she has, before the gate or in the auction; Ben may buy it."""
    world, wh = grid.world, grid.position(slot, "eva").bought_wh if way else 0
    if way == "cancellation":
        world.block(world.cancel("eva", slot, True, wh, LOW))
    elif way == "market order":
        world.block(world.sell("eva", slot, wh, LOW))
    elif way == "ask":
        world.block(ask(world, "eva", slot, wh, LOW))
    elif way == "offer":
        world.block(grid.offer("eva", slot, HIGH - 20_000, wh))
        world.block(grid.buy_offer("clara", "eva", slot, wh // 4))
        world.block(world.sell("eva", slot, wh - wh // 4, LOW))
    if way:
        assert not grid.position(slot, "eva").bought_wh or way == "ask"


@pytest.mark.parametrize("way", WAYS)
def test_an_accomplice_gains_no_more_than_the_other_loses(way: str) -> None:
    """Clara buys what Dirk has sold, so that Eva's position is worth what it was, and she would
    lose only the margin.
    """
    alone, *_ = play_sale("", by_offer=False)
    together, *_ = play_sale(way, by_offer=False)
    assert together <= alone


def test_without_the_charge_it_would_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, *_ = play_sale("", by_offer=False)
    monkeypatch.setattr(Traded, "since", lambda *_: 0)
    together, *_ = play_sale("cancellation", by_offer=False)
    assert together > alone + 500_000


def test_an_offer_next_to_a_price_that_was_moved_counts_as_well() -> None:
    alone, *_ = play_sale("", by_offer=True)
    together, *_ = play_sale("market order", by_offer=True)
    assert together <= alone


def test_whoever_sold_first_pays_for_the_cheaper_purchases_of_others() -> None:
    """The mirror image, with a cancellation and by buying back: both cost the same."""
    losses = []
    for cancels in (True, False):
        grid = make_street()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(world.sell("eva", slot, 10_000, LOW))
        revenue = grid.position(slot, "eva").revenue
        world.block(world.buy("clara", slot, TRADED_WH, HIGH))
        world.block(world.sell("dirk", slot, TRADED_WH, LOW))
        info = grid.slot_info(slot)
        curve = Curve(LOW, HIGH, info.depth_wh, info.margin_per_kwh)
        world.block(
            world.cancel("eva", slot, False, 10_000, HIGH)
            if cancels
            else world.buy("eva", slot, 10_000, HIGH)
        )
        assert not grid.position(slot, "eva").sold_wh
        loss = grid.slot_info(slot).cancellation_income
        assert loss == compute_influence(curve, 10_000, 2 * TRADED_WH) < 3_000_000 - revenue
        losses.append(loss)
    assert losses[0] == losses[1]


@given(
    depth_wh=st.integers(1, 50_000),
    start_wh=st.integers(-60_000, 60_000),
    moved_wh=st.integers(1, 40_000),
    sold_wh=st.integers(1, 40_000),
)
def test_what_is_charged_is_no_less_than_what_a_sale_has_gained(
    depth_wh: int, start_wh: int, moved_wh: int, sold_wh: int
) -> None:
    """A sale at a price that somebody's purchase has moved, wherever on the line, and in the block
    of that purchase as well.
    """
    curve = Curve(LOW, HIGH, depth_wh, 5_000)

    def compute_revenue(net_wh: int) -> float:
        price = compute_average_price(curve, net_wh, -sold_wh)
        return sold_wh * price.numerator / price.denominator / 1000

    gained = compute_revenue(start_wh + moved_wh) - compute_revenue(start_wh)
    assert gained <= compute_influence(curve, moved_wh, 2 * sold_wh) + 1
    block = compute_average_price(curve, start_wh, moved_wh - sold_wh)
    together = sold_wh * block.numerator / block.denominator / 1000
    gained = together - compute_revenue(start_wh)
    assert gained <= compute_influence(curve, moved_wh, sold_wh) + 1


def test_closing_never_costs_more_than_keeping_the_energy_and_not_using_it() -> None:
    """Which pays for its influence too: at most the lowest price, 0.08 EUR on 0.12, or, of what was
    sold, at most the difference of the bounds, 0.22 EUR on 0.10.
    """
    charges = Charges(Curve(LOW, HIGH, 1_000), 40_000)
    assert charges.add_to(0, 200_000, True, 1_000, 10**9) == 200_000
    assert charges.add_to(0, 200_000, False, 1_000, 10**9) == 320_000
    assert charges.add_to(0, 200_000, True, 1_000, 0) == 40_000
    assert charges.add_to(150_000, 200_000, True, 1_000, 0) == 150_000


def test_what_was_traded_stays_within_what_a_field_takes() -> None:
    grid = make_street()
    info = grid.slot_info(grid.world.slot_ahead(1))
    influence.add_traded(info, TRADED_MAX_WH, TRADED_MAX_WH - 1)
    influence.add_traded(info, 5, 5)
    assert info.traded_buy_wh == info.traded_sell_wh == TRADED_MAX_WH
