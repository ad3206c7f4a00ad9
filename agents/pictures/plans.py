"""A week of plans: the street with and without batteries, what they hold, and the price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agents.observation import Street
from agents.pictures.style import ACTUAL, BAND, FORECAST, SIMPLE, save
from agents.planning.year import Result


def draw(path: Path, street: Street, result: Result) -> None:
    """The last week that was planned."""
    per_day = street.grid.slots_per_day
    end = result.net_kwh.shape[1]
    days = slice(max(0, end - 7 * per_day), end)
    at = np.arange(days.stop - days.start) / per_day

    def fill(panels: list[Any]) -> None:
        without, with_ = (one[:, days].sum(axis=0) for one in (result.base_kwh, result.net_kwh))
        panels[0].plot(at, without, color=SIMPLE, label="without batteries")
        panels[0].plot(at, with_, color=ACTUAL, label="with batteries")
        panels[0].set_ylabel("net use of all homes\nkWh per slot")
        panels[0].legend(frameon=False, ncols=2)
        stored = result.stored_kwh[:, days].sum(axis=0)
        panels[1].fill_between(at, stored, color=BAND, alpha=0.5, linewidth=0)
        panels[1].set_ylabel("stored\nkWh")
        panels[2].plot(at, result.case.price[days], color=FORECAST, label="price")
        worth = result.worth[:, days].mean(axis=0)
        panels[2].plot(at, worth, color=SIMPLE, linewidth=0.9, label="worth to a home")
        panels[2].set_ylabel("per kWh")
        panels[2].legend(frameon=False, ncols=2)
        panels[2].set_xlabel("days of the week shown")
        for panel in panels:
            panel.set_xlim(0, at[-1] if at.size else 1)

    save(path, "Batteries of all homes, planned slot by slot", 3, fill, 8.0)
