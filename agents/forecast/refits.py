"""Forecasts of past days, each by a model that was trained on what was known before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.forecast import models
from agents.forecast.bands import QUANTILES
from agents.forecast.cube import Cube
from agents.forecast.features import divide, make_features
from agents.observation import DAYS_PER_WEEK

# The other quantiles lie between these.
MODELLED = (0.1, 0.3, 0.7, 0.9)
# Quantile models are slow to train and need less: half a year, every second week.
BAND_DAYS = 182
BAND_EVERY_WEEKS = 2
MEDIAN = 0.5

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Of each series, day and slot, in Wh; the last days are after the data. NaN: not forecast.

    `quantiles` is empty if they were not asked for.
    """

    median: np.ndarray
    mean: np.ndarray
    quantiles: np.ndarray
    scale: np.ndarray


def list_refits(days: int, first: int) -> list[int]:
    """The days before which models are trained anew: weekly from the first, and after the data."""
    return [*range(first, days, DAYS_PER_WEEK), days]


def forecast_past(
    cube: Cube,
    first: int,
    *,
    lead: int,
    with_bands: bool,
    sizes: models.Sizes,
    threads: int,
    on_step: Step,
) -> Forecasts:
    """Forecasts of all days from `first` on, issued `lead - 1` days before each begins.

    A model serves for a week. Where too few days were known for a model, or none with energy, there
    is no forecast.
    """
    features, scale = make_features(cube, lead)
    relative = divide(cube.known, scale[:, : cube.days, None])
    shape = features.shape[:3]
    median, mean = np.full(shape, np.nan), np.full(shape, np.nan)
    levels = len(QUANTILES) if with_bands else 0
    quantiles = np.full((levels, *shape), np.nan)
    bands: models.Models = {}
    for number, begin in enumerate(list_refits(cube.days, first)):
        on_step()
        # A model for a day is trained when that day's forecast is issued.
        known = range(models.FIRST_DAY + lead - 1, begin - lead + 1)
        if len(known) < models.TRAIN_DAYS_MIN:
            continue
        used = slice(begin, min(begin + DAYS_PER_WEEK, shape[1]))
        rows = models.select_rows(features, relative, known)
        if not rows.targets.size:
            continue
        points = models.train(rows, (MEDIAN, models.MEAN), sizes, threads)
        level = scale[:, used, None]
        asked = features[:, used]
        median[:, used] = models.predict(points[MEDIAN], asked, threads) * level
        mean[:, used] = models.predict(points[models.MEAN], asked, threads) * level
        if not with_bands:
            continue
        if not bands or number % BAND_EVERY_WEEKS == 0:
            recent = range(max(known.start, known.stop - BAND_DAYS), known.stop)
            latest = models.select_rows(features, relative, recent)
            rows = latest if latest.targets.size else rows
            bands = models.train(rows, MODELLED, sizes, threads)
        found = [models.predict(bands[one], asked, threads) * level for one in MODELLED]
        quantiles[:, :, used] = spread([*found[:2], median[:, used], *found[2:]])
    return Forecasts(median, mean, quantiles, scale)


def spread(found: list[np.ndarray]) -> np.ndarray:
    """Nine quantiles from those that have a model, in rising order."""
    ordered = np.sort(np.stack(found), axis=0)
    between = (ordered[1:] + ordered[:-1]) / 2
    nine = np.empty((2 * len(found) - 1, *found[0].shape))
    nine[0::2], nine[1::2] = ordered, between
    return nine
