"""How many attacked weeks are found at how many false alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from agents.pictures.style import ACTUAL, FORECAST, SIMPLE, save


def draw(path: Path, scores: np.ndarray, is_attacked: np.ndarray) -> None:
    """The ROC curve, and precision by recall."""
    known = np.isfinite(scores)
    false_rate, found_rate, _ = roc_curve(is_attacked[known], scores[known])
    precision, recall, _ = precision_recall_curve(is_attacked[known], scores[known])

    def fill(panels: list[Any]) -> None:
        panels[0].plot([0, 1], [0, 1], color=SIMPLE, linewidth=0.8, label="by chance")
        panels[0].plot(false_rate, found_rate, color=FORECAST, label="this detector")
        panels[0].set_xlabel("share of ordinary weeks that are called wrong")
        panels[0].set_ylabel("share of attacked weeks found")
        panels[0].legend(frameon=False)
        panels[1].plot(recall, precision, color=ACTUAL)
        panels[1].set_xlabel("share of attacked weeks found")
        panels[1].set_ylabel("share of alarms that are right")
        panels[1].set_ylim(0, 1.05)

    save(path, "Attacked weeks found", 2, fill, 8.0)
