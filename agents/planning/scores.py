"""How well homes with batteries did against the same homes without, as CityLearn 2022 scores it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

MONTH_HOURS = 730


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of what it is without batteries; `score` is the mean of cost, carbon and grid."""

    cost: float
    carbon: float
    ramping: float
    load_factor: float
    score: float

    def to_dict(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def compute_score(
    net_kwh: np.ndarray,
    base_kwh: np.ndarray,
    price: np.ndarray,
    carbon: np.ndarray,
    slot_h: float = 1.0,
) -> Score:
    """The score of homes (rows) over slots: `net_kwh` with batteries, `base_kwh` without.

    Cost and carbon are the mean over homes, ramping and 1 - load factor those of the sum.
    """
    cost = _ratio_of_homes(net_kwh, base_kwh, price)
    emitted = _ratio_of_homes(net_kwh, base_kwh, carbon)
    total, base = net_kwh.sum(axis=0), base_kwh.sum(axis=0)
    ramping = _ratio(np.abs(np.diff(total)).sum(), np.abs(np.diff(base)).sum())
    window = max(1, round(MONTH_HOURS / slot_h))
    factor = _ratio(_one_minus_load_factor(total, window), _one_minus_load_factor(base, window))
    return Score(cost, emitted, ramping, factor, (cost + emitted + (ramping + factor) / 2) / 3)


def _ratio_of_homes(net_kwh: np.ndarray, base_kwh: np.ndarray, weight: np.ndarray) -> float:
    # A home that never buys has nothing to save, and no ratio.
    with_battery = np.maximum(net_kwh * weight, 0.0).sum(axis=1)
    without = np.maximum(base_kwh * weight, 0.0).sum(axis=1)
    ratios = [
        _ratio(one, other) for one, other in zip(with_battery, without, strict=True) if other > 0
    ]
    return float(np.mean(ratios)) if ratios else 1.0


def _ratio(one: float, other: float) -> float:
    return float(one / other) if other else 1.0


def _one_minus_load_factor(total: np.ndarray, window: int) -> float:
    parts = [total[begin : begin + window] for begin in range(0, len(total), window)]
    factors = [1.0 - part.mean() / part.max() for part in parts if part.max() > 0]
    return float(np.mean(factors)) if factors else 1.0
