"""Another day than the built-in one: how many homes, at which prices, with which profiles.

A file of profiles is a CSV with a row per hour, 0 to 23, and the header `hour,load_w,pv_w`: the
mean power of a household of 4,000 kWh a year, and of a PV system of 1 kW peak. Both are scaled to
each home, whose load still deviates from one quarter of an hour to the next.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from client.errors import MissingError, UsageError
from node_config.demo.home.homes import HOMES, HOURS, QUARTERS_PER_HOUR, ComputeLoad, ComputePv
from node_config.preset import Preset

HEADER = ["hour", "load_w", "pv_w"]
HOMES_MAX = 60
PROFILE_KWH, PROFILE_PEAK_W = 4_000, 1_000
POWER_MAX_W = 1_000_000


@dataclass(frozen=True, slots=True)
class Profiles:
    """Watts per hour of the day."""

    load_w: Sequence[int]
    pv_w: Sequence[int]

    def compute_load_wh(self, annual_kwh: int, factors: Sequence[float]) -> list[int]:
        """The use of a household per quarter of an hour."""
        return [
            round(self.load_w[number // QUARTERS_PER_HOUR] * annual_kwh * factor)
            // (PROFILE_KWH * QUARTERS_PER_HOUR)
            for number, factor in enumerate(factors)
        ]

    def compute_pv_wh(self, peak_w: int, _azimuth_degrees: int) -> list[int]:
        """The output of a PV system per quarter of an hour, whatever its direction."""
        return [
            power_w * peak_w // (PROFILE_PEAK_W * QUARTERS_PER_HOUR)
            for power_w in self.pv_w
            for _ in range(QUARTERS_PER_HOUR)
        ]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is not as built in; None: it is."""

    homes: int = HOMES
    # Millionths per kWh.
    price_low_per_kwh: int | None = None
    price_high_per_kwh: int | None = None
    profiles: Profiles | None = None

    def apply(self, preset: Preset) -> Preset:
        """The preset with the scenario's prices; the chain checks them."""
        names = ("price_low_per_kwh", "price_high_per_kwh")
        prices = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        market = {**preset.params["market"], **prices}
        return replace(preset, params={**preset.params, "market": market})

    def get_profiles(self) -> tuple[ComputeLoad, ComputePv]:
        """The functions that give a home its day."""
        if self.profiles is not None:
            return self.profiles.compute_load_wh, self.profiles.compute_pv_wh
        # Only these need the demonstration's libraries for profiles.
        from node_config.demo.home.profiles import compute_load_wh, compute_pv_wh

        return compute_load_wh, compute_pv_wh


def read_profiles(path: Path) -> Profiles:
    """The profiles of a file; raises MissingError, or UsageError with the line and the reason."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise MissingError(f"{path} cannot be read: {error.strerror}") from error
    except (csv.Error, ValueError) as error:
        raise UsageError(f"{path} is not a CSV file: {error}") from error
    if not rows or rows[0] != HEADER:
        raise UsageError(f"{path}: the first line is not {','.join(HEADER)}")
    if len(rows) != HOURS + 1:
        raise UsageError(f"{path}: {len(rows) - 1} hours instead of {HOURS}")
    hours = [_parse(path, hour, cells) for hour, cells in enumerate(rows[1:])]
    return Profiles([load for load, _ in hours], [pv for _, pv in hours])


def _parse(path: Path, hour: int, cells: list[str]) -> tuple[int, int]:
    good = all(cell.isascii() and cell.isdigit() and len(cell) < 9 for cell in cells)
    if not good or len(cells) != len(HEADER) or int(cells[0]) != hour:
        raise UsageError(f"{path}: line {hour + 2} is not the hour {hour} and two numbers of watts")
    load_w, pv_w = int(cells[1]), int(cells[2])
    if max(load_w, pv_w) > POWER_MAX_W:
        raise UsageError(f"{path}: line {hour + 2} has more than {POWER_MAX_W} W")
    return load_w, pv_w
