"""Quantiles that cover what they say: each is shifted by its own error of the last weeks."""

from __future__ import annotations

import numpy as np

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
CALIBRATION_DAYS = 28
SAMPLES_MIN = 100


def find_shifts(quantiles: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """What to add to each quantile of each series: the same quantile of its errors.

    `quantiles` is (quantile, series, ...), `actual` (series, ...), as shares of the level. This is
    split-conformal: the errors are those of forecasts made before the values were known. A series
    with too few errors is not shifted.
    """
    errors = (actual[None] - quantiles).reshape(*quantiles.shape[:2], -1)
    shifts = np.zeros(quantiles.shape[:2])
    for series in range(quantiles.shape[1]):
        for number, level in enumerate(QUANTILES):
            own = errors[number, series]
            own = own[np.isfinite(own)]
            if own.size >= SAMPLES_MIN:
                shifts[number, series] = np.quantile(own, level)
    return shifts


def sort_quantiles(quantiles: np.ndarray) -> np.ndarray:
    """Quantiles in rising order: models of their own may cross."""
    found: np.ndarray = np.sort(quantiles, axis=0)
    return found


def take_quantiles(values: np.ndarray, axis: int) -> np.ndarray:
    """The nine quantiles of known values along an axis, as the first axis; NaN where none are."""
    good = np.isfinite(values).any(axis=axis, keepdims=True)
    found = np.nanquantile(np.where(good, values, 0.0), QUANTILES, axis=axis)
    return np.where(good.squeeze(axis)[None], found, np.nan)
