"""Validation of batteries in a genesis document."""

from __future__ import annotations

from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import PERMILLE
from chain.storage.state import BATTERIES, PARAMS

_CAPACITY_MAX_WH = 1 << 50
_POWER_MAX_W = 1 << 40


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits make sense."""
    params = PARAMS.get(state)
    if not 0 < params.capacity_max_wh <= _CAPACITY_MAX_WH:
        raise GenesisError("storage.params.capacity_max_wh: 1 to 2^50 is expected")
    if not 0 < params.power_max_w <= _POWER_MAX_W:
        raise GenesisError("storage.params.power_max_w: 1 to 2^40 is expected")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless batteries make sense, whatever the limits were at their time."""
    for owner, battery in BATTERIES.items(state):
        name = f"storage.batteries {bech32.encode(owner)}"
        if not 0 < battery.capacity_wh <= _CAPACITY_MAX_WH:
            raise GenesisError(f"{name}: the capacity is out of range")
        if not 0 < battery.power_w <= _POWER_MAX_W:
            raise GenesisError(f"{name}: the power is out of range")
        for share in (battery.charge_efficiency_permille, battery.discharge_efficiency_permille):
            if not 0 < share <= PERMILLE:
                raise GenesisError(f"{name}: an efficiency is out of range")
