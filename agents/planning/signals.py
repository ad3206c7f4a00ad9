"""Price and carbon of the next slots, from what was known before each."""

from __future__ import annotations

import numpy as np

from agents.observation import DAYS_PER_WEEK

CARBON_DAYS = 3
# How much of the last error is left a slot later.
MEMORY = 0.8


def predict_price(price: np.ndarray, per_day: int) -> np.ndarray:
    """The tariff of a week before, in the first week the last price: (slots, horizon)."""
    found = _lag(price, DAYS_PER_WEEK * per_day, per_day)
    return np.where(np.isfinite(found), found, _last(price)[:, None])


def predict_carbon(carbon: np.ndarray, per_day: int) -> np.ndarray:
    """The mean of the same slot of three days, moved by what it was last off: (slots, horizon)."""
    days = [_lag(carbon, day * per_day, per_day) for day in range(1, CARBON_DAYS + 1)]
    usual = np.stack(days)
    count = np.isfinite(usual).sum(axis=0)
    total = np.nan_to_num(usual).sum(axis=0)
    expected = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    last = _last(carbon)
    off = np.nan_to_num(last - np.concatenate(([np.nan], expected[:-1, 0])))
    moved = expected + off[:, None] * MEMORY ** (1 + np.arange(per_day))
    return np.where(np.isfinite(moved), moved, last[:, None])


def _lag(values: np.ndarray, lag: int, horizon: int) -> np.ndarray:
    same = np.arange(len(values))[:, None] + np.arange(horizon) - lag
    return np.where(same >= 0, values[np.clip(same, 0, len(values) - 1)], np.nan)


def _last(values: np.ndarray) -> np.ndarray:
    """The value before each slot; before the first, where nothing is known, the same for all."""
    return np.concatenate(([1.0], values[:-1]))
