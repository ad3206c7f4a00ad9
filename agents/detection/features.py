"""What is known of a meter's week: against its own eight weeks, its neighbours, and the feeder.

The feeder's check meter sees all that was used, plus a technical loss. What it sees beyond the sum
of the meters, the gap, has the shape of what is not reported. All of it is from the week itself and
the eight before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.detection.weeks import HISTORY_WEEKS, HOURS_PER_DAY
from agents.observation import DAYS_PER_WEEK

_SMALL = 1e-9
RIDGE = 0.1

OWN = (
    "level", "level_beyond_neighbours", "day_shape", "day_shape_reversed", "day_shape_margin",
    "week_shape", "week_shape_reversed", "week_shape_margin", "spread", "roughness", "persistence",
    "zeros", "equal_hours", "night", "evening", "peak", "trough", "day_likeness", "day_levels",
)  # fmt: skip
FEEDER = (
    "gap", "gap_of_level", "gap_beyond_drop",
    *(f"{name}{ending}" for name in (
        "gap_like_reported", "gap_like_history", "gap_like_drop", "gap_like_reversed_day",
        "gap_like_reversed_week", "gap_like_flat", "gap_from_reported", "gap_from_drop",
        "gap_from_history",
    ) for ending in ("", "_rank")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Features:
    """Meters by weeks by features; the first HISTORY_WEEKS weeks are NaN."""

    names: tuple[str, ...]
    values: np.ndarray


def make_features(net: np.ndarray, feeder: np.ndarray | None) -> Features:
    """From meters by weeks by hours, and the feeder's weeks by hours."""
    used = np.maximum(net, 0.0)
    history = _History(used)
    own = _make_own(used, history)
    if feeder is None:
        return Features(OWN, np.stack(own, axis=-1))
    found = own + _make_feeder(net, used, feeder, history)
    return Features(OWN + FEEDER, np.stack(found, axis=-1))


class _History:
    """The median of the eight weeks before, of whatever is asked."""

    def __init__(self, used: np.ndarray) -> None:
        self.profile = self.of(used)
        self.level = self.of(used.mean(axis=2))

    def of(self, values: np.ndarray) -> np.ndarray:
        """Axis 1 is weeks; NaN in the first eight."""
        found = np.full(values.shape, np.nan)
        for week in range(HISTORY_WEEKS, values.shape[1]):
            found[:, week] = np.median(values[:, week - HISTORY_WEEKS : week], axis=1)
        return found


def _make_own(used: np.ndarray, history: _History) -> list[np.ndarray]:
    level = used.mean(axis=2)
    ratio = np.log((level + _SMALL) / (history.level + _SMALL))
    ratio = np.clip(ratio, -6.0, 6.0)
    day, past_day = _by_day(used).mean(axis=2), _by_day(history.profile).mean(axis=2)
    like, reversed_ = _correlate(day, past_day), _correlate(day[..., ::-1], past_day)
    week_like = _correlate(used, history.profile)
    week_reversed = _correlate(used[..., ::-1], history.profile)
    found = [
        ratio,
        ratio - np.median(ratio, axis=0, keepdims=True) if len(ratio) > 1 else ratio,
        like, reversed_, like - reversed_,
        week_like, week_reversed, week_like - week_reversed,
    ]  # fmt: skip
    return found + [shape - history.of(shape) for shape in _describe(used, level, day)]


