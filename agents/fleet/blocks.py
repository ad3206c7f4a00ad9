"""One block of meters: from its last weeks to nine quantiles of the next two days."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import lightgbm as lgb
import numpy as np

from agents.forecast import models
from agents.forecast.cube import Cube, fill
from agents.forecast.features import divide, make_features
from agents.forecast.refits import MEDIAN, MODELLED, spread

# Lags reach four weeks back; a day more for the second day.
HISTORY_DAYS = 30
LEADS = (1, 2)
TARGETS = (*MODELLED[:2], MEDIAN, *MODELLED[2:])
SAMPLE_ROWS_MAX = 200_000
TRAIN_DAYS = 14


class Block(NamedTuple):
    """The last days of some meters: meters by days by slots, in Wh; float32 to travel light."""

    begin: datetime
    slot_s: int
    known: np.ndarray


def make_block_cube(block: Block) -> Cube:
    """Gaps filled from the day before."""
    known = block.known.astype(np.float64)
    return Cube(block.begin, block.slot_s, known, fill(known))


def train_sample(sample: Block, threads: int = 1) -> tuple[tuple[str, ...], ...]:
    """Models for each day ahead and quantile, as LightGBM's texts, from a sample of meters."""
    sizes: models.Sizes = dict.fromkeys(TARGETS, models.BAND)
    cube = make_block_cube(sample)
    texts = []
    for lead in LEADS:
        days = slice(cube.days - TRAIN_DAYS, cube.days)
        features, scale = make_features(cube, lead, days)
        relative = divide(cube.known[:, days], scale[:, days, None])
        rows = _thin(features, relative)
        found = models.train(rows, TARGETS, sizes, threads)
        texts.append(tuple(found[target].model_to_string() for target in TARGETS))
    return tuple(texts)


def _thin(features: np.ndarray, relative: np.ndarray) -> models.Rows:
    """Evenly spaced rows, no more than a model of a fleet needs."""
    good = np.flatnonzero(np.isfinite(relative.reshape(-1)))
    step = max(1, -(-good.size // SAMPLE_ROWS_MAX))
    # A step that shares a factor with the slots of a day would see only some times of day.
    while step > 1 and np.gcd(step, relative.shape[2]) > 1:
        step += 1
    chosen = good[::step]
    flat = features.reshape(-1, features.shape[-1])
    return models.Rows(flat[chosen], relative.reshape(-1)[chosen], np.ones(chosen.size))


def forecast_block(texts: tuple[tuple[str, ...], ...], block: Block) -> np.ndarray:
    """Quantiles by meters by days by slots of the two days after the data, in whole Wh (int32).

    Rounded to the nearest; a meter of which nothing is known gets zeros.
    """
    cube = make_block_cube(block)
    days = []
    for lead, own in zip(LEADS, texts, strict=True):
        last = cube.days + lead - 1
        features, scale = make_features(cube, lead, slice(last, last + 1))
        level = scale[:, last:, None]
        found = [models.predict(_load(text), features) * level for text in own]
        days.append(spread(found))
    whole = np.nan_to_num(np.concatenate(days, axis=2))
    return np.rint(whole).astype(np.int32)


@lru_cache(maxsize=len(LEADS) * len(TARGETS))
def _load(text: str) -> lgb.Booster:
    return lgb.Booster(model_str=text)
