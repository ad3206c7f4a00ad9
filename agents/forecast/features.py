"""What a forecast is made from: the same slots of past days, levels, the fleet, the calendar.

All of it was known when the forecast was issued: for a day that begins `lead - 1` days after the
issue, nothing of the last `lead - 1` days before it. Energies are shares of the series' own level,
so that one model serves all homes.
"""

from __future__ import annotations

import numpy as np

from agents.forecast.cube import Cube, compute_scale, lag, trailing_mean
from agents.observation import DAYS_PER_WEEK

LAGS = (0, 1, 2, 3, 4, 5, 6, 13, 20)
WEEKS = (6, 13, 20, 27)
LAST_HOURS = 3
NAMES = (
    *(f"lag_{days + 1}d" for days in LAGS),
    "earlier", "later", "mean_7d", "mean_28d", "same_weekday", "spread_7d",
    "day_1", "day_2", "day_7", "level_7d", "last_hours", "last_hours_usual", "spread_28d",
    "fleet_1d", "fleet_7d", "fleet_day",
    "slot", "weekday", "is_weekend", "hour_of_yesterday_peak",
)  # fmt: skip


def make_features(
    cube: Cube, lead: int = 1, keep: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Features (series, days + lead, slots, features) in float32, and the scale of each day.

    Day `cube.days + lead - 1` is the one after the data that is forecast from all of it. `keep`
    says of which days there are to be features; the scale is that of all.
    """
    filled = cube.filled
    scale = compute_scale(filled, lead)
    chosen = np.arange(scale.shape[1])[keep]
    shape = (len(filled), chosen.size, filled.shape[2])
    relative = divide(np.ones_like(scale), scale)[:, keep, None]
    yesterday = lag(filled, lead, lead)
    mean_7d = trailing_mean(filled, DAYS_PER_WEEK, lead)
    mean_28d = trailing_mean(filled, 28, lead)
    square_7d = trailing_mean(filled**2, DAYS_PER_WEEK, lead)
    daily = filled.mean(axis=2, keepdims=True)
    per_hour = max(1, shape[2] // 24) * LAST_HOURS
    energies = [
        *(lag(filled, lead + days_back, lead) for days_back in LAGS),
        np.roll(yesterday, 1, axis=2),
        np.roll(yesterday, -1, axis=2),
        mean_7d,
        mean_28d,
        _mean_of([lag(filled, lead + days_back, lead) for days_back in WEEKS]),
        np.sqrt(np.maximum(square_7d - mean_7d**2, 0.0)),
        *(lag(daily, lead + days_back, lead) for days_back in (0, 1, 6)),
        trailing_mean(daily, DAYS_PER_WEEK, lead),
        yesterday[:, :, -per_hour:].mean(axis=2, keepdims=True),
        mean_7d[:, :, -per_hour:].mean(axis=2, keepdims=True),
        np.sqrt(
            np.maximum(trailing_mean(daily**2, 28, lead) - trailing_mean(daily, 28, lead) ** 2, 0)
        ),
    ]
    columns = [np.broadcast_to(one[:, keep] * relative, shape) for one in energies]
    moves = [one[:, keep] for one in (yesterday, mean_7d, lag(daily, lead, lead))]
    columns += _make_fleet(moves, relative, shape)
    columns += _make_calendar(cube.weekdays[chosen], yesterday[:, keep], shape)
    return np.stack([one.astype(np.float32) for one in columns], axis=-1), scale


def divide(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Shares of a level; NaN where there is none, as in a home that was never lived in."""
    level = np.broadcast_to(level, values.shape)
    return np.divide(values, level, out=np.full(values.shape, np.nan), where=level > 0)


def _make_fleet(
    moves: list[np.ndarray], relative: np.ndarray, shape: tuple[int, ...]
) -> list[np.ndarray]:
    """What all series did, each by its own level: a common move is more than noise."""
    return [np.broadcast_to(_mean_of(list(one * relative))[None], shape) for one in moves]


def _make_calendar(
    weekdays: np.ndarray, yesterday: np.ndarray, shape: tuple[int, ...]
) -> list[np.ndarray]:
    slots = np.arange(shape[2], dtype=np.float64)
    weekday = weekdays[:, None].astype(np.float64)
    peak = np.nan_to_num(yesterday, nan=-1.0).argmax(axis=2)[:, :, None].astype(np.float64)
    return [
        np.broadcast_to(one, shape)
        for one in (slots, weekday, weekday >= 5, (slots - peak) % shape[2])
    ]


def _mean_of(many: list[np.ndarray]) -> np.ndarray:
    """The mean of what is known."""
    stacked = np.stack(many)
    good = np.isfinite(stacked)
    count = good.sum(axis=0)
    total = np.where(good, stacked, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