def _describe(used: np.ndarray, level: np.ndarray, day: np.ndarray) -> list[np.ndarray]:
    """Numbers of a week that do not depend on how much was used."""
    mean = level + _SMALL
    step = np.diff(used, axis=2)
    days = _by_day(used)
    likeness = _correlate(days[:, :, 1:], days[:, :, :-1]).mean(axis=2)
    return [
        np.log(used.std(axis=2) / mean + 1e-3),
        np.log(np.abs(step).mean(axis=2) / mean + 1e-3),
        _correlate(used[..., 1:], used[..., :-1]),
        (used <= 0.02 * mean[..., None]).mean(axis=2),
        (np.abs(step) <= 1e-6 * mean[..., None]).mean(axis=2),
        day[..., 0:5].mean(axis=2) / mean,
        day[..., 17:22].mean(axis=2) / mean,
        np.log(np.quantile(used, 0.98, axis=2) / mean + 1e-3),
        np.quantile(used, 0.05, axis=2) / mean,
        likeness,
        np.log(days.mean(axis=3).std(axis=2) / mean + 1e-3),
    ]


def _make_feeder(
    net: np.ndarray, used: np.ndarray, feeder: np.ndarray, history: _History
) -> list[np.ndarray]:
    gap = feeder / (1.0 + _find_loss(net, feeder)[:, None]) - net.sum(axis=0)
    level = history.level + _SMALL
    drop = history.profile - used
    days = _by_day(used)
    reversed_day = days[..., ::-1].reshape(used.shape) - used
    flat = history.profile - history.profile.mean(axis=2, keepdims=True)
    gap_mean = np.broadcast_to(gap.mean(axis=1), level.shape)
    all_gaps = np.broadcast_to(gap, used.shape)
    found = [
        np.broadcast_to(gap.mean(axis=1) / (level.sum(axis=0)), level.shape),
        np.clip(gap_mean / level, -20.0, 20.0),
        np.clip((gap_mean - drop.mean(axis=2)) / level, -20.0, 20.0),
    ]
    likeness = [
        _correlate(all_gaps, one)
        for one in (used, history.profile, drop, reversed_day, used[..., ::-1] - used, flat)
    ]
    shares = [_regress(gap, one) for one in (used, drop, history.profile)]
    for one in likeness + shares:
        found += [one, _beyond_others(one)]
    return found


def _find_loss(net: np.ndarray, feeder: np.ndarray) -> np.ndarray:
    """The technical loss as known before each week: the median of eight weeks."""
    seen = np.abs(net.sum(axis=0)).mean(axis=1) + _SMALL
    ratio = np.clip(feeder.mean(axis=1) / seen - 1.0, -0.2, 0.5)
    loss = np.zeros_like(ratio)
    for week in range(len(ratio)):
        past = ratio[max(0, week - HISTORY_WEEKS) : week]
        loss[week] = np.median(past) if past.size else ratio[week]
    return loss


def _regress(gap: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Each week's gap on all meters at once: how much of it each explains. Meters by weeks."""
    meters, weeks, _ = inputs.shape
    found = np.full((meters, weeks), np.nan)
    for week in range(HISTORY_WEEKS, weeks):
        rows = inputs[:, week] - inputs[:, week].mean(axis=1, keepdims=True)
        spread = rows.std(axis=1, keepdims=True) + _SMALL
        rows = rows / spread
        wanted = gap[week] - gap[week].mean()
        wanted = wanted / (wanted.std() + _SMALL)
        size = rows.shape[1]
        found[:, week] = np.linalg.solve(
            rows @ rows.T / size + RIDGE * np.eye(meters), rows @ wanted / size
        )
    return found


def _beyond_others(values: np.ndarray) -> np.ndarray:
    """How far a meter is above the highest of the others."""
    if len(values) == 1:
        return values.copy()
    ordered = np.sort(values, axis=0)
    highest, second = ordered[-1], ordered[-2]
    found: np.ndarray = values - np.where(values == highest, second, highest)
    return found


def _by_day(values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:-1], DAYS_PER_WEEK, HOURS_PER_DAY)


def _correlate(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Along the last axis; zero where one does not vary."""
    a = one - one.mean(axis=-1, keepdims=True)
    b = other - other.mean(axis=-1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    product = (a * b).sum(axis=-1)
    found: np.ndarray = np.divide(product, size, out=np.zeros_like(size), where=size > _SMALL)
    return found
