"""Validation, estimation and editing (VEE) of the intervals of one meter, as pure code.

    slots       what one slot is: registers, energy, quality, versions; days of 92, 96 and 100 slots
    validate    the checks, and what each of them makes of a slot
    estimate    what stands in for missing energy, scaled so that the register's sum is kept
    edit        a history in which nothing is overwritten

It promises: raw values stay as they were; an estimate never changes what a register says over a
gap; and the same slots give the same result, in whatever order they come. It is what a supplier
runs before billing, or before handing intervals on. The chain settles by its own rules and takes
readings only, so an estimate made here never becomes anybody's energy or money there.
"""

from meter_bridge.vee.edit import History
from meter_bridge.vee.estimate import estimate_gap
from meter_bridge.vee.slots import Quality, Registers, Slot, Version, list_day_slots
from meter_bridge.vee.validate import Finding, Limits, Verdict, validate_interval, validate_sum

__all__ = [
    "Finding",
    "History",
    "Limits",
    "Quality",
    "Registers",
    "Slot",
    "Verdict",
    "Version",
    "estimate_gap",
    "list_day_slots",
    "validate_interval",
    "validate_sum",
]
