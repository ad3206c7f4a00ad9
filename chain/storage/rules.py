"""The law of the battery. Nothing here reads state.

    e' = e + floor(eta_c * charge) - ceil(discharge / eta_d),  0 <= e' <= capacity

Both roundings are against the battery. So whatever is charged and discharged, in any sequence:
discharge <= eta_d * (initial + eta_c * charge), summed from the beginning.

A slot is looked at as a whole: within it a battery may be charged and discharged in any sequence,
and only what is in it at the end has to fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chain.runtime.units import PERMILLE, ceil_div, floor_div

_SECONDS_PER_HOUR = 3600


class StateOfChargeModel(NamedTuple):
    """What a battery can hold, and the shares that charging and discharging leave of energy."""

    capacity_wh: int
    charge_efficiency_permille: int
    discharge_efficiency_permille: int


class Step(NamedTuple):
    """What is in the battery after a slot, and what the law does not allow of its flows."""

    state_of_charge_wh: int
    rejected_charge_wh: int = 0
    rejected_discharge_wh: int = 0


def compute_step(
    law: StateOfChargeModel, state_of_charge_wh: int, charge_wh: int, discharge_wh: int
) -> Step:
    """What a slot does to a battery: as much of its flows as the law allows."""
    stored = compute_stored_wh(law, charge_wh)
    given_wh = min(discharge_wh, compute_discharge_max_wh(law, state_of_charge_wh + stored))
    drawn = compute_drawn_wh(law, given_wh)
    taken_wh = min(
        charge_wh, compute_charge_max_wh(law, law.capacity_wh - state_of_charge_wh + drawn)
    )
    # If anything is refused here, what is left fills the battery: that is never below nothing.
    stored = compute_stored_wh(law, taken_wh)
    return Step(state_of_charge_wh + stored - drawn, charge_wh - taken_wh, discharge_wh - given_wh)


def project(
    law: StateOfChargeModel, state_of_charge_wh: int, net_charges_wh: Iterable[int]
) -> list[Step]:
    """What will be in a battery after each of the slots to come.

    net_charges_wh: what flows in over each slot; negative: out. What the law does not allow does
    not happen, and the next slot goes on from there.
    """
    steps = []
    for net_wh in net_charges_wh:
        step = compute_step(law, state_of_charge_wh, max(0, net_wh), max(0, -net_wh))
        steps.append(step)
        state_of_charge_wh = step.state_of_charge_wh
    return steps


def compute_stored_wh(law: StateOfChargeModel, charge_wh: int) -> int:
    """What charging adds to the energy in the battery."""
    return floor_div(charge_wh * law.charge_efficiency_permille, PERMILLE)


def compute_drawn_wh(law: StateOfChargeModel, discharge_wh: int) -> int:
    """What discharging takes from the energy in the battery."""
    return ceil_div(discharge_wh * PERMILLE, law.discharge_efficiency_permille)


def compute_charge_max_wh(law: StateOfChargeModel, headroom_wh: int) -> int:
    """The most that can be charged into so much room."""
    return floor_div((headroom_wh + 1) * PERMILLE - 1, law.charge_efficiency_permille)


def compute_discharge_max_wh(law: StateOfChargeModel, state_of_charge_wh: int) -> int:
    """The most that can be discharged from so much energy."""
    return floor_div(state_of_charge_wh * law.discharge_efficiency_permille, PERMILLE)


def compute_slot_limit_wh(power_w: int, represented_duration_s: int) -> int:
    """The most that flows in or out of a battery in one slot."""
    return floor_div(power_w * represented_duration_s, _SECONDS_PER_HOUR)
