"""Readings at any times onto a grid of slots: gaps stay missing, what comes twice is one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agents.observation import DAY_S, Grid
from client.errors import MissingError

SLOT_S_MIN = 60
# Ten years by the minute; a file with one wrong year would need more.
SLOTS_MAX = 5_300_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the wall clock of the meter.


@dataclass(frozen=True, slots=True)
class Readings:
    """Energies of one meter as they came: wall-clock seconds since 1970, Wh of each interval."""

    name: str
    time_s: np.ndarray
    import_wh: np.ndarray
    export_wh: np.ndarray
    marks: tuple[str, ...] = ()


def find_slot_s(readings: list[Readings]) -> int:
    """The slot length that all meters have; the longest if a longer one is a multiple."""
    lengths = {_find_own_slot_s(one) for one in readings}
    longest = max(lengths)
    odd = [length for length in lengths if longest % length]
    if odd or DAY_S % longest or longest < SLOT_S_MIN:
        raise MissingError(
            f"readings come every {', '.join(map(str, sorted(lengths)))} s; they must come at "
            f"equal distances that divide a day and are not under {SLOT_S_MIN} s"
        )
    return longest


def _find_own_slot_s(one: Readings) -> int:
    steps = np.diff(np.unique(one.time_s))
    if not steps.size:
        raise MissingError(f"{one.name} has fewer than two readings")
    values, counts = np.unique(steps, return_counts=True)
    return int(values[counts.argmax()])


def make_grid(readings: list[Readings], slot_s: int) -> Grid:
    """The grid from the first reading of any meter to the last."""
    begin = min(int(one.time_s.min()) for one in readings) // slot_s * slot_s
    end = max(int(one.time_s.max()) for one in readings)
    slots = (end - begin) // slot_s + 1
    if slots > SLOTS_MAX:
        raise MissingError(
            f"the readings reach from {to_datetime(begin):%Y-%m-%d} "
            f"to {to_datetime(end):%Y-%m-%d}; is there a wrong year?"
        )
    return Grid(to_datetime(begin), slot_s, slots)


def to_datetime(time_s: int) -> datetime:
    """The wall clock at these seconds."""
    return _EPOCH + timedelta(seconds=time_s)


def to_seconds(time: datetime) -> int:
    """Seconds since 1970 by the wall clock; a zone is dropped."""
    return int((time.replace(tzinfo=None) - _EPOCH).total_seconds())


def place(one: Readings, grid: Grid) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Import and export of a meter on the grid, and what was noticed."""
    base = to_seconds(grid.begin)
    own_slot_s = _find_own_slot_s(one)
    order = np.lexsort((one.export_wh, one.import_wh, one.time_s))
    rows = np.column_stack((one.time_s, one.import_wh, one.export_wh))[order]
    kept = _drop_repeated(rows)
    marks = list(one.marks)
    if len(kept) < len(rows):
        marks.append(f"{len(rows) - len(kept)} rows stand twice and count once")
    fine = (kept[:, 0].astype(np.int64) - base) // own_slot_s
    per_slot = grid.slot_s // own_slot_s
    length = grid.slots * per_slot
    counts = np.bincount(fine, minlength=length)[:length]
    double = int((counts > 1).sum())
    if double:
        marks.append(
            f"{double} slots have several values, as on a day of 25 hours: their mean counts"
        )
    placed = [_average(fine, kept[:, column], length, per_slot) for column in (1, 2)]
    return placed[0], placed[1], tuple(marks)


def _drop_repeated(rows: np.ndarray) -> np.ndarray:
    known = np.nan_to_num(rows, nan=-1.0)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (known[1:] != known[:-1]).any(axis=1)
    return rows[new]


def _average(fine: np.ndarray, values: np.ndarray, length: int, per_slot: int) -> np.ndarray:
    """The mean of the values of each fine slot, added up to slots; missing if one is missing."""
    good = np.isfinite(values)
    sums = np.bincount(fine[good], weights=values[good], minlength=length)[:length]
    counts = np.bincount(fine[good], minlength=length)[:length]
    means = np.divide(sums, counts, out=np.full(length, np.nan), where=counts > 0)
    return means.reshape(-1, per_slot).sum(axis=1)
