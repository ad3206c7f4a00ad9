"""Validation of metering in a genesis document."""

from __future__ import annotations

from blockenergy.metering.v1 import state_pb2

from chain import registry
from chain.metering.state import BASELINES, CONFLICTS, HALTS, OFFSETS, PARAMS
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import AMOUNT_MAX

_TIME_MAX_S = 1 << 40


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless slots and deadlines make sense."""
    for params in PARAMS.list_all(state):
        _validate(params)


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless conflicts can be counted on, and registers be continued."""
    for (slot, meter_id), conflict in CONFLICTS.items(state):
        if conflict.count > AMOUNT_MAX:
            raise GenesisError(f"metering.conflicts {slot}, {meter_id}: too many to count on")
    for from_s, halt in HALTS.items(state):
        if not from_s < halt.until_s <= _TIME_MAX_S:
            raise GenesisError(f"metering.halts {from_s}: it does not end after its beginning")
    for meter_id, baseline in BASELINES.items(state):
        if baseline.silent_slots > AMOUNT_MAX or not baseline.silent_slots:
            raise GenesisError(f"metering.baselines {meter_id}: no number of silent slots")
        if baseline.price_low_per_kwh > baseline.price_high_per_kwh:
            raise GenesisError(f"metering.baselines {meter_id}: the prices are in the wrong order")
    for meter_id, offset in OFFSETS.items(state):
        meter = registry.get_meter(state, meter_id)
        size_wh = registry.get_register_size_wh(meter) if meter else 0
        largest_wh = max(
            offset.import_wh, offset.export_wh, offset.former_import_wh, offset.former_export_wh
        )
        if largest_wh >= size_wh:
            raise GenesisError(f"metering.offsets {meter_id}: more than a register of it can show")


def _validate(params: state_pb2.Params) -> None:
    if not 0 < params.slot_length_s <= 86_400:
        raise GenesisError("metering.params.slot_length_s: 1 to 86400 is expected")
    if not 0 < params.represented_duration_s <= 86_400:
        raise GenesisError("metering.params.represented_duration_s: 1 to 86400 is expected")
    if not 0 < params.reading_deadline_s <= 31 * 86_400:
        raise GenesisError("metering.params.reading_deadline_s: 1 to 2678400 is expected")
    if not 0 < params.readings_per_message_max <= 10_000:
        raise GenesisError("metering.params.readings_per_message_max: 1 to 10000 is expected")
    if params.capacity_tolerance_permille > 1000:
        raise GenesisError("metering.params.capacity_tolerance_permille: max 1000")
    if not 0 < params.silent_slots_max <= 100_000:
        raise GenesisError("metering.params.silent_slots_max: 1 to 100000 is expected")
    if not 0 < params.halt_min_s <= 31 * 86_400:
        raise GenesisError("metering.params.halt_min_s: 1 to 2678400 is expected")
    if params.estimate_permille > 1000:
        raise GenesisError("metering.params.estimate_permille: max 1000")
