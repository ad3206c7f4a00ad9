"""Whether live losses are still those of the backtest: Page-Hinkley, and population stability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# In standard deviations of the backtest's daily losses: what is let pass each day, and the alarm.
ALLOWED, ALARM = 0.5, 8.0
BINS = 5
# Above a quarter two distributions are usually called different.
STABILITY_MAX = 0.25
DAYS_MIN = 14


@dataclass(frozen=True, slots=True)
class Watch:
    """What watching found. `alarm_day` is the day of the alarm, from 0; None: there was none."""

    days: int
    backtest_loss: float
    live_loss: float
    alarm_day: int | None
    stability_index: float | None

    @property
    def has_drifted(self) -> bool:
        """Whether the model should be trained anew."""
        return self.alarm_day is not None or (
            self.stability_index is not None
            and self.stability_index > STABILITY_MAX
            and self.live_loss > self.backtest_loss
        )


def watch(backtest: np.ndarray, live: np.ndarray) -> Watch:
    """Compares daily losses; what is NaN does not count."""
    usual, seen = backtest[np.isfinite(backtest)], live[np.isfinite(live)]
    index = compute_stability(usual, seen) if min(usual.size, seen.size) >= DAYS_MIN else None
    return Watch(
        int(seen.size),
        float(usual.mean()) if usual.size else float("nan"),
        float(seen.mean()) if seen.size else float("nan"),
        find_change(usual, live),
        index,
    )


def find_change(usual: np.ndarray, live: np.ndarray) -> int | None:
    """Page-Hinkley: the first day on which losses above the usual have added up too far."""
    if usual.size < 2:
        return None
    spread = max(float(usual.std(ddof=1)), 1e-9)
    total = lowest = 0.0
    for day, loss in enumerate(live):
        if not np.isfinite(loss):
            continue
        total += (float(loss) - float(usual.mean())) / spread - ALLOWED
        lowest = min(lowest, total)
        if total - lowest > ALARM:
            return day
    return None


def compute_stability(usual: np.ndarray, seen: np.ndarray) -> float:
    """The population stability index over bins that hold equal shares of what is usual."""
    edges = np.quantile(usual, np.linspace(0, 1, BINS + 1)[1:-1])
    shares = [
        (np.bincount(np.searchsorted(edges, one), minlength=BINS) + 0.5) / (one.size + 0.5 * BINS)
        for one in (usual, seen)
    ]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
