"""The statuses of a device, as a table."""

from __future__ import annotations

from enum import Enum

from blockenergy.carbon.v1 import state_pb2

from chain.runtime.lifecycle import Lifecycle


class Event(Enum):
    """What a certifier does to a device."""

    SUSPEND = "suspended by a certifier"
    REINSTATE = "reinstated by a certifier"


DEVICE = Lifecycle(
    "device",
    state_pb2.DEVICE_STATUS_IN_FORCE,
    {
        (state_pb2.DEVICE_STATUS_IN_FORCE, Event.SUSPEND): state_pb2.DEVICE_STATUS_SUSPENDED,
        (state_pb2.DEVICE_STATUS_SUSPENDED, Event.REINSTATE): state_pb2.DEVICE_STATUS_IN_FORCE,
    },
    state_pb2.DeviceStatus.Name,
)
