"""The state-of-charge model. Nothing here reads state.

    e' = e + floor(eta_c * charge) - ceil(discharge / eta_d),  0 <= e' <= capacity

Both roundings are against the battery. So for all charges and discharges, in any sequence:
discharge <= eta_d * (initial + eta_c * charge), summed from the beginning.

The model applies to whole slots: within one a battery may charge and discharge in any sequence,
and only its energy at the end has to fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chain.runtime.calendar import SECONDS_PER_HOUR
from chain.runtime.units import PERMILLE, ceil_div, floor_div


class StateOfChargeModel(NamedTuple):
    """The capacity of a battery, and its efficiencies."""

    capacity_wh: int
    charge_efficiency_permille: int
    discharge_efficiency_permille: int


class Step(NamedTuple):
    """The state of charge after a slot, and the flows that the model does not allow."""

    state_of_charge_wh: int
    rejected_charge_wh: int = 0
    rejected_discharge_wh: int = 0
    # What charging added, and discharging took.
    stored_wh: int = 0
    drawn_wh: int = 0


def compute_step(
    model: StateOfChargeModel, state_of_charge_wh: int, charge_wh: int, discharge_wh: int
) -> Step:
    """The state of charge after a slot, with as much of its flows as the model allows."""
    stored = compute_stored_wh(model, charge_wh)
    given_wh = min(discharge_wh, compute_discharge_max_wh(model, state_of_charge_wh + stored))
    drawn = compute_drawn_wh(model, given_wh)
    taken_wh = min(
        charge_wh, compute_charge_max_wh(model, model.capacity_wh - state_of_charge_wh + drawn)
    )
    # If charge is rejected the battery is full, so that the state of charge is never negative.
    stored = compute_stored_wh(model, taken_wh)
    return Step(
        state_of_charge_wh + stored - drawn,
        charge_wh - taken_wh,
        discharge_wh - given_wh,
        stored,
        drawn,
    )


def project(
    model: StateOfChargeModel, state_of_charge_wh: int, net_charges_wh: Iterable[int]
) -> list[Step]:
    """The state of charge after each of the slots to come.

    net_charges_wh: net charge in each slot; negative: discharge. What the model does not allow
    does not happen, and the next slot continues from there.
    """
    steps = []
    for net_wh in net_charges_wh:
        step = compute_step(model, state_of_charge_wh, max(0, net_wh), max(0, -net_wh))
        steps.append(step)
        state_of_charge_wh = step.state_of_charge_wh
    return steps


def compute_stored_wh(model: StateOfChargeModel, charge_wh: int) -> int:
    """Energy that charging adds to the battery."""
    return floor_div(charge_wh * model.charge_efficiency_permille, PERMILLE)


def compute_drawn_wh(model: StateOfChargeModel, discharge_wh: int) -> int:
    """Energy that discharging takes from the battery."""
    return ceil_div(discharge_wh * PERMILLE, model.discharge_efficiency_permille)


def compute_charge_max_wh(model: StateOfChargeModel, headroom_wh: int) -> int:
    """The largest charge that fits into a headroom."""
    return floor_div((headroom_wh + 1) * PERMILLE - 1, model.charge_efficiency_permille)


def compute_discharge_max_wh(model: StateOfChargeModel, state_of_charge_wh: int) -> int:
    """The largest discharge from a state of charge."""
    return floor_div(state_of_charge_wh * model.discharge_efficiency_permille, PERMILLE)


def compute_exempt_wh(model: StateOfChargeModel, stored_wh: int) -> int:
    """What will come back of energy that charging added; the rest of it is lost, and used."""
    return floor_div(stored_wh * model.discharge_efficiency_permille, PERMILLE)


def compute_green_wh(
    model: StateOfChargeModel, exempt_wh: int, import_wh: int, retired_wh: int
) -> int:
    """The part of what charging added that certificates for part of the import make green.

    Of the import that a line exempts because it will come back, their share; the rest of them is
    for what was used of it. So what they match and what comes back is never more than they are.
    """
    stored_wh = floor_div(exempt_wh * PERMILLE, model.discharge_efficiency_permille)
    return floor_div(stored_wh * retired_wh, import_wh)


def compute_green_drawn_wh(green_wh: int, drawn_wh: int, energy_wh: int) -> int:
    """The green part of what is drawn from a battery with this energy: its share, rounded up."""
    if not drawn_wh:
        return 0
    return min(green_wh, ceil_div(green_wh * drawn_wh, energy_wh))


def compute_slot_limit_wh(power_w: int, represented_duration_s: int) -> int:
    """The largest flow in or out of a battery in one slot."""
    return floor_div(power_w * represented_duration_s, SECONDS_PER_HOUR)
