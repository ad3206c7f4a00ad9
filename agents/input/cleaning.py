"""What a meter cannot have measured is taken as missing, and a sentence says so.

Nothing is invented here: a gap stays a gap, and whoever needs a value fills it from the past.
"""

from __future__ import annotations

import numpy as np

from agents.observation import Grid

# A home never uses exactly the same energy for this long; zero is possible, nobody may be at home.
STUCK_HOURS = 24
EMPTY_DAYS = 7
SPIKE_FACTOR = 50.0
NET_SHARE_MIN = 0.01


def clean(
    import_wh: np.ndarray, export_wh: np.ndarray, grid: Grid, *, is_raw: bool = False
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Import and export without what cannot be true, and the sentences about it.

    With `is_raw` values that are stuck stay.
    """
    marks: list[str] = []
    import_wh, export_wh = _from_registers(import_wh, export_wh, grid, marks)
    import_wh, export_wh = _split_net(import_wh, export_wh, marks)
    for name, values in (("import", import_wh), ("export", export_wh)):
        _remove(values, values < 0, f"negative {name}", grid, marks)
        _remove(values, find_spikes(values), f"{name} far beyond all others", grid, marks)
        stuck = find_runs(values, STUCK_HOURS * grid.slots_per_hour) & (values != 0)
        stuck &= not is_raw
        _remove(values, stuck, f"{name} stuck at one value for a day or more", grid, marks)
    export_wh[np.isnan(export_wh) & ~np.isnan(import_wh)] = 0.0
    empty = find_runs(import_wh, EMPTY_DAYS * grid.slots_per_day) & (import_wh == 0)
    if empty.any() and not (export_wh[empty] > 0).any():
        marks.append(f"{_in_days(empty, grid)} without any use, taken as they stand")
    gaps = np.isnan(import_wh)
    if gaps.any():
        marks.append(f"{_in_days(gaps, grid)} missing, neither learnt from nor scored")
    return import_wh, export_wh, tuple(marks)


def find_runs(values: np.ndarray, slots: int) -> np.ndarray:
    """Where a value stands in a run of at least this many equal ones."""
    if not values.size:
        return np.zeros(0, dtype=bool)
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    edges = np.concatenate(([0], changes, [values.size]))
    lengths = np.diff(edges)
    return np.repeat((lengths >= slots) & np.isfinite(values[edges[:-1]]), lengths)


def find_spikes(values: np.ndarray) -> np.ndarray:
    """Where a value is far beyond the 99th percentile of those that are not zero."""
    positive = values[values > 0]
    if positive.size < 100:
        return np.zeros(values.size, dtype=bool)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = values > SPIKE_FACTOR * np.percentile(positive, 99)
    return found


def _from_registers(
    import_wh: np.ndarray, export_wh: np.ndarray, grid: Grid, marks: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Differences, if the import only ever rises by much less than it is: a meter's register."""
    known = import_wh[np.isfinite(import_wh)]
    steps = np.diff(known)
    if known.size < 2 * grid.slots_per_day or not (steps > 0).any():
        return import_wh.copy(), export_wh.copy()
    if (steps < 0).mean() > 0.001 or np.median(known) < 20 * max(steps.mean(), 1e-9):
        return import_wh.copy(), export_wh.copy()
    marks.append("the columns hold registers; their differences count")
    nothing = np.full(1, np.nan)
    return (
        np.concatenate((np.diff(import_wh), nothing)),
        np.concatenate((np.diff(export_wh), nothing)),
    )


def _split_net(
    import_wh: np.ndarray, export_wh: np.ndarray, marks: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Net energy in the column of the import becomes import and export."""
    negative = import_wh < 0
    if negative.mean() < NET_SHARE_MIN or (export_wh > 0).any():
        return import_wh, export_wh
    marks.append("the import is net of export: what is negative counts as export")
    return np.maximum(import_wh, 0.0), np.maximum(-import_wh, 0.0)


def _remove(values: np.ndarray, wrong: np.ndarray, what: str, grid: Grid, marks: list[str]) -> None:
    if wrong.any():
        values[wrong] = np.nan
        marks.append(f"{what}: {_in_days(wrong, grid)} taken as missing")


def _in_days(found: np.ndarray, grid: Grid) -> str:
    hours = int(found.sum()) * grid.slot_s / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.3g} hours"
