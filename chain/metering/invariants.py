"""Invariants of readings."""

from __future__ import annotations

from chain import registry
from chain.metering.state import BASELINES, CONFLICTS, OFFSETS, READINGS
from chain.runtime.state.collections import HasStore


def known_meters(state: HasStore) -> list[str]:
    """Every reading, baseline and offset belongs to a meter that was registered."""
    meters = {meter_id for (_, meter_id), _ in READINGS.items(state)}
    meters |= {meter_id for meter_id, _ in BASELINES.items(state)}
    meters |= {meter_id for meter_id, _ in OFFSETS.items(state)}
    return [
        f"no meter {meter_id}"
        for meter_id in sorted(meters)
        if registry.get_meter(state, meter_id) is None
    ]


def conflicts(state: HasStore) -> list[str]:
    """Every conflict belongs to a reading with other content."""
    return [
        f"the conflict of {key} is none"
        for key, conflict in CONFLICTS.items(state)
        if READINGS.get(state, key) in (None, conflict.registers)
    ]


def offsets(state: HasStore) -> list[str]:
    """What continues the registers of a meter is less than their size."""
    return [
        f"the offset of {meter_id} is out of range"
        for meter_id, offset in OFFSETS.items(state)
        if (meter := registry.get_meter(state, meter_id)) is not None
        and max(offset.import_wh, offset.export_wh) >= registry.get_register_size_wh(meter)
    ]


def silence(state: HasStore) -> list[str]:
    """Every meter with a baseline was silent, and whoever may not trade for it is its owner."""
    problems = []
    for meter_id, baseline in BASELINES.items(state):
        meter = registry.get_meter(state, meter_id)
        if not baseline.silent_slots:
            problems.append(f"{meter_id} has a baseline and was not silent")
        if baseline.barred and meter is not None and baseline.barred != meter.owner:
            problems.append(f"{meter_id} bars an account that is not its owner")
    return problems
