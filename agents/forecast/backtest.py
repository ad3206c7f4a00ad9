"""What the forecasts of the last weeks were worth, each made from what was known before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from agents.forecast import models
from agents.forecast.bands import (
    CALIBRATION_DAYS,
    QUANTILES,
    find_shifts,
    sort_quantiles,
    take_quantiles,
)
from agents.forecast.combine import find_weights, mix
from agents.forecast.cube import Cube, lag, make_cube, trailing_mean
from agents.forecast.features import divide
from agents.forecast.refits import Forecasts, forecast_past, list_refits
from agents.forecast.scores import compute_coverage, compute_nmae, compute_pinball
from agents.observation import DAYS_PER_WEEK, Street
from client.errors import MissingError

WARM_UP_WEEKS = 6
HOME_WINDOW_DAYS = 35
SUM_WINDOW_DAYS = 42
RECENT_DAYS = 28
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is tested: the last `weeks`, forecasts issued at `issue_hour` for the `lead`-th day."""

    target: str = "load"
    issue_hour: int = 0
    weeks: int = 10
    lead: int = 1
    threads: int = 1
    sizes: models.Sizes = field(default_factory=lambda: models.SIZES)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A forecast of homes by days (and those after the data) by slots."""

    name: str
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts and what came, of the homes and, as the last series, of their sum, in Wh.

    Arrays are series by days by slots; `point` and `quantiles` go on after the data. `first` is the
    first day that is tested.
    """

    settings: Settings
    names: tuple[str, ...]
    cube: Cube
    first: int
    actual: np.ndarray
    point: np.ndarray
    quantiles: np.ndarray
    simple: dict[str, np.ndarray]
    climatology: np.ndarray
    recent: np.ndarray
    weights: dict[str, dict[str, float]]
    marks: tuple[str, ...] = ()


def run_backtest(
    street: Street, settings: Settings, on_progress: Progress = lambda done, whole: None
) -> Backtest:
    """Forecasts every day of the last weeks; raises MissingError if there is too little data."""
    cube = make_cube(street.get_matrix(settings.target), street.grid, settings.issue_hour)
    first, marks = choose_first(cube, settings)
    begin = max(models.FIRST_DAY, first - WARM_UP_WEEKS * DAYS_PER_WEEK)
    begin += (first - begin) % DAYS_PER_WEEK
    parts = list_parts(street, settings)
    whole = len(list_refits(cube.days, begin)) * (1 + len(parts))
    done = 0

    def on_step() -> None:
        nonlocal done
        on_progress(done, whole)
        done += 1

    def forecast(one: Cube, *, with_bands: bool) -> Forecasts:
        return forecast_past(
            one,
            begin,
            lead=settings.lead,
            with_bands=with_bands,
            sizes=settings.sizes,
            threads=settings.threads,
            on_step=on_step,
        )

    own = forecast(cube, with_bands=True)
    others = [(sign, one, forecast(one, with_bands=False)) for sign, one in parts]
    homes, total = list_candidates(cube, own, others, settings.lead)
    point, home_weights = combine(homes, cube.known, begin, HOME_WINDOW_DAYS, settings.lead)
    total_known = cube.known.sum(axis=0, keepdims=True)
    sum_point, sum_weights = combine(total, total_known, begin, SUM_WINDOW_DAYS, settings.lead)
    quantiles = calibrate(own, cube.known, begin, settings.lead)
    sum_quantiles = add_residuals(sum_point, total_known, begin, settings.lead)
    filled = np.concatenate((cube.filled, cube.filled.sum(axis=0, keepdims=True)))
    actual = np.concatenate((cube.known, total_known))
    return Backtest(
        settings,
        (*(home.name for home in street.homes), "sum"),
        cube,
        first,
        actual,
        np.concatenate((point, sum_point)),
        np.concatenate((quantiles, sum_quantiles), axis=1),
        make_simple(filled, settings.lead),
        make_climatology(actual, first, settings.lead, cube.days),
        make_climatology(actual, first, settings.lead, RECENT_DAYS),
        {"homes": home_weights, "sum": sum_weights},
        marks,
    )


