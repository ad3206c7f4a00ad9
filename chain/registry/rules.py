"""Form and limits of what is registered. Nothing here reads state."""

from __future__ import annotations

import re

from blockenergy.registry.v1 import state_pb2
from blockenergy.registry.v1.energy_source_pb2 import (
    ENERGY_SOURCE_BIOMASS,
    ENERGY_SOURCE_GEOTHERMAL,
    ENERGY_SOURCE_HYDRO,
    ENERGY_SOURCE_SOLAR,
    ENERGY_SOURCE_WIND,
    EnergySource,
)
from blockenergy.registry.v1.role_pb2 import ROLE_DISTRIBUTOR

# Feeders on a path to the grid supply point.
FEEDER_DEPTH_MAX = 16
# 1 TW, and the highest price there can be: the sums of a slot stay in 64 bits.
_FEEDER_CAPACITY_MAX_W = 10**12
_FEE_MAX_PER_KWH = 10**12
# Registers of a meter when it is added: half of the range is left for what it will measure.
REGISTER_MAX_WH = 1 << 62
# Six digits of kWh and three decimals, as most meters have. Differences are counted modulo the size
# of a register, so it also fits every larger one that has decimal digits.
REGISTER_DEFAULT_WH = 10**9 - 1
# A register holds at least this much at full load: less than half of it is then told from a fall.
_REGISTER_HOURS_MIN = 48
_ENERGY_SOURCES = frozenset(EnergySource.values())
_RENEWABLE_SOURCES = frozenset(
    {
        ENERGY_SOURCE_SOLAR,
        ENERGY_SOURCE_WIND,
        ENERGY_SOURCE_HYDRO,
        ENERGY_SOURCE_GEOTHERMAL,
        ENERGY_SOURCE_BIOMASS,
    }
)
_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_identifier(name: str) -> bool:
    """Whether a meter or a feeder can have this name."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_energy_source(number: int) -> bool:
    """Whether the number is a value of EnergySource; protobuf lets others through."""
    return number in _ENERGY_SOURCES


def is_register_size(register_max_wh: int, capacity_w: int) -> bool:
    """Whether registers of a meter can end here; 0: at REGISTER_DEFAULT_WH."""
    largest_wh = register_max_wh or REGISTER_DEFAULT_WH
    return _REGISTER_HOURS_MIN * capacity_w <= largest_wh < REGISTER_MAX_WH


def is_renewable(source: int) -> bool:
    """Whether what a meter of this energy source exports is renewable energy.

    Storage is not: it returns what it was charged with.
    """
    return source in _RENEWABLE_SOURCES


def is_operator(participant: state_pb2.Participant | None) -> bool:
    """Whether a participant can run a feeder."""
    if participant is None or participant.status != state_pb2.STATUS_ACTIVE:
        return False
    return ROLE_DISTRIBUTOR in participant.roles


def find_feeder_error(name: str, feeder: state_pb2.Feeder) -> str:
    """What is wrong with the name or the figures of a feeder, in a few words; empty if nothing."""
    if not is_identifier(name):
        return "the name"
    if feeder.capacity_w > _FEEDER_CAPACITY_MAX_W:
        return f"a capacity of at most {_FEEDER_CAPACITY_MAX_W} W"
    if feeder.grid_fee_per_kwh > _FEE_MAX_PER_KWH:
        return f"a fee of at most {_FEE_MAX_PER_KWH} per kWh"
    return ""
