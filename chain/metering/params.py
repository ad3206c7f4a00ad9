"""What the parameters of metering say, for other modules."""

from __future__ import annotations

from blockenergy.metering.v1 import state_pb2

from chain.metering.state import PARAMS
from chain.runtime.calendar import SECONDS_PER_HOUR
from chain.runtime.state.collections import HasStore


def get_params(state: HasStore) -> state_pb2.Params:
    """Slot length, deadlines and limits; to be read only."""
    return PARAMS.get_shared(state)


def get_slot_params(state: HasStore, slot: int) -> state_pb2.Params:
    """What is in force for a slot; to be read only."""
    return PARAMS.at(state, slot)


def compute_slot_energy_wh(state: HasStore, power_w: int) -> int:
    """What a power comes to in one slot; rounded down."""
    duration_s = PARAMS.get_shared(state).represented_duration_s
    return power_w * duration_s // SECONDS_PER_HOUR


def get_tolerance_max_permille(state: HasStore) -> int:
    """The largest tolerance above connection capacities that any slot is metered with."""
    return max(params.capacity_tolerance_permille for params in PARAMS.list_all(state))
