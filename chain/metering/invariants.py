"""Invariants of readings."""

from __future__ import annotations

from chain import registry
from chain.metering.state import BASELINES, CONFLICTS, READINGS
from chain.runtime.collections import HasStore


def known_meters(state: HasStore) -> list[str]:
    """Every reading and baseline belongs to a meter that was registered."""
    meters = {meter_id for (_, meter_id), _ in READINGS.items(state)}
    meters |= {meter_id for meter_id, _ in BASELINES.items(state)}
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


def baselines(state: HasStore) -> list[str]:
    """Meters are never settled below their last settled reading."""
    return [
        f"{meter_id} is settled below its reading"
        for meter_id, baseline in BASELINES.items(state)
        if baseline.settled_import_wh < baseline.import_wh
        or baseline.settled_export_wh < baseline.export_wh
    ]
