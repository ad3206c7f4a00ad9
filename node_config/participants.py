"""The participants that a preset names, with their meters and batteries.

    [participants.anna]
    roles = "prosumer"
    amount = "100 EUR"
    meter = { id = "HOME-01", feeder = "north", capacity_w = 11_000, energy_source = "solar" }

Roles are joined by `+`. `meter` and `battery` may be left out; the fields of a battery are those of
`blockenergy.storage.v1.Battery`. The key of a meter is named `meter-` and its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blockenergy.registry.v1.energy_source_pb2 import EnergySource

from node_config.accounts import parse_roles
from node_config.money import Denom


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """A meter to register."""

    meter_id: str
    feeder: str
    capacity_w: int
    # Of blockenergy.registry.v1.EnergySource.
    energy_source: int


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody to register, still without keys."""

    # Numbers of blockenergy.registry.v1.Role, in ascending order.
    roles: tuple[int, ...]
    # In the smallest unit of the settlement denomination.
    amount: int
    meter: MeterPlan | None
    # Fields of blockenergy.storage.v1.Battery; empty: no battery.
    battery: Mapping[str, int]


def parse_participants(tables: Mapping[str, Any], denom: Denom) -> dict[str, Participant]:
    """Participants by name; raises KeyError, TypeError or ValueError for what is none."""
    return {name: _parse(denom, **table) for name, table in tables.items()}


def _parse(
    denom: Denom,
    *,
    roles: str,
    amount: str,
    meter: Mapping[str, Any] | None = None,
    battery: Mapping[str, int] | None = None,
) -> Participant:
    plan = None if meter is None else _parse_meter(**meter)
    return Participant(parse_roles(roles), denom.parse(amount), plan, battery or {})


def _parse_meter(
    *,
    id: str,  # noqa: A002 - the name in the file.
    feeder: str,
    capacity_w: int,
    energy_source: str = "unspecified",
) -> MeterPlan:
    source = EnergySource.Value(f"ENERGY_SOURCE_{energy_source.upper()}")
    return MeterPlan(id, feeder, capacity_w, source)