def choose_first(cube: Cube, settings: Settings) -> tuple[int, tuple[str, ...]]:
    """The first day that is tested, and what is said if there is less than was asked for."""
    first = cube.days - settings.weeks * DAYS_PER_WEEK
    least = models.FIRST_DAY + settings.lead - 1
    if cube.days <= least:
        raise MissingError(
            f"there are {cube.days} whole days; a forecast can be tested with {least + 1} or more"
        )
    if first >= least:
        return first, ()
    return least, (f"only the last {cube.days - least} days can be tested",)


def list_parts(street: Street, settings: Settings) -> list[tuple[int, Cube]]:
    """Of what net use is made, with its sign, where that is metered."""
    if settings.target != "net" or any(home.pv_wh is None for home in street.homes):
        return []
    load = street.get_matrix("load")
    pv = np.array([home.pv_wh for home in street.homes])
    if not (pv > 0).any():
        return []
    return [
        (sign, make_cube(one, street.grid, settings.issue_hour))
        for sign, one in ((1, load), (-1, pv))
    ]


def list_candidates(
    cube: Cube, own: Forecasts, parts: list[tuple[int, Cube, Forecasts]], lead: int
) -> tuple[list[Candidate], list[Candidate]]:
    """What is combined for the homes, and for their sum."""
    simple = make_simple(cube.filled, lead)
    homes = [Candidate("model", own.median)]
    total = [Candidate("model", own.mean)]
    if parts:
        medians, means = (
            sum(sign * _mix_with_simple(one, found, lead) for sign, one, found in kind)
            for kind in (
                [(sign, one, found.median) for sign, one, found in parts],
                [(sign, one, found.mean) for sign, one, found in parts],
            )
        )
        homes.append(Candidate("model_of_parts", medians))
        total.append(Candidate("model_of_parts", means))
    simple_ones = [Candidate(name, simple[name]) for name in ("yesterday", "7_day_mean")]
    total += [*simple_ones, Candidate("medians", own.median)]
    summed = [Candidate(one.name, one.values.sum(axis=0, keepdims=True)) for one in total]
    return [*homes, *simple_ones], summed


def _mix_with_simple(cube: Cube, found: np.ndarray, lead: int) -> np.ndarray:
    """A part's own combination, so that PV may follow yesterday where that is better."""
    simple = make_simple(cube.filled, lead)
    begin = int(np.isfinite(found).any(axis=(0, 2)).argmax()) or models.FIRST_DAY
    candidates = [
        Candidate("model", found),
        *(Candidate(name, simple[name]) for name in ("yesterday", "7_day_mean")),
    ]
    mixed, _ = combine(candidates, cube.known, begin, HOME_WINDOW_DAYS, lead)
    return mixed


def make_simple(filled: np.ndarray, lead: int) -> dict[str, np.ndarray]:
    """What needs no model: the same slot of the last known day, of last week, of 7 days' mean."""
    return {
        "yesterday": lag(filled, lead, lead),
        "last_week": lag(filled, max(DAYS_PER_WEEK, lead), lead),
        "7_day_mean": trailing_mean(filled, DAYS_PER_WEEK, lead),
    }


def combine(
    candidates: list[Candidate], known: np.ndarray, begin: int, window: int, lead: int
) -> tuple[np.ndarray, dict[str, float]]:
    """Weighted means from day `begin` on; weights anew each week from the last `window` days.

    Without a past of its own the first week is the mean of all that there is.
    """
    values = np.stack([one.values for one in candidates])
    days = known.shape[1]
    level = np.nan_to_num(np.abs(known[:, :begin])).mean(axis=(1, 2), keepdims=True)
    level = np.where(level > 0, level, 1.0)
    point = np.full(values.shape[1:], np.nan)
    weights = np.full(len(candidates), 1.0 / len(candidates))
    for start in list_refits(days, begin):
        past = slice(max(begin, start - lead + 1 - window), start - lead + 1)
        if past.stop > past.start:
            weights = find_weights(values[:, :, past] / level, known[:, past] / level)
        used = slice(start, min(start + DAYS_PER_WEEK, point.shape[1]))
        point[:, used] = mix(values[:, :, used], weights)
    names = [one.name for one in candidates]
    return point, dict(zip(names, map(float, weights), strict=True))


