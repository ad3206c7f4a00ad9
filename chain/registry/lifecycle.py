"""The statuses of participants and meters, as tables."""

from __future__ import annotations

from enum import Enum

from blockenergy.registry.v1 import state_pb2

from chain.runtime.lifecycle import Lifecycle


class Event(Enum):
    """What the registrar does to an entry of the registry."""

    ADD = "registered again"
    SUSPEND = "suspended"
    REINSTATE = "reinstated"
    REMOVE = "removed"


_MOVES = {
    (state_pb2.STATUS_ACTIVE, Event.SUSPEND): state_pb2.STATUS_SUSPENDED,
    (state_pb2.STATUS_SUSPENDED, Event.REINSTATE): state_pb2.STATUS_ACTIVE,
    (state_pb2.STATUS_ACTIVE, Event.REMOVE): state_pb2.STATUS_REMOVED,
    (state_pb2.STATUS_SUSPENDED, Event.REMOVE): state_pb2.STATUS_REMOVED,
    # Of a meter only the id, once its last slot is settled.
    (state_pb2.STATUS_REMOVED, Event.ADD): state_pb2.STATUS_ACTIVE,
}
METER = Lifecycle("meter", state_pb2.STATUS_ACTIVE, _MOVES, state_pb2.Status.Name)
PARTICIPANT = Lifecycle("participant", state_pb2.STATUS_ACTIVE, _MOVES, state_pb2.Status.Name)
