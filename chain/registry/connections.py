"""What the connections of a participant carry, kept with the participant."""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.registry.v1 import state_pb2
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_UNSPECIFIED

from chain.registry.state import PARTICIPANTS
from chain.runtime.state.collections import HasStore


class Connections(NamedTuple):
    """The active meters of an account together, in W.

    capacity_w: what their connections carry, in either direction. source_capacity_w: what the
    energy sources of those that have one export.
    """

    capacity_w: int
    source_capacity_w: int


def get_connections(state: HasStore, address: bytes) -> Connections:
    """The connections of an account; without meters it has none."""
    participant = PARTICIPANTS.get_shared(state, address)
    if participant is None:
        return Connections(0, 0)
    return Connections(participant.capacity_w, participant.source_capacity_w)


def get_export_capacity_w(meter: state_pb2.Meter) -> int:
    """The most that a meter can measure as export."""
    return meter.export_capacity_w or meter.capacity_w


def add(owner: state_pb2.Participant, meter: state_pb2.Meter, sign: int) -> None:
    """Adds a meter, if it is active, to what its owner has, or, with -1, takes it away; the caller
    writes the owner.
    """
    if meter.status != state_pb2.STATUS_ACTIVE or meter.checks_feeder:
        return
    owner.capacity_w += sign * meter.capacity_w
    if meter.energy_source != ENERGY_SOURCE_UNSPECIFIED:
        owner.source_capacity_w += sign * get_export_capacity_w(meter)
