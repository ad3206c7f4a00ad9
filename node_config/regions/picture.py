"""The demonstration as one picture: prices of both regions, round by round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from node_config.regions.play import Results

# Colours that also differ in brightness, for colour-blind readers.
NORTH, SOUTH, FLOW = "#a66f00", "#1d3557", "#2f8f6b"
DPI = 150
_PER_CENT = 10_000


def draw(path: Path, results: Results) -> None:
    """Writes a PNG with a column for each slot: prices above, the line below."""
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        count = len(results.hours)
        figure = Figure(figsize=(1.7 * count + 1.2, 5.4), layout="constrained")
        panels = figure.subplots(
            2, count, sharex=True, sharey="row", gridspec_kw={"height_ratios": [2, 1]}
        )
        figure.suptitle(
            "Two regions with a tie line: prices meet, or the line is full", fontweight="bold"
        )
        for place, hour in enumerate(results.hours):
            _draw_prices(panels[0][place], results, place, f"{hour}:00")
            _draw_flow(panels[1][place], results, place)
        panels[0][0].set_ylabel("price in ct/kWh")
        panels[1][0].set_ylabel("kWh to the south")
        panels[0][0].legend(loc="upper left", frameon=False)
        figure.supxlabel("rounds of the operator")
        figure.savefig(path, dpi=DPI)


def _draw_prices(panel: Any, results: Results, place: int, title: str) -> None:
    rounds = range(len(results.rounds))
    north = [one.north[place] / _PER_CENT for one in results.rounds]
    south = [one.south[place] / _PER_CENT for one in results.rounds]
    panel.plot(rounds, south, color=SOUTH, marker="o", markersize=3, label="south, no PV")
    panel.plot(rounds, north, color=NORTH, marker="s", markersize=3, label="north, ten roofs")
    panel.set_title(title, fontsize=9)
    panel.set_ylim(0, results.price_bounds[1] / _PER_CENT * 1.35)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_flow(panel: Any, results: Results, place: int) -> None:
    capacity = results.capacity_wh / 1000
    flow = [one.flow_wh[place] / 1000 for one in results.rounds]
    panel.axhline(capacity, color="#9a9a9a", linestyle=":", linewidth=1.2)
    panel.bar(range(len(flow)), flow, color=FLOW)
    panel.set_ylim(min(0, *flow), capacity * 1.2)
    panel.spines[["top", "right"]].set_visible(False)
