"""The history of a meter's slots: versions are added until the close, and never replaced.

raw        what a meter or its sender said; late values and corrections are versions as well
estimate   only where there is nothing reliable
edit       what a person decided, with the reason
close      from then on a slot is as it is: what comes later is a correction beside it
"""

from __future__ import annotations

from collections.abc import Iterable

from meter_bridge.vee.slots import RELIABLE, Quality, Slot, Version


class ClosedError(Exception):
    """A slot is closed. The text is one sentence."""


class History:
    """Slots by number. Methods raise ClosedError for slots before `closed_before`."""

    def __init__(self, slots: Iterable[Slot] = (), closed_before: int = 0) -> None:
        self._slots = {slot.number: slot for slot in slots}
        self._closed_before = closed_before
        # What came after the close: the difference to what was valid then, by slot.
        self.corrections: dict[int, int] = {}

    def get(self, number: int) -> Slot:
        """A slot; without versions if nothing is known of it."""
        return self._slots.get(number, Slot(number))

    def list_missing(self, numbers: range) -> list[Slot]:
        """The slots of a range that have no reliable value and no estimate."""
        slots = [self.get(number) for number in numbers]
        return [slot for slot in slots if slot.energy_wh is None]

    def close(self, before: int) -> None:
        """Closes all slots before one. What is closed stays closed."""
        self._closed_before = max(self._closed_before, before)

    def record(self, number: int, energy_wh: int, quality: Quality = Quality.MEASURED) -> bool:
        """Adds what a meter said; False if that is known. After the close it is a correction."""
        slot = self.get(number)
        version = Version(energy_wh, quality)
        if version in slot.versions:
            return False
        if number < self._closed_before:
            self.corrections[number] = energy_wh - (slot.energy_wh or 0)
            return True
        self._add(slot, version)
        return True

    def suspect(self, number: int, reason: str) -> None:
        """Marks the valid value as doubtful; an estimate may then stand in for it."""
        slot = self._require_open(number)
        if slot.energy_wh is not None:
            self._add(slot, Version(slot.energy_wh, Quality.SUSPECT, reason))

    def estimate(self, slots: Iterable[Slot]) -> None:
        """Takes in what `estimate_gap` has made; reliable values are left as they are."""
        for estimated in slots:
            slot = self._require_open(estimated.number)
            if estimated.quality is Quality.ESTIMATED and slot.quality not in RELIABLE:
                self._add(slot, estimated.versions[-1])

    def edit(self, number: int, energy_wh: int, reason: str) -> None:
        """Sets a value by hand; the reason stays with it."""
        assert reason, "an edit has a reason"
        self._add(self._require_open(number), Version(energy_wh, Quality.EDITED, reason))

    def _require_open(self, number: int) -> Slot:
        if number < self._closed_before:
            raise ClosedError(f"Slot {number} is closed; enter a correction instead.")
        return self.get(number)

    def _add(self, slot: Slot, version: Version) -> None:
        self._slots[slot.number] = Slot(slot.number, (*slot.versions, version))
