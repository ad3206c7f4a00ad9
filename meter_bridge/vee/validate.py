"""The checks of a slot, and what each makes of it. Names follow those of meter data management.

    missing, sum, spike, frozen, zero, high, negative, roll-over, prolonged estimation

A rejection means that the value cannot be true; a suspicion that somebody should look at it, or
that an estimate replaces it until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low

from meter_bridge.vee.slots import RELIABLE, Quality, Registers, Slot

PERMILLE = 1000
SECONDS_PER_HOUR = 3600
# The old register of a roll-over shows more than this of its size.
ROLL_OVER_PERMILLE = 900


class Verdict(StrEnum):
    """What a finding makes of a value."""

    REJECT = "reject"
    SUSPECT = "suspect"
    ESTIMATE = "estimate"
    ESCALATE = "escalate"


@dataclass(frozen=True)
class Finding:
    """What a check has found, in one sentence."""

    check: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class Limits:
    """What is possible or usual for a meter."""

    slot_length_s: int = 900
    # What the fuse of the connection lets through.
    fuse_w: int = 17_250
    # A spike is above this many times the middle of the daily peaks.
    spike_factor: int = 5
    # So many equal values in a row, but not zero, are frozen; so many zeros need a reason.
    frozen_slots: int = 16
    zero_slots: int = 96
    # High is above this share of the highest of the same weekday.
    high_permille: int = 2_000
    # Sums may differ by a unit of the register, or by this share.
    register_unit_wh: int = 1
    sum_permille: int = 5
    # So long may energy be estimated before somebody has to look.
    estimated_days_max: int = 3

    @property
    def energy_max_wh(self) -> int:
        """The most energy that a connection carries in a slot, rounded up."""
        return -(-self.fuse_w * self.slot_length_s // SECONDS_PER_HOUR)


def compute_energy(before_wh: int, after_wh: int, size_wh: int) -> int | None:
    """How far a register has moved, also through its roll-over; None if it went back."""
    if after_wh >= before_wh:
        return after_wh - before_wh
    if PERMILLE * before_wh > ROLL_OVER_PERMILLE * size_wh:
        return after_wh + size_wh - before_wh
    return None


def validate_registers(
    before: Registers, after: Registers, slots: int, limits: Limits
) -> list[Finding]:
    """Checks two readings that are so many slots apart."""
    findings = []
    pairs = (
        ("import", before.import_wh, after.import_wh),
        ("export", before.export_wh, after.export_wh),
    )
    for name, first_wh, last_wh in pairs:
        energy_wh = compute_energy(first_wh, last_wh, before.size_wh)
        if energy_wh is None:
            sentence = f"The {name} register went back from {first_wh} to {last_wh} Wh."
            findings.append(Finding("negative", Verdict.REJECT, sentence))
        elif energy_wh > slots * limits.energy_max_wh:
            sentence = f"The {name} of {energy_wh} Wh is more than the fuse lets through."
            findings.append(Finding("spike", Verdict.REJECT, sentence))
    return findings


def validate_interval(
    slot: Slot,
    before: Sequence[Slot],
    same_weekday_wh: Sequence[int],
    daily_peaks_wh: Sequence[int],
    limits: Limits,
) -> list[Finding]:
    """Checks the energy of one slot by those before it, and by other days."""
    energy_wh = slot.energy_wh
    if energy_wh is None:
        return [Finding("missing", Verdict.ESTIMATE, f"Slot {slot.number} has no value.")]
    if energy_wh < 0:
        return [Finding("negative", Verdict.REJECT, f"Slot {slot.number} has {energy_wh} Wh.")]
    findings = []
    if energy_wh > limits.energy_max_wh:
        sentence = f"{energy_wh} Wh are more than the fuse lets through in a slot."
        findings.append(Finding("spike", Verdict.REJECT, sentence))
    elif daily_peaks_wh and energy_wh > limits.spike_factor * median_low(daily_peaks_wh) > 0:
        sentence = f"{energy_wh} Wh are {limits.spike_factor} times the usual peak of a day."
        findings.append(Finding("spike", Verdict.SUSPECT, sentence))
    elif same_weekday_wh and PERMILLE * energy_wh > limits.high_permille * max(same_weekday_wh) > 0:
        sentence = f"{energy_wh} Wh are far above the same slot of other weeks."
        findings.append(Finding("high", Verdict.SUSPECT, sentence))
    return findings + find_repetition(energy_wh, before, limits)


def find_repetition(energy_wh: int, before: Sequence[Slot], limits: Limits) -> list[Finding]:
    """A value that has not changed for long; `before` in the order of time."""
    count = 1
    for slot in reversed(before):
        if slot.energy_wh != energy_wh or slot.quality not in RELIABLE:
            break
        count += 1
    if energy_wh and count >= limits.frozen_slots:
        sentence = f"The last {count} slots all have {energy_wh} Wh."
        return [Finding("frozen", Verdict.SUSPECT, sentence)]
    if not energy_wh and count >= limits.zero_slots:
        return [Finding("zero", Verdict.SUSPECT, f"The last {count} slots have no energy.")]
    return []


def validate_sum(energies_wh: Sequence[int], register_wh: int, limits: Limits) -> list[Finding]:
    """Compares intervals with what the register has advanced by over the same time."""
    difference_wh = abs(sum(energies_wh) - register_wh)
    tolerance_wh = max(limits.register_unit_wh, register_wh * limits.sum_permille // PERMILLE)
    if difference_wh <= tolerance_wh:
        return []
    sentence = (
        f"The intervals sum to {sum(energies_wh)} Wh, but the register moved {register_wh} Wh."
    )
    return [Finding("sum", Verdict.SUSPECT, sentence)]


def validate_estimates(slots: Sequence[Slot], limits: Limits) -> list[Finding]:
    """Whether a meter has been estimated for too long; slots in the order of time."""
    most = limits.estimated_days_max * 86_400 // limits.slot_length_s
    count = 0
    for slot in reversed(slots):
        if slot.quality is not Quality.ESTIMATED:
            break
        count += 1
    if count <= most:
        return []
    sentence = f"The last {count} slots are estimates; have the meter looked at."
    return [Finding("prolonged estimation", Verdict.ESCALATE, sentence)]