def calibrate(own: Forecasts, known: np.ndarray, begin: int, lead: int) -> np.ndarray:
    """The models' quantiles, shifted each week by their errors of the last four weeks."""
    days = known.shape[1]
    scale = own.scale[:, :, None]
    relative = divide(own.quantiles, scale)
    quantiles = np.full_like(own.quantiles, np.nan)
    for start in list_refits(days, begin):
        stop = max(begin, start - lead + 1)
        past = slice(max(begin, stop - CALIBRATION_DAYS), stop)
        used = slice(start, min(start + DAYS_PER_WEEK, quantiles.shape[2]))
        shifts = find_shifts(relative[:, :, past], divide(known[:, past], scale[:, past]))
        quantiles[:, :, used] = relative[:, :, used] + shifts[:, :, None, None]
    return sort_quantiles(quantiles * scale)


def add_residuals(point: np.ndarray, known: np.ndarray, begin: int, lead: int) -> np.ndarray:
    """Quantiles of a sum: its forecast plus its errors of six weeks at about this time of day."""
    days, slots = known.shape[1:]
    errors = known - point[:, :days]
    near = max(1, slots // 24)
    quantiles = np.full((len(QUANTILES), *point.shape), np.nan)
    for start in list_refits(days, begin):
        past = errors[
            :, max(begin, start - lead + 1 - SUM_WINDOW_DAYS) : max(begin, start - lead + 1)
        ]
        used = slice(start, min(start + DAYS_PER_WEEK, point.shape[1]))
        if not np.isfinite(past).any():
            continue
        shifted = [np.roll(past, move, axis=2) for move in range(-near, near + 1)]
        spread = take_quantiles(np.concatenate(shifted, axis=1), axis=1)
        quantiles[:, :, used] = point[None, :, used] + spread[:, :, None]
    return sort_quantiles(quantiles)


def make_climatology(known: np.ndarray, first: int, lead: int, days: int) -> np.ndarray:
    """The quantiles of the same slot of the last `days` days that were known."""
    quantiles = np.full((len(QUANTILES), *known.shape), np.nan)
    for day in range(first, known.shape[1]):
        stop = day - lead + 1
        past = known[:, max(0, stop - days) : stop]
        quantiles[:, :, day] = take_quantiles(past, axis=1)
    return quantiles


def score(found: Backtest) -> list[dict[str, object]]:
    """A row per home and one for the sum; a share that cannot be said is None."""
    days = slice(found.first, found.cube.days)
    rows: list[dict[str, object]] = []
    for number, name in enumerate(found.names):
        actual = found.actual[number, days]
        quantiles = found.quantiles[:, number, days]
        row: dict[str, object] = {"name": name, "slots": int(np.isfinite(actual).sum())}
        row["nmae"] = compute_nmae(actual, found.point[number, days])
        for simple, values in found.simple.items():
            row[f"nmae_{simple}"] = compute_nmae(actual, values[number, days])
        row["pinball"] = compute_pinball(actual, quantiles)
        row["pinball_climatology"] = compute_pinball(actual, found.climatology[:, number, days])
        row["pinball_last_4_weeks"] = compute_pinball(actual, found.recent[:, number, days])
        row["coverage"] = compute_coverage(actual, quantiles)
        rows.append(row)
    return rows


def list_days(found: Backtest) -> list[str]:
    """The dates of all days, those after the data included."""
    return [
        (found.cube.begin + timedelta(days=day)).isoformat() for day in range(found.point.shape[1])
    ]
