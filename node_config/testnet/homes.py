"""The simulated homes: what flows through each meter in each slot. Integers only, no clock.

A home's day is the same every day, so that its registers follow from the number of the slot alone:
the meters go on counting correctly however often, or for how long, they were stopped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from client.errors import MissingError
from client.files.json_input import parse_json

HOMES_MAX = 100
DAY_S, HOURS = 86_400, 24
FILE = "street.json"
# Watts by hour: a household with its morning and evening, and a roof of 1 kW peak in spring.
LOAD_W = (
    *(220, 200, 190, 190, 200, 260, 420, 560, 480, 380, 340, 360),
    *(420, 380, 340, 360, 460, 680, 860, 820, 700, 560, 400, 280),
)  # fmt: skip
PV_W = (0, 0, 0, 0, 0, 20, 80, 190, 330, 460, 560, 610, 620, 570, 480, 360, 220, 100, 30, *[0] * 5)
# Max deviation of a home's slot from the table, and of a forecast from the actual flow.
SPREAD_PERMILLE, ERROR_PERMILLE = 300, 80
_PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class Street:
    """The number of homes, their first slot, and the parameters that they need."""

    homes: int
    first_slot: int
    slot_length_s: int
    represented_duration_s: int
    reading_deadline_s: int
    price_low_per_kwh: int
    price_high_per_kwh: int

    def write(self, folder: Path) -> None:
        """Writes street.json."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Street:
        """From street.json; raises MissingError."""
        path = folder / FILE
        try:
            return cls(**parse_json(path.read_bytes()))
        except OSError as error:
            raise MissingError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise MissingError(f"{path} does not describe a street: {error}") from error

    @property
    def slots_per_day(self) -> int:
        """The number of slots that represent a day."""
        return max(1, DAY_S // self.represented_duration_s)


class SimulatedHome:
    """One home: its net use per slot, and its meter's registers."""

    def __init__(self, street: Street, number: int) -> None:
        self.meter_id = get_meter_id(number)
        self._street = street
        self._number = number
        self._net_use_wh = [self._compute_net_use_wh(slot) for slot in range(street.slots_per_day)]
        self._import_wh = list(accumulate((max(use, 0) for use in self._net_use_wh), initial=0))
        self._export_wh = list(accumulate((max(-use, 0) for use in self._net_use_wh), initial=0))

    def get_net_use_wh(self, slot: int) -> int:
        """Net energy of a slot in Wh; negative is export."""
        return self._net_use_wh[slot % len(self._net_use_wh)]

    def forecast_wh(self, slot: int) -> int:
        """The home's forecast of a slot, a few percent off the actual flow."""
        error = self._draw(f"forecast {slot}", ERROR_PERMILLE)
        return self.get_net_use_wh(slot) * (_PERMILLE + error) // _PERMILLE

    def compute_registers_wh(self, slot: int) -> tuple[int, int]:
        """The registers at the end of a slot: import and export since the first slot."""
        first, after = self._street.first_slot, max(self._street.first_slot, slot + 1)
        return (
            _count(self._import_wh, after) - _count(self._import_wh, first),
            _count(self._export_wh, after) - _count(self._export_wh, first),
        )

    def _compute_net_use_wh(self, slot: int) -> int:
        hour = slot * HOURS // self._street.slots_per_day
        factor = _PERMILLE + self._draw(f"use {slot}", SPREAD_PERMILLE)
        power_w = LOAD_W[hour] * factor // _PERMILLE
        if has_pv(self._number):
            power_w -= PV_W[hour] * (2 + self._number % 4)
        return power_w * self._street.represented_duration_s // 3600

    def _draw(self, purpose: str, reach: int) -> int:
        """A pseudo-random number from -reach to reach, the same every time."""
        digest = hashlib.sha256(f"{self.meter_id} {purpose}".encode()).digest()
        return int.from_bytes(digest[:8]) % (2 * reach + 1) - reach


def has_pv(number: int) -> bool:
    """Every second home produces."""
    return number % 2 == 1


def get_meter_id(number: int) -> str:
    """The equipment identifier of a home's meter."""
    return f"E0042{number:012d}"


def _count(sums: list[int], slots: int) -> int:
    """The sum over all slots before a slot, since slot 0."""
    days, rest = divmod(slots, len(sums) - 1)
    return days * sums[-1] + sums[rest]
