"""What a home's energy could have cost at best, known only when all is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.trading.stored_value import Prices, compute_values, move
from node_config.simulated.homes import HomeData


def compute_cost_in_hindsight(data: HomeData, prices: Sequence[int]) -> int:
    """The least that a home's energy could cost, in millionths; `prices` are those that its slots
    came to, per kWh.

    Whoever trades so knows every use and price beforehand, moves no price, pays no fees, spread or
    influence, and ends with an empty battery. A slot has one price here, that of its end: where
    prices rose while it was traded, somebody early may have paid less.
    """
    use = data.net_wh[: len(prices)]
    flows = [0] * len(use)
    if data.battery is not None:
        battery = replace(data.battery, wear_per_kwh=0, reserve_wh=0)
        slots = range(len(use))
        each = {slot: Prices(prices[slot], prices[slot]) for slot in slots}
        values = compute_values(battery, slots, each, {slot: (use[slot],) for slot in slots}, 0)
        for slot, wanted_wh in enumerate(values.plan()):
            stored_wh, flows[slot] = move(battery, wanted_wh)
            battery = replace(battery, stored_wh=stored_wh)
    flowed = (wh + flow_wh for wh, flow_wh in zip(use, flows, strict=True))
    return sum(wh * price for wh, price in zip(flowed, prices, strict=True)) // 1000
