"""Check meters: one for a feeder at most, owned by its operator."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.registry.v1 import tx_pb2

from chain.registry.keeper import RegistryError
from chain.registry.state import FEEDERS, FEEDERS_BY_CHECK_METER
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore


def get_check_meters(state: HasStore) -> Iterator[tuple[str, str]]:
    """(meter id, feeder) of all check meters."""
    return FEEDERS_BY_CHECK_METER.items(state)


def require_possible(state: HasStore, msg: tx_pb2.MsgAddMeter) -> None:
    """Rejects a check meter of a known feeder that has one, or of another owner."""
    feeder = FEEDERS.get_shared(state, msg.feeder)
    assert feeder is not None, "the feeder was not looked up"
    possible = not feeder.check_meter and feeder.operator == msg.owner
    require(possible, RegistryError.CHECK_METER_INVALID)
