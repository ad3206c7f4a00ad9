"""One gradient-boosted model for all series of a fleet, for each quantile or for the mean.

LightGBM with fixed seeds, by rows and on as many threads as asked for: the same data gives the same
trees on any number of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from client.errors import MissingError

HALF_LIFE_DAYS = 140
SEED = 1
MEAN = "mean"
# A model of fewer days than this would learn them by heart.
TRAIN_DAYS_MIN = 14
# The series' own level takes a week to be known.
FIRST_DAY = 8


@dataclass(frozen=True, slots=True)
class Size:
    """How large a model is, and how fast it learns."""

    trees: int
    learning_rate: float
    leaves: int = 31
    bins: int = 63


Target = str | float
Sizes = Mapping[Target, Size]
Models = dict[Target, lgb.Booster]
POINT = Size(150, 0.06)
BAND = Size(60, 0.12)
SIZES: Sizes = {
    MEAN: POINT,
    0.5: POINT,
    **dict.fromkeys((0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9), BAND),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model is trained on: features, targets as shares of the level, weights."""

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def select_rows(features: np.ndarray, relative: np.ndarray, days: range) -> Rows:
    """The rows of these days whose target was measured; recent ones weigh more."""
    chosen = np.arange(days.start, days.stop)
    targets = relative[:, chosen]
    age = (days.stop - 1 - chosen) / HALF_LIFE_DAYS
    weights = np.broadcast_to((0.5**age)[None, :, None], targets.shape)
    good = np.isfinite(targets).reshape(-1)
    flat = features[:, chosen].reshape(-1, features.shape[-1])
    return Rows(flat[good], targets.reshape(-1)[good], weights.reshape(-1)[good])


def train(rows: Rows, targets: Sequence[Target], sizes: Sizes, threads: int = 1) -> Models:
    """A model for each target: a quantile between 0 and 1, or MEAN. One set of bins serves all.

    Raises MissingError without a single row.
    """
    if not rows.targets.size:
        raise MissingError("there is nothing to learn from: on no day did a meter measure energy")
    known: dict[int, lgb.Dataset] = {}
    models: Models = {}
    for target in targets:
        size = sizes[target]
        data = known.get(size.bins)
        if data is None:
            data = known[size.bins] = lgb.Dataset(
                rows.features,
                rows.targets,
                weight=rows.weights,
                params=_make_params(target, size, threads),
                free_raw_data=False,
            )
        params = _make_params(target, size, threads)
        models[target] = lgb.train(params, data, num_boost_round=size.trees)
    return models


def predict(model: lgb.Booster, features: np.ndarray, threads: int = 1) -> np.ndarray:
    """Predictions in the shape of the features without their last axis."""
    flat = features.reshape(-1, features.shape[-1])
    found: np.ndarray = model.predict(flat, num_threads=threads)
    return found.reshape(features.shape[:-1])


def _make_params(target: Target, size: Size, threads: int) -> dict[str, object]:
    loss: dict[str, object] = (
        {"objective": "l2"}
        if target == MEAN
        else {"objective": "l1"}
        if target == 0.5
        else {"objective": "quantile", "alpha": target}
    )
    return loss | {
        "num_leaves": size.leaves,
        "learning_rate": size.learning_rate,
        "max_bin": size.bins,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "seed": SEED,
        "verbosity": -1,
    }
