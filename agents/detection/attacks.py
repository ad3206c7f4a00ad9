"""Six known ways in which a meter is made to report something else, on a week of hours.

They are those of the literature on false data: four report less, one the same but flat, one the
same at a cheaper time.
"""

from __future__ import annotations

import numpy as np

from agents.detection.weeks import HOURS_PER_DAY

KINDS = (
    "scale",
    "zero_window",
    "random_scale",
    "noisy_mean",
    "constant_mean",
    "reversal",
)
SHARE_LOW, SHARE_HIGH = 0.1, 0.8
WINDOW_HOURS_MIN = 4


def attack(kind: str, week: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The week as the attacked meter reports it."""
    if kind == "scale":
        return week * random.uniform(SHARE_LOW, SHARE_HIGH)
    if kind == "zero_window":
        return _zero(week, random)
    shares = random.uniform(SHARE_LOW, SHARE_HIGH, week.shape)
    if kind == "random_scale":
        return week * shares
    if kind == "noisy_mean":
        return week.mean() * shares
    if kind == "constant_mean":
        return np.full_like(week, week.mean())
    return _reverse(week, by_day=bool(random.integers(2)))


def draw_attacks(
    weeks: np.ndarray, share: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Weeks of which a share is attacked, and the number of the kind of each, -1 for none."""
    attacked = weeks.copy()
    kinds = np.where(
        random.random(weeks.shape[:2]) < share,
        random.integers(len(KINDS), size=weeks.shape[:2]),
        -1,
    )
    for meter, week in zip(*np.nonzero(kinds >= 0), strict=True):
        kind = KINDS[kinds[meter, week]]
        attacked[meter, week] = attack(kind, weeks[meter, week], random)
    return attacked, kinds


def _zero(week: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Nothing in the same hours of each day, or once in the week."""
    reported = week.copy()
    length = int(random.integers(WINDOW_HOURS_MIN, HOURS_PER_DAY))
    begin = int(random.integers(0, HOURS_PER_DAY))
    if random.integers(2):
        begin += HOURS_PER_DAY * int(random.integers(week.size // HOURS_PER_DAY - 1))
        length = int(random.integers(HOURS_PER_DAY, 4 * HOURS_PER_DAY))
        reported[begin : begin + length] = 0.0
        return reported
    hours = (begin + np.arange(length)) % HOURS_PER_DAY
    reported.reshape(-1, HOURS_PER_DAY)[:, hours] = 0.0
    return reported


def _reverse(week: np.ndarray, *, by_day: bool) -> np.ndarray:
    if not by_day:
        return week[::-1].copy()
    return week.reshape(-1, HOURS_PER_DAY)[:, ::-1].reshape(-1).copy()
