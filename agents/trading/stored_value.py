"""What each kWh in a battery is worth, slot by slot, and the plan that follows.

The value of what is stored is a concave function of how much it is: a list of steps, the first
kWh's worth first. Going back from the end of the horizon, each slot adds what it would pay for a
kWh out of the battery, or ask for one into it, and the two lists are merged by worth: the
sup-convolution of concave functions, which is the exact dynamic program. There is no grid of
states and no solver, and equal input gives equal output on every machine.

A slot pays its purchase price while the home would buy, and its sales price when it would sell:
with several equally likely forecasts the mean of what each would pay, so that each slot is a
newsvendor. Charging asks for more than the price by the efficiency, discharging pays less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agents.trading.observation import PERMILLE, Battery


class Step(NamedTuple):
    """So many Wh, each of which is worth this price per kWh."""

    worth_per_kwh: int
    quantity_wh: int


class Prices(NamedTuple):
    """What a kWh costs, and what one brings; the first is not below the second."""

    buy_per_kwh: int
    sell_per_kwh: int


@dataclass(frozen=True, slots=True)
class Values:
    """What each kWh stored above the reserve is worth when a slot begins, and at the end."""

    battery: Battery
    # One list more than there are slots.
    steps: tuple[tuple[Step, ...], ...]
    flows: tuple[tuple[Step, ...], ...]

    def plan(self) -> list[int]:
        """What flows at the terminals in each slot, positive is charging, from what is stored."""
        battery, stored_wh = self.battery, get_usable_wh(self.battery)
        planned = []
        for flows, after in zip(self.flows, self.steps[1:], strict=True):
            change_wh = -_choose_drawn_wh(flows, after, stored_wh, battery)
            change_wh = min(max(change_wh, -stored_wh), get_room_wh(battery, stored_wh))
            stored_wh += change_wh
            planned.append(_to_terminals(battery, change_wh))
        return planned


def get_usable_wh(battery: Battery) -> int:
    """What is stored above the reserve."""
    return min(max(0, battery.stored_wh - battery.reserve_wh), get_size_wh(battery))


def get_size_wh(battery: Battery) -> int:
    """The capacity above the reserve."""
    return max(0, battery.capacity_wh - battery.reserve_wh)


def get_room_wh(battery: Battery, stored_wh: int) -> int:
    """What can still be stored."""
    return get_size_wh(battery) - stored_wh


def compute_values(
    battery: Battery,
    slots: Sequence[int],
    prices: Mapping[int, Prices],
    net_wh: Mapping[int, Sequence[int]],
    end_worth_per_kwh: int,
) -> Values:
    """Values of all slots, from the end of the last one back to the beginning of the first.

    `net_wh` are equally likely net uses of the home without the battery.
    """
    size_wh = get_size_wh(battery)
    flows = [tuple(_list_flows(battery, prices[slot], net_wh[slot])) for slot in slots]
    steps: list[tuple[Step, ...]] = [(Step(end_worth_per_kwh, size_wh),)]
    most_wh = _to_stored(battery, battery.slot_max_wh)
    for flow in reversed(flows):
        merged = sorted((*steps[-1], *flow), reverse=True)
        steps.append(tuple(_cut(merged, most_wh, size_wh)))
    return Values(battery, tuple(reversed(steps)), tuple(flows))


def _list_flows(battery: Battery, prices: Prices, net_wh: Sequence[int]) -> Iterator[Step]:
    """What a slot pays per kWh of stored energy, from most charging to most discharging."""
    most_wh, count = battery.slot_max_wh, len(net_wh)
    inner = [-wh for wh in net_wh if -most_wh < wh < most_wh]
    ends = sorted({most_wh, 0, -most_wh, *inner}, reverse=True)
    stored_wh = _to_stored(battery, most_wh)
    for low in ends[1:]:
        # Those who still buy when so much flows.
        buying = count
        for wh in net_wh:
            if wh + low < 0:
                buying -= 1
        price = (buying * prices.buy_per_kwh + (count - buying) * prices.sell_per_kwh) // count
        before_wh, stored_wh = stored_wh, _to_stored(battery, low)
        if low >= 0:
            worth = price * PERMILLE // battery.charge_efficiency_permille
        else:
            paid = price - battery.wear_per_kwh
            worth = paid * battery.discharge_efficiency_permille // PERMILLE
        yield Step(worth, before_wh - stored_wh)


def _cut(merged: Sequence[Step], skipped_wh: int, size_wh: int) -> Iterator[Step]:
    """Without the first Wh, and no more than the battery holds; equal steps become one."""
    worth, held_wh = None, 0
    for step in merged:
        quantity_wh = step.quantity_wh
        if skipped_wh:
            gone_wh = min(skipped_wh, quantity_wh)
            skipped_wh -= gone_wh
            quantity_wh -= gone_wh
        quantity_wh = min(quantity_wh, size_wh)
        size_wh -= quantity_wh
        if not quantity_wh:
            continue
        if step.worth_per_kwh == worth:
            held_wh += quantity_wh
            continue
        if worth is not None:
            yield Step(worth, held_wh)
        worth, held_wh = step.worth_per_kwh, quantity_wh
    if worth is not None:
        yield Step(worth, held_wh)


def _choose_drawn_wh(
    flows: Sequence[Step], after: Sequence[Step], stored_wh: int, battery: Battery
) -> int:
    """What to draw of the stored energy so that slot and rest are worth most; negative: store."""
    most_wh = _to_stored(battery, battery.slot_max_wh)
    left_wh, drawn_wh = stored_wh + most_wh, -most_wh
    # What is stored comes first where both are worth the same: nothing is moved for nothing.
    ranked = [(-step.worth_per_kwh, 1, step.quantity_wh) for step in flows]
    ranked += [(-step.worth_per_kwh, 0, step.quantity_wh) for step in after]
    for _, is_flow, quantity_wh in sorted(ranked):
        taken_wh = min(left_wh, quantity_wh)
        left_wh -= taken_wh
        drawn_wh += taken_wh * is_flow
    return drawn_wh


def _to_stored(battery: Battery, terminal_wh: int) -> int:
    """What flows at the terminals as a change of what is stored; rounded against the battery."""
    if terminal_wh >= 0:
        return terminal_wh * battery.charge_efficiency_permille // PERMILLE
    return terminal_wh * PERMILLE // battery.discharge_efficiency_permille


def _to_terminals(battery: Battery, stored_wh: int) -> int:
    """What a change of what is stored lets flow at the terminals; so that it certainly fits."""
    if stored_wh >= 0:
        return stored_wh * PERMILLE // battery.charge_efficiency_permille
    return -(-stored_wh * battery.discharge_efficiency_permille // PERMILLE)


def move(battery: Battery, wanted_wh: int) -> tuple[int, int]:
    """Lets as much of a flow happen at the terminals as power and energy allow, down to empty.

    Returns what is stored afterwards and what has flowed; positive is charging.
    """
    flow_wh = min(max(wanted_wh, -battery.slot_max_wh), battery.slot_max_wh)
    room_wh = max(0, battery.capacity_wh - battery.stored_wh)
    flow_wh = min(flow_wh, _to_terminals(battery, room_wh))
    flow_wh = max(flow_wh, _to_terminals(battery, -battery.stored_wh))
    stored_wh = battery.stored_wh + _to_stored(battery, flow_wh)
    return min(max(stored_wh, 0), battery.capacity_wh), flow_wh


class Bids(NamedTuple):
    """What a battery would do in a slot at each price, at its terminals.

    charge: so much is charged below these prices, the highest first. discharge: so much is
    discharged above these, the lowest first.
    """

    charge: Sequence[Step]
    discharge: Sequence[Step]


def list_bids(values: Values, place: int, stored_wh: int) -> Bids:
    """Bids for the slot at this place of the horizon; `stored_wh` is above the reserve."""
    battery = values.battery
    below, above = _split(values.steps[place + 1], stored_wh)
    charge = (
        Step(
            step.worth_per_kwh * battery.charge_efficiency_permille // PERMILLE,
            _to_terminals(battery, step.quantity_wh),
        )
        for step in above
    )
    discharge = (
        Step(
            -(-step.worth_per_kwh * PERMILLE // battery.discharge_efficiency_permille)
            + battery.wear_per_kwh,
            -_to_terminals(battery, -step.quantity_wh),
        )
        for step in reversed(below)
    )
    most_wh = battery.slot_max_wh
    return Bids(_limit(charge, most_wh), _limit(discharge, most_wh))


def _split(steps: Sequence[Step], at_wh: int) -> tuple[list[Step], list[Step]]:
    """The steps before and behind so many Wh."""
    below, above = [], []
    for step in steps:
        inside_wh = min(at_wh, step.quantity_wh)
        at_wh -= inside_wh
        if inside_wh:
            below.append(Step(step.worth_per_kwh, inside_wh))
        if step.quantity_wh > inside_wh:
            above.append(Step(step.worth_per_kwh, step.quantity_wh - inside_wh))
    return below, above


def _limit(steps: Iterator[Step], most_wh: int) -> list[Step]:
    """No more than so many Wh altogether."""
    kept = []
    for step in steps:
        quantity_wh = min(step.quantity_wh, most_wh)
        most_wh -= quantity_wh
        if quantity_wh:
            kept.append(Step(step.worth_per_kwh, quantity_wh))
    return kept
