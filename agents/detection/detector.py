"""Learns from the past of a folder under attacks of its own making, then scores what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import lightgbm as lgb
import numpy as np

from agents.detection.attacks import draw_attacks
from agents.detection.features import Features, make_features
from agents.detection.weeks import HISTORY_WEEKS, Weeks

DRAWS, DRAWS_MIN, ROWS_MAX = 40, 2, 100_000
SHARE = 0.1
FOLDS = 4
TREES = 150
SEED = 7
Progress = Callable[[int, int], None]

PARAMS: dict[str, object] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.06,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_row_wise": True,
    "seed": SEED,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Detector:
    """A trained model and the names of its features."""

    model: lgb.Booster
    names: tuple[str, ...]

    def score(self, features: Features) -> np.ndarray:
        """Between 0 and 1, meters by weeks; NaN in the first eight weeks."""
        values = features.values
        flat = values.reshape(-1, values.shape[-1])
        found = np.full(len(flat), np.nan)
        known = np.isfinite(flat[:, 0])
        if known.any():
            found[known] = self.model.predict(flat[known])
        return found.reshape(values.shape[:2])

    def explain(self, features: Features) -> np.ndarray:
        """What each feature added to each score, meters by weeks by features."""
        values = features.values
        flat = values.reshape(-1, values.shape[-1])
        found: np.ndarray = self.model.predict(flat, pred_contrib=True)[:, :-1]
        return found.reshape(values.shape)


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores, meters by weeks, what each feature added to them, and the first watched week."""

    until: int
    features: Features
    scores: np.ndarray
    parts: np.ndarray


def split(weeks: Weeks) -> int:
    """The first week that is watched: half of those that have a history are learnt from."""
    return HISTORY_WEEKS + max(1, (weeks.count - HISTORY_WEEKS) // 2)


def learn(
    weeks: Weeks,
    until: int,
    skip: range = range(0),
    threads: int = 1,
    on_progress: Progress = lambda done, whole: None,
) -> Detector:
    """Learns from the weeks before `until`, except those of `skip`.

    The past is attacked anew many times, a tenth of its weeks each time, histories included.
    """
    chosen = [week for week in range(HISTORY_WEEKS, until) if week not in skip]
    draws = min(DRAWS, max(DRAWS_MIN, ROWS_MAX // (len(weeks.names) * len(chosen))))
    random = np.random.default_rng(SEED)
    net = weeks.net[:, :until]
    feeder = None if weeks.feeder is None else weeks.feeder[:until]
    rows, labels = [], []
    names: tuple[str, ...] = ()
    for draw in range(draws):
        on_progress(draw, draws)
        attacked, kinds = draw_attacks(net, SHARE, random)
        features = make_features(attacked, feeder)
        names = features.names
        rows.append(features.values[:, chosen].reshape(-1, len(names)))
        labels.append((kinds[:, chosen] >= 0).reshape(-1))
    settings = PARAMS | {"num_threads": threads}
    data = lgb.Dataset(np.concatenate(rows), np.concatenate(labels).astype(float), params=settings)
    return Detector(lgb.train(settings, data, num_boost_round=TREES), names)


def score_all(
    weeks: Weeks, threads: int = 1, on_progress: Progress = lambda done, whole: None
) -> Scored:
    """Scores every week that has a history.

    Those that are watched by a detector of all weeks before them; those that are learnt from by one
    that has not learnt from their quarter.
    """
    until = split(weeks)
    features = make_features(weeks.net, weeks.feeder)
    folds = [one for one in _cut(HISTORY_WEEKS, until) if len(one)]
    whole = 1 + len(folds)
    watching = learn(weeks, until, threads=threads)
    scores, parts = watching.score(features), watching.explain(features)
    if len(folds) > 1:
        for number, fold in enumerate(folds, 1):
            on_progress(number, whole)
            other = learn(weeks, until, skip=fold, threads=threads)
            chosen = slice(fold.start, fold.stop)
            scores[:, chosen] = other.score(features)[:, chosen]
            parts[:, chosen] = other.explain(features)[:, chosen]
    return Scored(until, features, scores, parts)


def _cut(begin: int, end: int) -> list[range]:
    edges = [begin + (end - begin) * number // FOLDS for number in range(FOLDS + 1)]
    return [range(one, other) for one, other in pairwise(edges)]
