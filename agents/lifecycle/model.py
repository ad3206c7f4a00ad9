"""A model and what it was made from: the same data, seed and versions give the same hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from importlib import metadata

import lightgbm as lgb
import numpy as np

from agents.forecast import features as features_of
from agents.forecast import models
from agents.forecast.cube import Cube, lag, make_cube
from agents.forecast.features import divide, make_features
from agents.forecast.refits import MEDIAN, MODELLED, spread
from agents.forecast.scores import compute_coverage, compute_nmae, compute_pinball
from agents.observation import DAYS_PER_WEEK, Street
from client.errors import MissingError

LIBRARIES = ("lightgbm", "numpy")
TARGETS = (*MODELLED[:2], MEDIAN, *MODELLED[2:])
FORMAT = 1
# The parameters at the end of LightGBM's text name the threads, which change nothing else.
_PARAMETERS = "\nparameters:"


@dataclass(frozen=True, slots=True)
class Model:
    """Five quantile models as LightGBM's texts, and the manifest: what they were made from."""

    texts: tuple[str, ...]
    manifest: dict[str, object]

    @property
    def hash(self) -> str:
        """Of texts and manifest, in hexadecimal."""
        whole = hashlib.sha256()
        for text in (*self.texts, json.dumps(self.manifest, sort_keys=True)):
            whole.update(hashlib.sha256(text.encode()).digest())
        return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a cube that a model is tested on, from `first` on."""

    cube: Cube
    first: int


def make_window(street: Street, target: str, weeks: int) -> Window:
    """The last weeks of a street; raises MissingError if too little is left to learn from."""
    cube = make_cube(street.get_matrix(target), street.grid, 0)
    first = cube.days - weeks * DAYS_PER_WEEK
    least = models.FIRST_DAY + models.TRAIN_DAYS_MIN
    if first < least:
        raise MissingError(
            f"there are {cube.days} whole days; with {weeks} weeks to test on it takes "
            f"{least + weeks * DAYS_PER_WEEK}"
        )
    return Window(cube, first)


def train(window: Window, target: str, threads: int = 1) -> Model:
    """Learns from the days before the window; its scores on the window are in the manifest."""
    cube, first = window.cube, window.first
    features, scale = make_features(cube)
    relative = divide(cube.known, scale[:, : cube.days, None])
    rows = models.select_rows(features, relative, range(models.FIRST_DAY, first))
    if not rows.targets.size:
        raise MissingError("nothing was measured in the days that are to be learnt from")
    found = models.train(rows, TARGETS, models.SIZES, threads)
    texts = tuple(found[one].model_to_string().split(_PARAMETERS)[0] + "\n" for one in TARGETS)
    known = np.round(np.nan_to_num(cube.known, nan=-1.0)).astype(np.int64)
    manifest: dict[str, object] = {
        "format": FORMAT,
        "target": target,
        "features": list(features_of.NAMES),
        "quantiles": list(TARGETS),
        "seed": models.SEED,
        "slot_s": cube.slot_s,
        "series": len(cube.known),
        "window_begin": cube.begin.isoformat(),
        "window_end": (cube.begin + timedelta(days=first)).isoformat(),
        "window_hash": hashlib.sha256(known[:, :first].tobytes()).hexdigest(),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "tested_until": (cube.begin + timedelta(days=cube.days)).isoformat(),
        "tested_hash": hashlib.sha256(known[:, first:].tobytes()).hexdigest(),
    }
    model = Model(texts, manifest)
    scores = score(model, window)
    return Model(texts, manifest | {"scores": scores, "daily_losses": _daily(model, window)})


def predict(model: Model, cube: Cube, keep: slice = slice(None)) -> np.ndarray:
    """Nine quantiles by series by days, that after the data included, by slots, in Wh.

    `keep` says of which days.
    """
    features, scale = make_features(cube, keep=keep)
    level = scale[:, keep, None]
    return spread([models.predict(_load(text), features) * level for text in model.texts])


@lru_cache(maxsize=2 * len(TARGETS))
def _load(text: str) -> lgb.Booster:
    """The trees of a text; reading them takes longer than asking them for a day."""
    return lgb.Booster(model_str=text)


def score(model: Model, window: Window) -> dict[str, float | None]:
    """NMAE (mean of series, and of that of yesterday), pinball and coverage on a window."""
    actual = window.cube.known[:, window.first :]
    quantiles = predict(model, window.cube)[:, :, window.first : window.cube.days]
    yesterday = lag(window.cube.filled, 1, 1)[:, window.first : window.cube.days]
    series = range(len(actual))
    return {
        "nmae": _mean([compute_nmae(actual[one], quantiles[4, one]) for one in series]),
        "nmae_yesterday": _mean([compute_nmae(actual[one], yesterday[one]) for one in series]),
        "pinball": _mean([compute_pinball(actual[one], quantiles[:, one]) for one in series]),
        "coverage": _mean([compute_coverage(actual[one], quantiles[:, one]) for one in series]),
    }


def compute_daily_losses(model: Model, window: Window) -> np.ndarray:
    """The mean pinball loss of each day of the window over all series; NaN without a value."""
    actual = window.cube.known[:, window.first :]
    quantiles = predict(model, window.cube)[:, :, window.first : window.cube.days]
    losses = [
        compute_pinball(actual[:, day], quantiles[:, :, day]) for day in range(actual.shape[1])
    ]
    return np.array([np.nan if loss is None else loss for loss in losses])


def _daily(model: Model, window: Window) -> list[float | None]:
    losses = compute_daily_losses(model, window)
    return [round(float(loss), 9) if np.isfinite(loss) else None for loss in losses]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 9) if known else None
