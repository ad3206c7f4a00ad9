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

# Feeders one above the other: a path to the head of the grid is short.
FEEDER_DEPTH_MAX = 16
# A line of 1 TW, and a fee as high as a price can be: what a slot sums up stays in 64 bits.
_FEEDER_CAPACITY_MAX_W = 10**12
_FEE_MAX_PER_KWH = 10**12
# What a meter may show when it is added: there is room for all that it will measure.
REGISTER_MAX_WH = 1 << 62
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
    """Whether a meter or a feeder can be called so."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_energy_source(number: int) -> bool:
    """Whether the number is a value of EnergySource; protobuf lets others through."""
    return number in _ENERGY_SOURCES


def is_renewable(source: int) -> bool:
    """Whether what a meter of this energy source exports is renewable energy.

    Storage is not: it returns what it was charged with.
    """
    return source in _RENEWABLE_SOURCES


def find_feeder_error(feeder: state_pb2.Feeder) -> str:
    """What is wrong with the figures of a feeder, in a few words; empty if nothing is."""
    if feeder.capacity_w > _FEEDER_CAPACITY_MAX_W:
        return f"a capacity of at most {_FEEDER_CAPACITY_MAX_W} W"
    if feeder.grid_fee_per_kwh > _FEE_MAX_PER_KWH:
        return f"a fee of at most {_FEE_MAX_PER_KWH} per kWh"
    return ""
