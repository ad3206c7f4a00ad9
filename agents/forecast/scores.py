"""How good a forecast was. Slots that were not measured do not count."""

from __future__ import annotations

import numpy as np

from agents.forecast.bands import QUANTILES


def compute_nmae(actual: np.ndarray, forecast: np.ndarray) -> float | None:
    """The mean absolute error as a share of the mean absolute value; None without any value."""
    good = np.isfinite(actual) & np.isfinite(forecast)
    level = float(np.abs(actual[good]).mean()) if good.any() else 0.0
    if level <= 0.0:
        return None
    return float(np.abs(actual[good] - forecast[good]).mean()) / level


def compute_pinball(actual: np.ndarray, quantiles: np.ndarray) -> float | None:
    """The mean pinball loss over the quantiles as a share of the mean absolute value."""
    good = np.isfinite(actual) & np.isfinite(quantiles).all(axis=0)
    level = float(np.abs(actual[good]).mean()) if good.any() else 0.0
    if level <= 0.0:
        return None
    error = actual[good] - quantiles[:, good]
    share = np.array(QUANTILES)[:, None]
    return float(np.maximum(share * error, (share - 1.0) * error).mean()) / level


def compute_coverage(actual: np.ndarray, quantiles: np.ndarray) -> float | None:
    """The share of values within the lowest and the highest quantile."""
    good = np.isfinite(actual) & np.isfinite(quantiles).all(axis=0)
    if not good.any():
        return None
    inside = (actual[good] >= quantiles[0][good]) & (actual[good] <= quantiles[-1][good])
    return float(inside.mean())
