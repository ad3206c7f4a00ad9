"""The linear program of all homes' batteries, solved again at each slot.

For each home and slot: charge, discharge, what is stored, and the import at three quantiles of net
use, whose mean is paid for. That makes each slot a newsvendor: a little more is stored against
the chance that more is used. All homes share the ramp and the peak of their sum.

Slots are columns by time of day (slot number modulo the horizon), so that from one slot to the next
only few coefficients change and HiGHS goes on from the basis it had.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from highspy._core import _Highs

from agents.planning.battery import Bank

# What the linear program takes for the curve of efficiency: each way, at ordinary power.
WAY_EFFICIENCY = 0.92
# From this share of the capacity on the power falls to a fifth at the full battery.
POWER_FALLS_AT, POWER_AT_FULL = 0.8, 0.2
_INF = highspy.kHighsInf


@dataclass(frozen=True, slots=True)
class Weights:
    """What is paid for, in one unit of cost: each per kWh, or per kW of the sum.

    `import_cost` is homes by horizon; `moved` homes; `ramp` and `peak` single numbers; `stored_end`
    what a kWh left in a battery at the end is worth, by home.
    """

    import_cost: np.ndarray
    moved: np.ndarray
    ramp: float
    peak: float
    stored_end: np.ndarray


@dataclass(frozen=True, slots=True)
class Plan:
    """The schedule from the first slot on, homes by horizon, and what a kWh is worth in it."""

    charge_kwh: np.ndarray
    discharge_kwh: np.ndarray
    stored_kwh: np.ndarray
    worth: np.ndarray


class Planner:
    """Holds the program and its basis; `plan` has no other memory."""

    def __init__(self, bank: Bank, horizon: int, quantiles: int, slot_h: float) -> None:
        self._homes, self._horizon, self._quantiles = len(bank.capacity_kwh), horizon, quantiles
        self._bank = bank
        self._slot_h = slot_h
        self._columns = _Columns(self._homes, horizon, quantiles)
        self._rows = _Rows(self._homes, horizon, quantiles)
        self._start = 0
        # The class around this one prints a line before it can be told not to.
        self._solver = _Highs()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("presolve", "off")
        self._solver.passModel(self._build())

    def plan(
        self,
        slot: int,
        stored_kwh: np.ndarray,
        net_kwh: np.ndarray,
        mean_kwh: np.ndarray,
        last_sum_kwh: float,
        peak_kwh: float,
        weights: Weights,
    ) -> Plan | None:
        """The best schedule from `slot` on; None if the solver has no answer.

        `net_kwh` is quantiles by homes by horizon (use less PV), `mean_kwh` the sum's forecast by
        horizon, `last_sum_kwh` the sum of the slot before, `peak_kwh` the highest of the month.
        """
        start = slot % self._horizon
        self._move_start(start)
        order = (start + np.arange(self._horizon)) % self._horizon
        self._set_values(order, stored_kwh, net_kwh, mean_kwh, last_sum_kwh)
        self._set_costs(order, weights, peak_kwh)
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return self._read(order)

    def _build(self) -> highspy.HighsLp:
        cols, rows = self._columns, self._rows
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = cols.count, rows.count
        program.sense_ = highspy.ObjSense.kMinimize
        program.col_cost_ = np.zeros(cols.count)
        lower, upper = np.zeros(cols.count), np.full(cols.count, _INF)
        power = (self._bank.power_kw * self._slot_h)[:, None]
        upper[cols.charge] = np.broadcast_to(power, cols.charge.shape)
        upper[cols.discharge] = upper[cols.charge]
        upper[cols.stored] = np.broadcast_to(self._bank.capacity_kwh[:, None], cols.stored.shape)
        lower[cols.total] = -_INF
        program.col_lower_, program.col_upper_ = lower, upper
        low, high = np.zeros(rows.count), np.zeros(rows.count)
        high[rows.needed] = high[rows.up] = high[rows.down] = high[rows.peak] = _INF
        low[rows.power] = -_INF
        high[rows.power] = np.broadcast_to(
            power * (1 + (1 - POWER_AT_FULL) * POWER_FALLS_AT / (1 - POWER_FALLS_AT)),
            rows.power.shape,
        )
        program.row_lower_, program.row_upper_ = low, high
        self._low, self._high = low, high
        entries = list(self._list_entries())
        order = sorted(entries)
        starts = np.searchsorted([row for row, _, _ in order], np.arange(rows.count + 1))
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = starts.astype(np.int32)
        program.a_matrix_.index_ = np.array([column for _, column, _ in order], dtype=np.int32)
        program.a_matrix_.value_ = np.array([value for _, _, value in order])
        return program

    def _list_entries(self) -> list[tuple[int, int, float]]:
        """(row, column, value) of the program that starts at column 0."""
        cols, rows = self._columns, self._rows
        entries: list[tuple[int, int, float]] = []
        slope = self._get_slope()
        for slot in range(self._horizon):
            before = (slot - 1) % self._horizon
            for home in range(self._homes):
                charge, discharge = cols.charge[home, slot], cols.discharge[home, slot]
                row = rows.stored[home, slot]
                entries += [
                    (row, cols.stored[home, slot], 1.0),
                    (row, charge, -WAY_EFFICIENCY),
                    (row, discharge, 1.0 / WAY_EFFICIENCY),
                ]
                for one in range(self._quantiles):
                    needed = rows.needed[one, home, slot]
                    entries += [
                        (needed, cols.imported[one, home, slot], 1.0),
                        (needed, charge, -1.0),
                        (needed, discharge, 1.0),
                    ]
                power = rows.power[home, slot]
                entries += [(power, charge, 1.0), (power, discharge, 1.0)]
                if slot:
                    entries.append((row, cols.stored[home, before], -1.0))
                    entries.append((power, cols.stored[home, before], slope[home]))
                entries += [(rows.total[slot], charge, -1.0), (rows.total[slot], discharge, 1.0)]
            entries += self._list_shared(slot, before)
        return [(int(row), int(column), value) for row, column, value in entries]

    def _list_shared(self, slot: int, before: int) -> list[tuple[int, int, float]]:
        cols, rows = self._columns, self._rows
        entries = [
            (rows.total[slot], cols.total[slot], 1.0),
            (rows.up[slot], cols.ramp[slot], 1.0),
            (rows.up[slot], cols.total[slot], -1.0),
            (rows.down[slot], cols.ramp[slot], 1.0),
            (rows.down[slot], cols.total[slot], 1.0),
            (rows.peak[slot], cols.peak, 1.0),
            (rows.peak[slot], cols.total[slot], -1.0),
        ]
        if slot:
            entries += [
                (rows.up[slot], cols.total[before], 1.0),
                (rows.down[slot], cols.total[before], -1.0),
            ]
        return entries

    def _get_slope(self) -> np.ndarray:
        """How fast the power falls with what is stored, per kWh."""
        capacity = np.maximum(self._bank.capacity_kwh, 1e-9)
        return (
            self._bank.power_kw
            * self._slot_h
            * (1 - POWER_AT_FULL)
            / (1 - POWER_FALLS_AT)
            / capacity
        )

    def _move_start(self, start: int) -> None:
        """Cuts the circle of slots at another place: the first has no slot before it."""
        if start == self._start:
            return
        slope = self._get_slope()
        for slot, value in ((self._start, 1.0), (start, 0.0)):
            before = (slot - 1) % self._horizon
            cols, rows = self._columns, self._rows
            for home in range(self._homes):
                column = int(cols.stored[home, before])
                self._solver.changeCoeff(int(rows.stored[home, slot]), column, -value)
                self._solver.changeCoeff(int(rows.power[home, slot]), column, value * slope[home])
            column = int(cols.total[before])
            self._solver.changeCoeff(int(rows.up[slot]), column, value)
            self._solver.changeCoeff(int(rows.down[slot]), column, -value)
        self._start = start

    def _set_values(
        self,
        order: np.ndarray,
        stored_kwh: np.ndarray,
        net_kwh: np.ndarray,
        mean_kwh: np.ndarray,
        last_sum_kwh: float,
    ) -> None:
        rows, first = self._rows, order[0]
        low, high = self._low.copy(), self._high.copy()
        low[rows.stored[:, first]] = high[rows.stored[:, first]] = stored_kwh
        high[rows.power[:, first]] -= self._get_slope() * stored_kwh
        low[rows.needed[:, :, order]] = net_kwh
        low[rows.total[order]] = high[rows.total[order]] = mean_kwh
        low[rows.up[first]] = -last_sum_kwh
        low[rows.down[first]] = last_sum_kwh
        numbers = np.arange(rows.count, dtype=np.int32)
        self._solver.changeRowsBounds(rows.count, numbers, low, high)

    def _set_costs(self, order: np.ndarray, weights: Weights, peak_kwh: float) -> None:
        cols = self._columns
        cost = np.zeros(cols.count)
        cost[cols.imported[:, :, order]] = weights.import_cost / self._quantiles
        cost[cols.charge] = cost[cols.discharge] = weights.moved[:, None]
        cost[cols.ramp] = weights.ramp
        cost[cols.peak] = weights.peak
        cost[cols.stored[:, order[-1]]] = -weights.stored_end
        self._solver.changeColsCost(cols.count, np.arange(cols.count, dtype=np.int32), cost)
        self._solver.changeColBounds(cols.peak, max(peak_kwh, 0.0), _INF)

    def _read(self, order: np.ndarray) -> Plan:
        solution = self._solver.getSolution()
        values = np.array(solution.col_value)
        duals = np.array(solution.row_dual)
        cols = self._columns
        return Plan(
            values[cols.charge[:, order]],
            values[cols.discharge[:, order]],
            values[cols.stored[:, order]],
            duals[self._rows.needed[:, :, order]].sum(axis=0),
        )


class _Columns:
    """Numbers of the variables."""

    def __init__(self, homes: int, horizon: int, quantiles: int) -> None:
        size = homes * horizon
        self.charge = np.arange(size).reshape(homes, horizon)
        self.discharge = self.charge + size
        self.stored = self.discharge + size
        self.imported = np.arange(quantiles * size).reshape(quantiles, homes, horizon) + 3 * size
        begin = (3 + quantiles) * size
        self.total = np.arange(horizon) + begin
        self.ramp = self.total + horizon
        self.peak = begin + 2 * horizon
        self.count = self.peak + 1


class _Rows:
    """Numbers of the conditions."""

    def __init__(self, homes: int, horizon: int, quantiles: int) -> None:
        size = homes * horizon
        self.stored = np.arange(size).reshape(homes, horizon)
        self.power = self.stored + size
        self.needed = np.arange(quantiles * size).reshape(quantiles, homes, horizon) + 2 * size
        begin = (2 + quantiles) * size
        self.total = np.arange(horizon) + begin
        self.up = self.total + horizon
        self.down = self.up + horizon
        self.peak = self.down + horizon
        self.count = begin + 4 * horizon
