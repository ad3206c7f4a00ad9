"""Colours that also differ in brightness, for colour-blind readers, and how to save a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from client.errors import MissingError

ACTUAL, FORECAST, SIMPLE, BAND = "#1d3557", "#c1452f", "#9a9a9a", "#f2b701"
DPI = 120


def save(path: Path, title: str, panels: int, draw: Callable[[Any], None], height: float) -> None:
    """Writes a PNG with panels below each other, which `draw` gets as a list."""
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(9.5, height), layout="constrained")
        axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
        figure.suptitle(title, fontweight="bold")
        draw(axes)
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
        try:
            figure.savefig(path, dpi=DPI)
        except OSError as error:
            raise MissingError(f"{path}: {error.strerror}") from None
