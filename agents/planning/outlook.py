"""Load, PV and the quantiles of their balance for the next slots, as seen at every slot.

What is used for a slot was known before it: a model of lags of a day and more, mixed with the means
of the last days, corrected by the errors of the last three slots, and the quantiles of what was
still wrong in the last four weeks. The slot that is planned is itself not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.forecast import models
from agents.observation import Grid

QUANTILES = (1 / 6, 1 / 2, 5 / 6)
REFIT_DAYS = 28
TRAIN_DAYS_MIN = 21
ERROR_DAYS = 28
ERROR_DAYS_MIN = 7
LAST = 3
CLEAR_DAYS = 14
MODEL_SHARE = 0.5
SIZE = models.Size(80, 0.08)
RIDGE = 10.0
ERROR_MAX = 3.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """For each slot the mean (homes, slots, horizon), and quantiles, which come first."""

    mean: np.ndarray
    quantiles: np.ndarray


def look_ahead(load: np.ndarray, pv: np.ndarray, grid: Grid, threads: int = 1) -> Outlook:
    """The outlook of load less PV: homes by slots, without gaps, in kWh."""
    horizon = grid.slots_per_day
    level = _trailing(load, horizon)
    loads = correct(load, predict_days(load, grid, threads), np.nan_to_num(level), horizon)
    # A model of PV expected more than the sun gives; its last days' mean and highest values do not.
    suns = correct(pv, _mean_of_days(pv, horizon), _highest_of_days(pv, horizon), horizon)
    mean = np.maximum(loads, 0.0) - np.maximum(suns, 0.0)
    return Outlook(mean, add_errors(mean, load - pv, horizon))


def predict_days(values: np.ndarray, grid: Grid, threads: int) -> np.ndarray:
    """What each slot is expected to be a day before: nothing of the last day is used."""
    per_day = grid.slots_per_day
    usual = _mean_of_days(values, per_day)
    expected = usual.copy()
    features = _make_features(values, usual, per_day, grid)
    level = _trailing(values, per_day)
    slots = values.shape[1]
    for begin in range(TRAIN_DAYS_MIN * per_day, slots, REFIT_DAYS * per_day):
        # Plans made in the day before use this model too, so that day is not learnt from.
        known = slice(8 * per_day, begin - per_day)
        used = slice(begin, min(begin + REFIT_DAYS * per_day, slots))
        if known.stop <= known.start:
            continue
        targets = values[:, known] / level[:, known]
        good = np.isfinite(targets)
        rows = models.Rows(features[:, known][good], targets[good], np.ones(int(good.sum())))
        model = models.train(rows, [models.MEAN], {models.MEAN: SIZE}, threads)[models.MEAN]
        found = models.predict(model, features[:, used], threads) * level[:, used]
        mixed = MODEL_SHARE * found + (1 - MODEL_SHARE) * usual[:, used]
        expected[:, used] = np.where(np.isfinite(mixed), mixed, usual[:, used])
    return expected


def _mean_of_days(values: np.ndarray, per_day: int) -> np.ndarray:
    """The mean of the same slot of up to seven past days; on the first day of what came before."""
    usual = np.zeros_like(values)
    slots = values.shape[1]
    sums, counts = np.zeros_like(values), np.zeros(slots)
    for begin in range(per_day, min(8 * per_day, slots), per_day):
        sums[:, begin:] += values[:, : slots - begin]
        counts[begin:] += 1
    later = counts > 0
    usual[:, later] = sums[:, later] / counts[later]
    return usual


def _highest_of_days(values: np.ndarray, per_day: int) -> np.ndarray:
    """The highest value of the same slot of the last two weeks: what a clear sky gives."""
    highest = np.zeros_like(values)
    slots = values.shape[1]
    for begin in range(per_day, min((CLEAR_DAYS + 1) * per_day, slots), per_day):
        highest[:, begin:] = np.maximum(highest[:, begin:], values[:, : slots - begin])
    return highest


def _trailing(values: np.ndarray, per_day: int) -> np.ndarray:
    """The level of four weeks, up to a day before each slot; NaN before it is known."""
    slots = values.shape[1]
    total = np.concatenate((np.zeros((len(values), 1)), np.cumsum(np.abs(values), axis=1)), axis=1)
    end = np.clip(np.arange(slots) - per_day + 1, 0, None)
    begin = np.clip(end - 28 * per_day, 0, None)
    level = (total[:, end] - total[:, begin]) / np.maximum(end - begin, 1)
    floor = 0.02 * total[:, end] / np.maximum(end, 1)
    found = np.maximum(level, floor)
    return np.where(found > 0, found, np.nan)


def _make_features(values: np.ndarray, usual: np.ndarray, per_day: int, grid: Grid) -> np.ndarray:
    level = _trailing(values, per_day)[:, :, None]
    slots = values.shape[1]
    lags = [per_day, per_day + 1, per_day + 2, 2 * per_day, 3 * per_day, 7 * per_day, 14 * per_day]
    totals = np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1)), axis=1)
    numbers = np.arange(slots)
    energies = [_shift(values, lag) for lag in lags]
    for days in (1, 2, 7):
        end = np.clip(numbers - per_day + 1, 0, None)
        begin = np.clip(end - days * per_day, 0, None)
        energies.append((totals[:, end] - totals[:, begin]) / (days * per_day))
    energies.append(usual)
    relative = np.stack(energies, axis=-1) / level
    fleet = np.broadcast_to(relative[:, :, [0, 5, 7]].mean(axis=0), (*values.shape, 3))
    time = grid.first_at(0)
    slot_of_day = (numbers - time) % per_day
    day = (numbers - time) // per_day
    weekday = (grid.time_of(time).weekday() + day) % 7
    calendar = np.broadcast_to(
        np.stack((slot_of_day, weekday, weekday >= 5), axis=-1), (*values.shape, 3)
    )
    return np.concatenate((relative, fleet, calendar), axis=-1).astype(np.float32)


def _shift(values: np.ndarray, lag: int) -> np.ndarray:
    moved = np.full_like(values, np.nan)
    moved[:, lag:] = values[:, : max(0, values.shape[1] - lag)]
    return moved


def correct(
    values: np.ndarray, expected: np.ndarray, level: np.ndarray, horizon: int
) -> np.ndarray:
    """Forecasts (homes, slots, horizon) from each slot on, with the errors of the slots before.

    Errors are shares of a level, which is zero where nothing can be, such as PV at night. The
    regression of each step on the own and the common errors of the last slots is learnt anew every
    four weeks from all errors until then.
    """
    slots = values.shape[1]
    ahead = np.minimum(np.arange(slots)[:, None] + np.arange(horizon), slots - 1)
    found = expected[:, ahead]
    is_alive = level > 0
    errors = np.divide(values - expected, level, out=np.zeros_like(values), where=is_alive)
    errors = np.clip(errors, -ERROR_MAX, ERROR_MAX)
    recent = np.stack([np.nan_to_num(_shift(errors, lag + 1)) for lag in range(LAST)], axis=-1)
    common = np.broadcast_to(recent.mean(axis=0), recent.shape)
    inputs = np.concatenate((recent, common), axis=-1)
    for begin in range(ERROR_DAYS_MIN * horizon, slots, REFIT_DAYS * horizon):
        used = slice(begin, min(begin + REFIT_DAYS * horizon, slots))
        for step in range(horizon):
            known = slice(horizon, begin - step)
            target = slice(horizon + step, begin)
            weight = level[:, target]
            if known.stop <= known.start or not weight.any():
                continue
            rows = (inputs[:, known] * weight[..., None]).reshape(-1, inputs.shape[-1])
            wanted = (errors[:, target] * weight).reshape(-1)
            weights = np.linalg.solve(
                rows.T @ rows + RIDGE * np.eye(rows.shape[1]), rows.T @ wanted
            )
            found[:, used, step] += (inputs[:, used] @ weights) * level[:, ahead[used, step]]
    return found


def add_errors(mean: np.ndarray, total: np.ndarray, horizon: int) -> np.ndarray:
    """The mean plus quantiles of its own errors, by home, step and time of day, of four weeks."""
    homes, slots, _ = mean.shape
    days = -(-slots // horizon)
    at = np.arange(slots)[:, None] + np.arange(horizon)
    inside = at < slots
    errors = np.full((homes, horizon, days * horizon), np.nan)
    for step in range(horizon):
        good = inside[:, step]
        target = at[good, step]
        errors[:, step, target] = total[:, target] - mean[:, good, step]
    by_day = errors.reshape(homes, horizon, days, horizon)
    quantiles = np.repeat(mean[None], len(QUANTILES), axis=0)
    for day in range(ERROR_DAYS_MIN, days):
        window = by_day[:, :, max(0, day - ERROR_DAYS) : day]
        near = np.concatenate(
            (np.roll(window, 1, axis=3), window, np.roll(window, -1, axis=3)), axis=2
        )
        shift = _quantiles(near)
        issued = np.arange(day * horizon, min((day + 1) * horizon, slots))
        hour = at[issued] % horizon
        steps = np.broadcast_to(np.arange(horizon), hour.shape)
        quantiles[:, :, issued] += shift[:, :, steps, hour]
    return quantiles


def _quantiles(near: np.ndarray) -> np.ndarray:
    """By sorting, which is faster than nanquantile; what is missing is taken as no error."""
    ordered = np.sort(np.nan_to_num(near), axis=2)
    count = ordered.shape[2] - 1
    return np.stack([ordered[:, :, round(level * count)] for level in QUANTILES])
