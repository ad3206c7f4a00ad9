"""The results of the measurements as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot

OURS, PEER = "#1b6ca8", "#b0b7bf"


def draw(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draws what there are results of; returns the files."""
    paths = []
    for name, (make, needed) in _PICTURES.items():
        if needed in results:
            figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
            make(axes, results[needed])
            paths.append(folder / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
            pyplot.close(figure)
    return paths


def _draw_speed(axes: Any, result: Mapping[str, Any]) -> None:
    _draw_bars(axes, result, "per_second", "committed transfers per second")


def _draw_finality(axes: Any, result: Mapping[str, Any]) -> None:
    _draw_bars(axes, result, "finality_p95_s", "time to finality at a steady rate, p95 (s)")


def _draw_bars(axes: Any, result: Mapping[str, Any], figure: str, title: str) -> None:
    rows = [row for row in result["summary"] if row["figure"] == figure]
    labels = [f"{row['node']}, {row['validators']}" for row in rows]
    colors = [OURS if row["node"] == "BlockEnergy" else PEER for row in rows]
    bars = axes.barh(labels, [row["median"] for row in rows], color=colors)
    axes.bar_label(bars, fmt="{:,.4g}", padding=3)
    axes.set_title(f"{title}, by validators")
    axes.invert_yaxis()


def _draw_settlement(axes: Any, result: Mapping[str, Any]) -> None:
    meters = [row["meters"] for row in result["slots"]]
    settled = [row["settlement_cpu_s"] for row in result["slots"]]
    taken = [row["meters"] / row["readings_per_cpu_s"] for row in result["slots"]]
    axes.loglog(meters, taken, "s--", color=PEER, label="signed readings taken in")
    axes.loglog(meters, settled, "o-", color=OURS, label="slot settled")
    axes.set_xlabel("meters")
    axes.set_ylabel("seconds of one core")
    axes.legend()


def _draw_accounts(axes: Any, result: Mapping[str, Any]) -> None:
    accounts = [row["accounts"] for row in result["accounts"]]
    costs = [row["us_per_transfer"] for row in result["accounts"]]
    axes.semilogx(accounts, costs, "o-", color=OURS)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("accounts")
    axes.set_ylabel("processor time of a transfer (us)")


_PICTURES = {
    "speed": (_draw_speed, "network"),
    "finality": (_draw_finality, "network"),
    "settlement": (_draw_settlement, "settlement"),
    "accounts": (_draw_accounts, "accounts"),
}
