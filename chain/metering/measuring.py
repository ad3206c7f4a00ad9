"""What meters measured from one recorded reading to another, whatever was settled of it."""

from __future__ import annotations

from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import registry
from chain.metering import rules
from chain.metering.keeper import SlotEnergy
from chain.metering.state import READINGS
from chain.runtime.state.collections import HasStore


def measure_check_meter(state: HasStore, slot: int, meter_id: str) -> SlotEnergy | None:
    """What a check meter measured in a slot; None without a reading at its beginning or end."""
    before, after = (READINGS.get(state, (one, meter_id)) for one in (slot - 1, slot))
    if before is None or after is None:
        return None
    meter = _require_meter(state, meter_id)
    size_wh = registry.get_register_size_wh(meter)
    import_wh = rules.compute_step(before.import_wh, after.import_wh, size_wh)
    export_wh = rules.compute_step(before.export_wh, after.export_wh, size_wh)
    return SlotEnergy(meter_id, import_wh, export_wh, meter.feeder)


def get_import_register(state: HasStore, slot: int, meter_id: str) -> tuple[int, int]:
    """The import register of a recorded reading, in Wh, and what registers are counted modulo."""
    registers = READINGS.get_shared(state, (slot, meter_id))
    assert registers is not None, "there is no such reading"
    return registers.import_wh, registry.get_register_size_wh(_require_meter(state, meter_id))


def _require_meter(state: HasStore, meter_id: str) -> registry_pb2.Meter:
    meter = registry.get_meter(state, meter_id)
    assert meter is not None, "a meter is looked at that was never registered"
    return meter
