"""Registers for meters that show none: sums of intervals, or of power over time. Pure.

Such registers start where the configuration says, never go back, and their readings are marked as
derived. What is missing is not guessed: a gap ends the sum until it is filled, and a slot in which
power was not heard of has no reading, so that the chain's own rules for missing readings apply.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from meter_bridge.formats.telegram import Interval

# Counted intervals that may still be corrected.
CORRECTABLE_MAX = 400
# Longer silences are not bridged.
SILENCE_MAX_S = 30
COVERAGE_PERMILLE_MIN = 900
MILLIWATT_SECONDS_PER_WH = 3_600_000


@dataclass(frozen=True)
class Sum:
    """What registers show at a moment."""

    time_s: int
    import_wh: int
    export_wh: int


@dataclass
class Direction:
    """The register of one direction, made of intervals."""

    total_wh: int = 0
    # Where the next interval has to begin; None before the first one.
    until_s: int | None = None
    # Energy by start of the latest intervals.
    counted: dict[str, int] = field(default_factory=dict)
    # The most that was ever shown.
    shown_wh: int = 0

    def add(self, intervals: Sequence[Interval]) -> list[tuple[int, int]]:
        """Counts intervals that continue the sum; returns end and register of each new one."""
        shown = []
        for one in sorted(intervals, key=lambda interval: interval.start_s):
            start = str(one.start_s)
            if start in self.counted:
                # A correction shows in the next register.
                self.total_wh += one.energy_wh - self.counted[start]
                self.counted[start] = one.energy_wh
            elif self.until_s is None or one.start_s == self.until_s:
                self.total_wh += one.energy_wh
                self.counted[start] = one.energy_wh
                self.until_s = one.start_s + one.length_s
                self.shown_wh = max(self.shown_wh, self.total_wh)
                shown.append((self.until_s, self.shown_wh))
        for start in list(self.counted)[: max(0, len(self.counted) - CORRECTABLE_MAX)]:
            del self.counted[start]
        return shown


@dataclass
class IntervalSum:
    """Both registers of a meter, made of intervals."""

    imported: Direction
    exported: Direction

    @classmethod
    def start(cls, import_wh: int, export_wh: int) -> IntervalSum:
        """Registers that begin somewhere."""
        return cls(
            Direction(import_wh, shown_wh=import_wh), Direction(export_wh, shown_wh=export_wh)
        )

    @classmethod
    def load(cls, text: str) -> IntervalSum:
        """What `dump` has written."""
        content: dict[str, dict[str, Any]] = json.loads(text)
        return cls(Direction(**content["imported"]), Direction(**content["exported"]))

    def dump(self) -> str:
        """The state as text."""
        return json.dumps(asdict(self))

    def add(self, intervals: Sequence[Interval]) -> list[Sum]:
        """Counts intervals; returns what the registers show at the end of each new import."""
        exported = dict(self.exported.add([one for one in intervals if one.is_export]))
        imported = self.imported.add([one for one in intervals if not one.is_export])
        if not imported:
            return []
        known_wh = self.exported.shown_wh
        sums, first = [], min(exported, default=None)
        for end_s, import_wh in imported:
            if first is not None and end_s >= first:
                known_wh = max(wh for at_s, wh in exported.items() if at_s <= end_s)
            elif first is not None:
                known_wh = min(exported.values())
            sums.append(Sum(end_s, import_wh, known_wh))
        return sums

    def find_gap_s(self, intervals: Sequence[Interval]) -> int | None:
        """Where the import is missing that later intervals wait for; None if nothing is."""
        until_s = self.imported.until_s
        later = [one for one in intervals if not one.is_export and until_s is not None]
        return until_s if any(one.start_s > (until_s or 0) for one in later) else None


@dataclass
class PowerSum:
    """Both registers of a meter, made of power over time; positive power is import."""

    import_mws: int
    export_mws: int
    time_s: int | None = None
    power_mw: int = 0
    # Seconds that were heard of, by slot.
    slot: int = -1
    heard_s: int = 0

    @classmethod
    def start(cls, import_wh: int, export_wh: int) -> PowerSum:
        """Registers that begin somewhere."""
        return cls(import_wh * MILLIWATT_SECONDS_PER_WH, export_wh * MILLIWATT_SECONDS_PER_WH)

    @classmethod
    def load(cls, text: str) -> PowerSum:
        """What `dump` has written."""
        return cls(**json.loads(text))

    def dump(self) -> str:
        """The state as text."""
        return json.dumps(asdict(self))

    def add(self, time_s: int, power_mw: int, slot_length_s: int) -> Sum | None:
        """Counts a frame; returns what the registers show at the end of a slot that has just ended,
        if nearly all of it was heard of.
        """
        before_s, before_mw = self.time_s, self.power_mw
        if before_s is not None and time_s <= before_s:
            return None
        self.time_s, self.power_mw = time_s, power_mw
        if before_s is None or time_s - before_s > SILENCE_MAX_S:
            self.slot, self.heard_s = time_s // slot_length_s, 0
            return None
        end_s = (before_s // slot_length_s + 1) * slot_length_s
        if time_s < end_s:
            self._count(before_s, time_s, before_mw, power_mw)
            self.heard_s += time_s - before_s
            return None
        # Power changes evenly between frames.
        middle_mw = before_mw + (power_mw - before_mw) * (end_s - before_s) // (time_s - before_s)
        self._count(before_s, end_s, before_mw, middle_mw)
        is_heard = 1000 * (self.heard_s + end_s - before_s) >= COVERAGE_PERMILLE_MIN * slot_length_s
        found = Sum(
            end_s,
            self.import_mws // MILLIWATT_SECONDS_PER_WH,
            self.export_mws // MILLIWATT_SECONDS_PER_WH,
        )
        self._count(end_s, time_s, middle_mw, power_mw)
        self.slot, self.heard_s = time_s // slot_length_s, time_s - end_s
        return found if is_heard else None

    def _count(self, from_s: int, to_s: int, from_mw: int, to_mw: int) -> None:
        energy_mws = (from_mw + to_mw) * (to_s - from_s) // 2
        if energy_mws > 0:
            self.import_mws += energy_mws
        else:
            self.export_mws -= energy_mws
