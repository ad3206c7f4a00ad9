"""Invariants of batteries."""

from __future__ import annotations

from chain import registry
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE
from chain.storage.state import BATTERIES


def state_of_charge(state: HasStore) -> list[str]:
    """The state of charge is between zero and the capacity, and the total discharge is never more
    than the efficiencies leave of the total charge and a full battery at the start.

    What was metered beyond that is counted separately, as rejected.
    """
    problems = []
    for owner, battery in BATTERIES.items(state):
        charged_wh = battery.charged_wh - battery.rejected_charge_wh
        discharged_wh = battery.discharged_wh - battery.rejected_discharge_wh
        # In thousandths of a Wh: what came in, and a full battery at the start.
        stored = charged_wh * battery.charge_efficiency_permille + battery.capacity_wh * PERMILLE
        left = stored - battery.state_of_charge_wh * PERMILLE
        drawn = discharged_wh * PERMILLE * PERMILLE
        if battery.state_of_charge_wh > battery.capacity_wh or min(charged_wh, discharged_wh) < 0:
            problems.append(f"{bech32.encode(owner)}: the battery is beyond its limits")
        elif drawn > left * battery.discharge_efficiency_permille:
            problems.append(f"{bech32.encode(owner)}: more was discharged than the model allows")
    return problems


def green(state: HasStore) -> list[str]:
    """No more of the energy in a battery is green than there is."""
    return [
        f"{bech32.encode(owner)}: {battery.green_wh} Wh of {battery.state_of_charge_wh} are green"
        for owner, battery in BATTERIES.items(state)
        if battery.green_wh > battery.state_of_charge_wh
    ]


def owners(state: HasStore) -> list[str]:
    """Every battery belongs to a participant."""
    return [
        f"{bech32.encode(owner)} has a battery, unregistered"
        for owner, _ in BATTERIES.items(state)
        if not registry.is_participant(state, owner)
    ]
