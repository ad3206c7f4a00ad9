"""A week of forecasts against what came: of one home, and of the sum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agents.forecast.backtest import Backtest
from agents.observation import DAYS_PER_WEEK
from agents.pictures.style import ACTUAL, BAND, FORECAST, SIMPLE, save

WH_PER_KWH = 1000.0


def draw(path: Path, found: Backtest) -> None:
    """The last week that was tested."""
    days = slice(max(found.first, found.cube.days - DAYS_PER_WEEK), found.cube.days)
    title = f"{found.settings.target.capitalize()} forecast a day ahead, and what came"

    def fill(panels: list[Any]) -> None:
        _draw_one(panels[0], found, 0, days)
        _draw_one(panels[1], found, len(found.names) - 1, days)
        panels[0].legend(loc="upper left", ncols=4, frameon=False)
        panels[1].set_xlabel("days of the week shown")

    save(path, title, 2, fill, 6.5)


def _draw_one(panel: Any, found: Backtest, series: int, days: slice) -> None:
    slots = found.actual.shape[2]
    count = days.stop - days.start
    at = np.arange(count * slots) / slots
    low, *_, high = (one[series, days].reshape(-1) / WH_PER_KWH for one in found.quantiles)
    panel.fill_between(at, low, high, color=BAND, alpha=0.35, label="10 to 90 %", linewidth=0)
    for values, colour, width, label in (
        (found.simple["yesterday"], SIMPLE, 0.8, "yesterday"),
        (found.point, FORECAST, 1.4, "forecast"),
        (found.actual, ACTUAL, 1.2, "what came"),
    ):
        line = values[series, days].reshape(-1) / WH_PER_KWH
        panel.plot(at, line, color=colour, linewidth=width, label=label)
    panel.set_ylabel(f"{found.names[series]}\nkWh per slot")
    panel.set_xlim(0, count)
