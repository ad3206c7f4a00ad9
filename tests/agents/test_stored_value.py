"""What a kWh in a battery is worth: against every plan there is, and as the bids that follow."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from agents import trading
from agents.trading import Battery, Limits, Observation, OpenSlot
from agents.trading.bids import draw_curve
from agents.trading.limits import compute_cost
from agents.trading.observation import NO_LOAD
from agents.trading.stored_value import Bids, Prices, compute_values, list_bids, move

LOW, HIGH = 80_000, 300_000
# No losses, so that whole Wh are exact.
BATTERY = Battery(4, 2, 1000, 1000, 0, 0)
REAL = Battery(6_400, 5_000, 949, 949, 500, 3_000, 10_000)


def cost_of(flows: tuple[int, ...], prices: list[Prices], nets: list[list[int]], end: int) -> int:
    """What a plan costs, the mean over its cases, times their number; the rest is worth `end`."""
    total = 0
    for flow, price, cases in zip(flows, prices, nets, strict=True):
        for net in cases:
            wh = net + flow
            total += wh * (price.buy_per_kwh if wh > 0 else price.sell_per_kwh)
    return total - sum(flows) * end * len(nets[0])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_plan_is_better(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    per_kwh = st.integers(8, 30).map(lambda cents: cents * 6)
    prices = [
        Prices(max(pair), min(pair))
        for pair in data.draw(st.lists(st.tuples(per_kwh, per_kwh), min_size=count, max_size=count))
    ]
    cases = st.lists(st.integers(-3, 3), min_size=3, max_size=3)
    nets = data.draw(st.lists(cases, min_size=count, max_size=count))
    end = data.draw(per_kwh)
    stored = data.draw(st.integers(0, 4))
    battery = Battery(4, 2, 1000, 1000, 0, stored)
    slots = list(range(count))
    values = compute_values(battery, slots, dict(enumerate(prices)), dict(enumerate(nets)), end)
    plan = values.plan()
    best = min(
        cost_of(flows, prices, nets, end)
        for flows in product(range(-2, 3), repeat=count)
        if all(0 <= stored + sum(flows[: n + 1]) <= 4 for n in range(count))
    )
    assert all(0 <= stored + sum(plan[: n + 1]) <= 4 for n in range(count))
    # The mean price of three cases is rounded down: by less than one of each Wh.
    assert cost_of(tuple(plan), prices, nets, end) <= best + 3 * sum(map(abs, plan)) + 9


def test_a_battery_charges_when_it_is_cheap_and_gives_when_it_is_dear() -> None:
    prices = [Prices(100_000, 95_000), Prices(290_000, 285_000), Prices(200_000, 195_000)]
    battery = Battery(4_000, 4_000, 950, 950, 0, 0)
    values = compute_values(
        battery, [0, 1, 2], dict(enumerate(prices)), {n: [500] for n in range(3)}, 50_000
    )
    charged, given_, later = values.plan()
    assert charged == 4_000
    assert given_ == -(4_000 * 950 // 1000 * 950 // 1000)
    assert later == 0
    bids = list_bids(values, 0, 0)
    # The first half kWh is worth what it saves, later ones what they bring, less both losses.
    assert bids.charge[0].worth_per_kwh == 290_000 * 950 // 1000 * 950 // 1000
    assert bids.discharge == []


@given(st.integers(-20_000, 20_000), st.integers(0, 6_400))
def test_a_battery_never_holds_what_it_cannot(wanted_wh: int, stored_wh: int) -> None:
    battery = Battery(6_400, 5_000, 949, 949, 0, stored_wh)
    after_wh, flow_wh = move(battery, wanted_wh)
    assert 0 <= after_wh <= 6_400
    assert abs(flow_wh) <= 5_000
    assert flow_wh * wanted_wh >= 0
    assert abs(flow_wh) <= abs(wanted_wh)
    # It loses energy, and never makes any.
    assert after_wh - stored_wh <= flow_wh


def test_need_that_is_not_certain_is_worth_less() -> None:
    seen = see({5: (100, 200, 300)}, battery=None)
    needed_wh, steps = draw_curve(seen, [100, 200, 300], Bids([], []))
    third = (HIGH - LOW) // 3
    assert needed_wh == 100
    assert [step.quantity_wh for step in steps] == [100, 100]
    assert [step.worth_per_kwh // 10 for step in steps] == [
        (HIGH - third) // 10,
        (LOW + third) // 10,
    ]


def see(
    expected: dict[int, tuple[int, int, int]],
    position_wh: dict[int, int] | None = None,
    battery: Battery | None = REAL,
    limits: Limits | None = None,
) -> Observation:
    first = min(expected)
    return Observation(
        open_slots=tuple(OpenSlot(slot, 190_000) for slot in range(first, first + 3)),
        forecast_wh={slot: values[1] for slot, values in expected.items()},
        position_wh=position_wh or {},
        flexible=NO_LOAD,
        can_sell=True,
        price_low_per_kwh=LOW,
        price_high_per_kwh=HIGH,
        battery=battery,
        quantiles_wh=expected,
        expected_price_per_kwh={slot: 120_000 + slot % 5 * 40_000 for slot in expected},
        spread_per_kwh=8_000,
        limits=limits or Limits(order_min_wh=10, order_max_wh=50_000),
        seed="a",
    )


quantiles = st.lists(st.integers(-9_000, 9_000), min_size=3, max_size=3).map(
    lambda three: tuple(sorted(three))
)
expectations = st.lists(quantiles, min_size=1, max_size=24).map(lambda rows: dict(enumerate(rows)))


@given(
    expectations,
    st.integers(-5_000, 5_000),
    st.sampled_from(sorted(trading.STRATEGIES)),
    st.integers(0, 3_000_000),
)
@settings(max_examples=150, deadline=None)
def test_every_strategy_stays_within_what_is_possible_and_allowed(
    expected: dict[int, tuple[int, int, int]], position_wh: int, strategy: str, money: int
) -> None:
    limits = Limits(money, order_min_wh=10, order_max_wh=4_000)
    seen = see(expected, {0: position_wh}, limits=limits)
    decision, memory = trading.decide(seen, strategy)
    assert (decision, memory) == trading.decide(seen, strategy)
    for order in decision.orders:
        assert 10 <= order.quantity_wh <= 4_000
        assert LOW <= order.price_limit_per_kwh <= HIGH
        assert order.reason
    assert sum(compute_cost(order) for order in decision.orders) <= money
    # Nobody buys from itself: what it would buy is never worth less than what it would sell for.
    for slot in expected:
        own = [order for order in decision.orders if order.slot == slot]
        buys = [order.price_limit_per_kwh for order in own if order.is_buy]
        sells = [order.price_limit_per_kwh for order in own if not order.is_buy]
        assert strategy == "zero" or max(buys, default=0) <= min(sells, default=HIGH)


def test_money_goes_to_deadlines_first() -> None:
    urgent = trading.Flexible(2_000, 2_000, range(1), {})
    seen = see({0: (900, 1_000, 1_100)}, battery=None, limits=Limits(700_000))
    from dataclasses import replace

    decision, _ = trading.decide(replace(seen, flexible=urgent))
    first = [order for order in decision.orders if order.is_flexible]
    assert [order.quantity_wh for order in first] == [2_000]
    assert any("the owner allows" in reason for reason in decision.reasons)
