"""From readings of registers to intervals without a gap: each slot has energy and a quality."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from meter_bridge.vee.estimate import Known, estimate_gap
from meter_bridge.vee.slots import Quality, Registers, Slot, Version
from meter_bridge.vee.validate import Limits, compute_energy, validate_interval


@dataclass(frozen=True)
class Intervals:
    """Consecutive slots of one meter."""

    imported: tuple[Slot, ...]
    exported: tuple[Slot, ...]


def make_intervals(readings: Mapping[int, Registers], limits: Limits) -> Intervals:
    """The slots behind the first reading up to the last one. Where readings are missing, the energy
    between those on both sides is spread over the gap; a value that a check rejects or doubts is
    marked as suspect.
    """
    imported = make_direction(
        {slot: one.import_wh for slot, one in readings.items()}, readings, limits
    )
    exported = make_direction(
        {slot: one.export_wh for slot, one in readings.items()}, readings, limits
    )
    return Intervals(tuple(imported), tuple(exported))


def make_direction(
    registers_wh: Mapping[int, int], readings: Mapping[int, Registers], limits: Limits
) -> list[Slot]:
    """The slots of one direction."""
    slots: list[Slot] = []
    numbers = sorted(registers_wh)
    for before, after in itertools.pairwise(numbers):
        size_wh = readings[before].size_wh
        energy_wh = compute_energy(registers_wh[before], registers_wh[after], size_wh)
        gap = [Slot(number) for number in range(before + 1, after + 1)]
        if energy_wh is None:
            # A register that went back says nothing about this time.
            slots += gap
        elif len(gap) == 1:
            slots.append(mark(Slot(after, (Version(energy_wh, Quality.MEASURED),)), slots, limits))
        else:
            slots += estimate_gap(gap, Known(register_wh=energy_wh))
    return slots


def mark(slot: Slot, before: list[Slot], limits: Limits) -> Slot:
    """The slot, suspect if a check has found something."""
    findings = validate_interval(slot, before[-limits.zero_slots :], [], [], limits)
    if not findings or slot.energy_wh is None:
        return slot
    version = Version(slot.energy_wh, Quality.SUSPECT, findings[0].check)
    return Slot(slot.number, (*slot.versions, version))
