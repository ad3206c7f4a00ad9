"""The week with the highest flow of a feeder: with and without curtailment, and its capacity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agents.grid.outlook import get_capacity_wh
from agents.grid.trial import Trial
from agents.observation import Street
from agents.pictures.style import ACTUAL, FORECAST, SIMPLE, save


def draw(path: Path, street: Street, trial: Trial, capacity_w: int) -> None:
    """That week."""
    per_week, per_day = street.grid.slots_per_week, street.grid.slots_per_day
    week = int(np.abs(trial.flow_wh).argmax()) // per_week
    days = slice(week * per_week, min((week + 1) * per_week, trial.flow_wh.size))
    at = np.arange(days.stop - days.start) / per_day
    capacity = get_capacity_wh(capacity_w, street.grid.slot_s) / 1000

    def fill(panels: list[Any]) -> None:
        panels[0].plot(at, trial.flow_wh[days] / 1000, color=SIMPLE, label="without curtailment")
        panels[0].plot(at, trial.flow_with_wh[days] / 1000, color=ACTUAL, label="with")
        for end in (capacity, -capacity):
            panels[0].axhline(end, color=FORECAST, linewidth=0.9)
        panels[0].set_ylabel("flow, import positive\nkWh per slot")
        panels[0].set_xlabel(f"days of week {week}")
        panels[0].legend(frameon=False, ncols=2)

    save(path, "A feeder and its capacity", 1, fill, 4.0)
