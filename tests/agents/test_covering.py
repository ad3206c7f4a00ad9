"""How a home trades, by example and by property."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents import trading
from agents.trading import Flexible, Observation, OpenSlot, Order
from agents.trading.cover import EARLY_PERMILLE, ORDER_MIN_WH

LOW, HIGH, MIDDLE = 80_000, 300_000, 190_000
NO_LOAD = Flexible(0, 0, range(0), {})


def decide(seen: Observation) -> list[Order]:
    decision, _ = trading.decide(seen, "taker")
    return list(decision.orders)


def see(
    prices: Mapping[int, int],
    forecast_wh: Mapping[int, int] | None = None,
    position_wh: Mapping[int, int] | None = None,
    flexible: Flexible = NO_LOAD,
    can_sell: bool = True,
) -> Observation:
    return Observation(
        open_slots=tuple(OpenSlot(slot, price) for slot, price in prices.items()),
        forecast_wh=forecast_wh or {},
        position_wh=position_wh or {},
        flexible=flexible,
        can_sell=can_sell,
        price_low_per_kwh=LOW,
        price_high_per_kwh=HIGH,
    )


def test_the_whole_forecast_is_bought_before_the_gate_closes_and_most_of_it_earlier() -> None:
    seen = see({1: MIDDLE, 2: MIDDLE}, {1: 1000, 2: 1000})
    assert decide(seen) == [Order(1, True, 1000, HIGH), Order(2, True, EARLY_PERMILLE, HIGH)]


def test_a_better_forecast_corrects_what_was_bought() -> None:
    assert decide(see({1: MIDDLE}, {1: 1000}, {1: 700})) == [Order(1, True, 300, HIGH)]
    assert decide(see({1: MIDDLE}, {1: 500}, {1: 700})) == [Order(1, False, 200, LOW)]
    # A consumer cannot sell what it has too much.
    assert decide(see({1: MIDDLE}, {1: 500}, {1: 700}, can_sell=False)) == []


def test_a_slot_that_is_covered_waits_for_its_last_turn() -> None:
    assert decide(see({1: MIDDLE, 2: MIDDLE}, {1: 1000, 2: 1000}, {1: 1000, 2: 700})) == []


def test_surplus_is_sold() -> None:
    assert decide(see({1: MIDDLE}, {1: -2000})) == [Order(1, False, 2000, LOW)]


def test_crumbs_are_left_to_the_imbalance_price() -> None:
    assert decide(see({1: MIDDLE}, {1: ORDER_MIN_WH - 1})) == []


def test_nothing_is_traded_in_slots_without_a_forecast() -> None:
    assert decide(see({1: MIDDLE, 2: MIDDLE})) == []


def test_flexible_load_goes_into_the_cheapest_slots() -> None:
    flexible = Flexible(5000, 2000, range(1, 10), {})
    orders = decide(see({1: MIDDLE, 2: 100_000, 3: 90_000, 4: 110_000}, flexible=flexible))
    assert [(order.slot, order.quantity_wh) for order in orders] == [
        (3, 2000),
        (2, 2000),
        (4, 1000),
    ]
    assert all(order.is_flexible and order.is_buy for order in orders)
    assert all(order.price_limit_per_kwh < MIDDLE for order in orders)


def test_flexible_load_waits_while_it_can_and_pays_when_it_must() -> None:
    waiting = Flexible(3000, 2000, range(1, 5), {})
    assert decide(see({1: MIDDLE, 2: MIDDLE}, flexible=waiting)) == []
    urgent = Flexible(3000, 2000, range(1, 4), {})
    assert decide(see({1: MIDDLE, 2: MIDDLE + 1}, flexible=urgent)) == [
        Order(1, True, 1000, HIGH, is_flexible=True)
    ]


def test_flexible_load_respects_its_window_and_what_is_planned() -> None:
    flexible = Flexible(5000, 2000, range(2, 4), {2: 1500})
    orders = decide(see({1: LOW, 2: LOW, 3: LOW}, flexible=flexible))
    assert [(order.slot, order.quantity_wh) for order in orders] == [(2, 500), (3, 2000)]


def test_planned_flexible_load_is_not_bought_twice() -> None:
    flexible = Flexible(0, 2000, range(1, 4), {1: 1500})
    assert decide(see({1: MIDDLE}, {1: 1000}, {1: 1500}, flexible)) == [Order(1, True, 1000, HIGH)]
    assert decide(see({1: MIDDLE}, {1: 1000}, {1: 2500}, flexible)) == []


amounts_wh = st.integers(-20_000, 20_000)
per_slot: Any = st.dictionaries(st.integers(1, 6), amounts_wh, max_size=6)


@given(
    prices=st.dictionaries(st.integers(1, 6), st.integers(LOW, HIGH), min_size=1),
    forecast_wh=per_slot,
    position_wh=per_slot,
    left_wh=st.integers(0, 20_000),
    planned_wh=st.dictionaries(st.integers(1, 6), st.integers(0, 3000)),
    end=st.integers(1, 9),
    can_sell=st.booleans(),
)
def test_orders_are_always_possible(
    prices: dict[int, int],
    forecast_wh: dict[int, int],
    position_wh: dict[int, int],
    left_wh: int,
    planned_wh: dict[int, int],
    end: int,
    can_sell: bool,
) -> None:
    flexible = Flexible(left_wh, 3000, range(1, end), planned_wh)
    seen = see(dict(sorted(prices.items())), forecast_wh, position_wh, flexible, can_sell)
    orders = decide(seen)
    for order in orders:
        assert order.slot in prices
        assert order.quantity_wh >= ORDER_MIN_WH
        assert LOW <= order.price_limit_per_kwh <= HIGH
        assert order.is_buy or can_sell
    flexible_wh = [order.quantity_wh for order in orders if order.is_flexible]
    assert sum(flexible_wh) <= left_wh
    assert all(quantity_wh <= 3000 for quantity_wh in flexible_wh)
