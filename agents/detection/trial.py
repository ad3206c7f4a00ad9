"""How well attacks are found: by labels that came with the data, or in a trial of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from agents.detection.attacks import KINDS, draw_attacks
from agents.detection.detector import learn, split
from agents.detection.features import make_features
from agents.detection.weeks import Weeks

SHARE = 0.1
NOISE = 0.02
SEED = 100
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Quality:
    """Area under the ROC curve and average precision; None where one kind of week is missing."""

    weeks: int
    attacked: int
    auc: float | None
    average_precision: float | None


def measure(scores: np.ndarray, is_attacked: np.ndarray) -> Quality:
    """Of all scores that are known."""
    known = np.isfinite(scores)
    truth, score = is_attacked[known], scores[known]
    attacked = int(truth.sum())
    if not 0 < attacked < truth.size:
        return Quality(int(truth.size), attacked, None, None)
    return Quality(
        int(truth.size),
        attacked,
        float(roc_auc_score(truth, score)),
        float(average_precision_score(truth, score)),
    )


def add_feeder(weeks: Weeks, loss: float) -> Weeks:
    """The weeks with a check meter: all that is used, a technical loss, and its own error."""
    random = np.random.default_rng(SEED)
    total = weeks.net.sum(axis=0)
    noise = 1.0 + NOISE * random.standard_normal(total.shape)
    return replace(weeks, feeder=total * (1.0 + loss) * noise)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a draw of attacks gave, all together and by kind, and the curve of the last draw."""

    draws: tuple[Quality, ...]
    kinds: dict[str, float | None]
    scores: np.ndarray
    truth: np.ndarray


def run_trial(
    weeks: Weeks, draws: int, threads: int = 1, on_progress: Progress = lambda done, whole: None
) -> Trial:
    """Attacks one in ten of the watched weeks, several times; nothing is learnt of them."""
    until = split(weeks)
    detector = learn(weeks, until, threads=threads)
    qualities: list[Quality] = []
    by_kind: dict[str, list[float]] = {kind: [] for kind in KINDS}
    scores, truth = np.zeros(0), np.zeros(0, dtype=bool)
    for draw in range(draws):
        on_progress(draw, draws)
        attacked, kinds = draw_attacks(weeks.net, SHARE, np.random.default_rng(SEED + draw))
        attacked[:, :until], kinds[:, :until] = weeks.net[:, :until], -1
        found = detector.score(make_features(attacked, weeks.feeder))[:, until:]
        kinds = kinds[:, until:]
        scores, truth = found.reshape(-1), (kinds >= 0).reshape(-1)
        qualities.append(measure(scores, truth))
        for number, kind in enumerate(KINDS):
            asked = (kinds == number) | (kinds < 0)
            auc = measure(found[asked], (kinds == number)[asked]).auc
            if auc is not None:
                by_kind[kind].append(auc)
    means = {kind: float(np.mean(all_)) if all_ else None for kind, all_ in by_kind.items()}
    return Trial(tuple(qualities), means, scores, truth)
