"""Weights of several forecasts, learnt from what they would have cost in the last weeks."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

ROWS_MAX = 4_000


def find_weights(forecasts: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Weights >= 0 that add up to 1 and minimise the absolute error.

    `forecasts` has a row per forecast, `actual` the values; what is NaN anywhere is left out.
    Without any row the weights are equal. Of more than ROWS_MAX rows evenly spaced ones are taken.
    """
    count = len(forecasts)
    flat = forecasts.reshape(count, -1)
    truth = actual.reshape(-1)
    good = np.isfinite(truth) & np.isfinite(flat).all(axis=0)
    flat, truth = flat[:, good], truth[good]
    if truth.size < count or count == 1:
        return np.full(count, 1.0 / count)
    step = -(-truth.size // ROWS_MAX)
    flat, truth = flat[:, ::step], truth[::step]
    rows = truth.size
    # min sum(u + v) with flat' w + u - v = truth, sum w = 1: its dual has few rows, so this solves
    # max truth' y + z with flat y + z <= 0 and |y| <= 1; the weights are its multipliers.
    objective = np.concatenate((-truth, [-1.0]))
    matrix = np.column_stack((flat, np.ones(count)))
    bounds = [(-1.0, 1.0)] * rows + [(None, None)]
    solved = linprog(objective, A_ub=matrix, b_ub=np.zeros(count), bounds=bounds, method="highs")
    if solved.status != 0:
        return np.full(count, 1.0 / count)
    weights = np.maximum(-solved.ineqlin.marginals, 0.0)
    found: np.ndarray = weights / weights.sum()
    return found


def mix(forecasts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean; where a forecast is missing, of the others."""
    shape = (-1,) + (1,) * (forecasts.ndim - 1)
    good = np.isfinite(forecasts)
    share = np.where(good, weights.reshape(shape) + 1e-9, 0.0)
    total = share.sum(axis=0)
    value = (np.where(good, forecasts, 0.0) * share).sum(axis=0)
    return np.divide(value, total, out=np.full(total.shape, np.nan), where=total > 0)
