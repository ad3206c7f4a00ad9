"""A battery's plan as orders: at which price it would charge, rest or discharge.

What a home wants of a slot depends on the price: the battery charges while a kWh costs less than
it will be worth, and gives its own while it brings more. So there is a curve from price to net
energy, which falls, and the orders are what lies between that curve and what the home has: above it
purchases, each up to its worth, below it sales, each from its worth on. Whatever the price of the
batch comes to, what is executed is what the home wants at that price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from agents.trading.cover import ORDER_MIN_WH, format_price
from agents.trading.observation import Observation, Order
from agents.trading.stored_value import (
    Bids,
    Prices,
    Step,
    Values,
    compute_values,
)

# Of each side of a slot: as few as show the curve, because each order costs a fee.
ORDERS_PER_SIDE_MAX = 3
# What a kWh is worth at the end, as a share of the mean of what one is expected to cost till then.
END_PERMILLE = 900


def make_values(seen: Observation) -> tuple[list[int], Values] | None:
    """The slots that are planned, and what stored energy is worth in them; None if none can be."""
    if seen.battery is None or not seen.open_slots:
        return None
    first = seen.open_slots[0].slot
    slots = []
    for slot in range(first, first + len(seen.forecast_wh)):
        if slot not in seen.forecast_wh:
            break
        slots.append(slot)
    if not slots:
        return None
    prices = {slot: expect_prices(seen, slot) for slot in slots}
    net_wh = {
        slot: [wh + seen.flexible.planned_wh.get(slot, 0) for wh in seen.get_quantiles(slot)]
        for slot in slots
    }
    mean = sum(price.buy_per_kwh + price.sell_per_kwh for price in prices.values()) // (
        2 * len(slots)
    )
    end = mean * END_PERMILLE * seen.battery.discharge_efficiency_permille // 1_000_000
    return slots, compute_values(seen.battery, slots, prices, net_wh, end)


def expect_prices(seen: Observation, slot: int) -> Prices:
    """What a kWh of a slot is expected to cost and to bring, within the bounds."""
    middle = (seen.price_low_per_kwh + seen.price_high_per_kwh) // 2
    price = seen.expected_price_per_kwh.get(slot, middle)
    half = seen.spread_per_kwh // 2
    low, high = seen.price_low_per_kwh, seen.price_high_per_kwh
    return Prices(
        min(max(price + half, low), high), max(min(price - half, high), seen.price_low_per_kwh)
    )


def plan_battery(seen: Observation) -> tuple[Mapping[int, int], Values] | None:
    """What the battery is to do in each slot at the expected prices, and what it is worth."""
    made = make_values(seen)
    if made is None:
        return None
    slots, values = made
    return dict(zip(slots, values.plan(), strict=True)), values


def bid_curve(seen: Observation, slot: int, bids: Bids | None) -> Iterator[Order]:
    """Orders for one slot: for use, surplus and the battery, if it takes part, together."""
    has_wh = seen.position_wh.get(slot, 0) - seen.flexible.planned_wh.get(slot, 0)
    needs = [wh - has_wh for wh in seen.get_quantiles(slot)]
    yield from _list_orders(seen, slot, draw_curve(seen, needs, bids or Bids([], [])))


def draw_curve(seen: Observation, needs: Sequence[int], bids: Bids) -> tuple[int, list[Step]]:
    """What is wanted at any price, and the steps of what is wanted more as prices fall.

    Each of the equally likely needs has a curve of its own: without a battery a missing kWh costs
    the highest price and one too much brings the lowest; a battery stands between. A kWh is worth
    the mean of what it is worth in each of these cases.
    """
    low, high = seen.price_low_per_kwh, seen.price_high_per_kwh
    drops: dict[int, int] = {}
    for need_wh in needs:
        place_wh = need_wh - sum(step.quantity_wh for step in bids.discharge)
        worth = high
        for step in (*reversed(bids.discharge), *bids.charge):
            # Rounding may have made a step of discharge a little cheaper than one of charge.
            lower = min(worth, max(step.worth_per_kwh, low))
            drops[place_wh] = drops.get(place_wh, 0) + worth - lower
            worth = lower
            place_wh += step.quantity_wh
        drops[place_wh] = drops.get(place_wh, 0) + worth - low
    places = sorted(place for place, drop in drops.items() if drop)
    steps, worth = [], high * len(needs)
    for place_wh, end_wh in pairwise(places):
        worth -= drops[place_wh]
        steps.append(Step(worth // len(needs), end_wh - place_wh))
    return places[0], steps


def _list_orders(seen: Observation, slot: int, curve: tuple[int, list[Step]]) -> Iterator[Order]:
    place_wh, steps = curve
    low, high = seen.price_low_per_kwh, seen.price_high_per_kwh
    buys = [Step(high, place_wh)] if place_wh > 0 else []
    sells = []
    for step in steps:
        end_wh = place_wh + step.quantity_wh
        bought_wh = max(0, end_wh) - max(0, place_wh)
        sold_wh = min(0, end_wh) - min(0, place_wh)
        if bought_wh and step.worth_per_kwh > low:
            buys.append(Step(step.worth_per_kwh, bought_wh))
        if sold_wh and step.worth_per_kwh < high:
            sells.append(Step(step.worth_per_kwh, sold_wh))
        place_wh = end_wh
    if place_wh < 0:
        sells.append(Step(low, -place_wh))
    least_wh = max(ORDER_MIN_WH, seen.limits.order_min_wh)
    for step in _join(buys, least_wh):
        yield Order(slot, True, step.quantity_wh, step.worth_per_kwh, reason=_explain(seen, step))
    if seen.can_sell:
        # The lowest price first, which is what is certain to be left over.
        for step in _join(list(reversed(sells)), least_wh):
            reason = _explain(seen, step)
            yield Order(slot, False, step.quantity_wh, step.worth_per_kwh, reason=reason)


def _explain(seen: Observation, step: Step) -> str:
    if step.worth_per_kwh >= seen.price_high_per_kwh:
        return "it is needed whatever it costs"
    if step.worth_per_kwh <= seen.price_low_per_kwh:
        return "it is left over, and any price is better than none"
    return f"a kWh is worth {format_price(step.worth_per_kwh)} to this home, by need and battery"


def _join(steps: list[Step], least_wh: int) -> list[Step]:
    """Few steps: neighbours with the nearest worth become one, at the worth of the second, which is
    the one that the battery would agree to for both.
    """
    joined = list(steps)
    while len(joined) > 1 and (
        len(joined) > ORDERS_PER_SIDE_MAX or any(step.quantity_wh < least_wh for step in joined)
    ):
        places = range(len(joined) - 1)
        if len(joined) <= ORDERS_PER_SIDE_MAX:
            small = next(n for n, step in enumerate(joined) if step.quantity_wh < least_wh)
            places = range(max(0, small - 1), min(small + 1, len(joined) - 1))
        at = min(places, key=lambda n: abs(joined[n].worth_per_kwh - joined[n + 1].worth_per_kwh))
        first, second = joined[at : at + 2]
        quantity_wh = first.quantity_wh + second.quantity_wh
        joined[at : at + 2] = [Step(second.worth_per_kwh, quantity_wh)]
    return [step for step in joined if step.quantity_wh >= least_wh]
