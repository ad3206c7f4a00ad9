"""The day of the demonstration: its slots, their hours, and the parameters in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node_config.demo.home.homes import HOURS
from node_config.preset import Preset


@dataclass(frozen=True, slots=True)
class Day:
    """Consecutive slots, each representing an hour from midnight on."""

    first_slot: int
    hours: int
    slot_length_s: int
    gate_closure_s: int
    reading_deadline_s: int
    horizon_slots: int
    price_low_per_kwh: int
    price_high_per_kwh: int

    @property
    def slots(self) -> range:
        """All slots of the day."""
        return range(self.first_slot, self.first_slot + self.hours)

    @property
    def genesis_time_s(self) -> int:
        """The time of the first block for which `first_slot` is the first that opens: its gate is
        open for one slot then.
        """
        return self.get_start_s(self.first_slot - 1) - self.gate_closure_s

    def get_hour(self, slot: int) -> int:
        """The hour of the day, 0 to 23."""
        return (slot - self.first_slot) % HOURS

    def get_start_s(self, slot: int) -> int:
        """When the delivery of a slot begins, in seconds since 1970."""
        return slot * self.slot_length_s

    def get_end_s(self, slot: int) -> int:
        """When it ends."""
        return (slot + 1) * self.slot_length_s

    def get_slots(self, hours: range) -> range:
        """The slots of some hours, if they belong to the day."""
        first = min(self.first_slot + hours.start, self.slots.stop)
        return range(first, min(self.first_slot + hours.stop, self.slots.stop))

    def get_tradable(self, slot: int, known: Sequence[int]) -> list[int]:
        """The slots of the day that are open while a slot is delivered."""
        last = min(slot + self.horizon_slots, self.slots.stop - 1)
        ahead = range(max(slot + 1, self.first_slot), last + 1)
        return [number for number in ahead if number in known]


def plan_day(preset: Preset, hours: int, not_before_s: float) -> Day:
    """The next day whose first block is not before a time."""
    metering, market = preset.params["metering"], preset.params["market"]
    length_s, gate_closure_s = metering["slot_length_s"], market["gate_closure_s"]
    begin_s = -(-int(not_before_s + 1 + gate_closure_s) // length_s)
    return Day(
        first_slot=begin_s + 1,
        hours=hours,
        slot_length_s=length_s,
        gate_closure_s=gate_closure_s,
        reading_deadline_s=metering["reading_deadline_s"],
        horizon_slots=market["horizon_slots"],
        price_low_per_kwh=market["price_low_per_kwh"],
        price_high_per_kwh=market["price_high_per_kwh"],
    )
