"""The same homes under several conditions, and what each was worth.

agents      as they are: a market, their batteries, and forecasts of what was known
no battery  the same without batteries
foresight   the same, but each home knows its own use and sun of the next day

Foresight is of a home's own use, not of prices, and all homes have it at once: it need not cost
less. The measure of what a home could know is `hindsight`: what its energy would have cost at the
prices that the agents' slots came to, had it known all of them.

Without a market a home pays the supplier's highest price and gets the lowest, with and without a
battery that serves itself. Conditions run in processes of their own, and the results do not depend
on how many.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.trading import Battery
from client.errors import MissingError
from node_config.simulated.homes import Expect, HomeData
from node_config.simulated.street import Clock, StreetResult, run_street

if TYPE_CHECKING:
    import numpy as np

    from agents import observation

WEAR_PER_KWH = 10_000
WH_PER_KWH = 1000
CONDITIONS = ("agents", "no battery", "foresight")
Job = Callable[[], StreetResult]


@dataclass(frozen=True, slots=True)
class Case:
    """Homes and their clock, with their forecasts; the same for all conditions."""

    homes: tuple[HomeData, ...]
    clock: Clock
    seed: int = 1


def make_case(
    street: observation.Street, days: int, battery: Battery | None, *, model: bool, threads: int = 1
) -> Case:
    """The case of a street's first days.

    `battery` is for homes whose data name none. `model`: forecasts by the models of
    agents.planning, otherwise by each home's own simple ones.
    """
    from agents.planning.year import fill_gaps

    grid, per_day = street.grid, street.grid.slots_per_day
    slots = min(grid.slots, days * per_day) if days else grid.slots
    if slots < per_day:
        raise MissingError("a simulation needs a day of data or more")
    net = fill_gaps(street.get_matrix("net"), per_day)
    expect = _make_models(street, net, threads) if model else None
    homes = tuple(
        HomeData(
            home.name,
            [round(wh) for wh in net[number, :slots].tolist()],
            _make_battery(home, grid.slot_s) or battery,
            expect=expect[number] if expect else None,
        )
        for number, home in enumerate(street.homes)
    )
    first = grid.begin.hour * 3600 + grid.begin.minute * 60 + grid.begin.second
    return Case(homes, Clock(grid.slot_s, first // grid.slot_s, slots))


def _make_models(street: observation.Street, net: np.ndarray, threads: int) -> list[Expect]:
    """The outlook of each home at each slot, from what was known before it; None in the first days,
    when there are no errors yet that would say how uncertain it is.
    """
    import numpy as np

    from agents.planning.outlook import ERROR_DAYS_MIN, look_ahead
    from agents.planning.year import get_load

    load = get_load(street)
    pv = np.maximum(load - net, 0.0)
    outlook = look_ahead(load / WH_PER_KWH, pv / WH_PER_KWH, street.grid, threads)
    whole = np.sort(np.rint(outlook.quantiles * WH_PER_KWH).astype(np.int64), axis=0)

    def expect_home(number: int) -> Expect:
        def expect(index: int) -> Sequence[tuple[int, int, int]] | None:
            if index < ERROR_DAYS_MIN * street.grid.slots_per_day:
                return None
            return [tuple(row) for row in whole[:, number, index].T.tolist()]

        return expect

    return [expect_home(number) for number in range(len(street.homes))]


def _make_battery(home: observation.Home, slot_s: int) -> Battery | None:
    """The battery of the data; half of what it loses each way."""
    if home.battery is None:
        return None
    return make_battery(
        home.battery.capacity_kwh, home.battery.power_kw, home.battery.efficiency, slot_s
    )


def make_battery(capacity_kwh: float, power_kw: float, efficiency: float, slot_s: int) -> Battery:
    """An empty battery by its round-trip efficiency."""
    each_way = round(1000 * math.sqrt(efficiency))
    capacity_wh = round(capacity_kwh * WH_PER_KWH)
    slot_max_wh = round(power_kw * WH_PER_KWH * slot_s / 3600)
    return Battery(capacity_wh, slot_max_wh, each_way, each_way, 0, 0, WEAR_PER_KWH)


def foresee(data: HomeData, per_day: int) -> HomeData:
    """The home as it would be if it knew its own use of the next day."""

    def expect(index: int) -> Sequence[tuple[int, int, int]]:
        known = data.net_wh[index : index + per_day]
        return [(wh, wh, wh) for wh in known]

    return replace(data, expect=expect)


def make_jobs(case: Case, on_progress: Callable[[int, int], None]) -> dict[str, Job]:
    """The conditions by name; what `agents` does is shown while it runs."""

    def run(homes: Sequence[HomeData], *, shown: bool = False) -> StreetResult:
        if shown:
            return run_street(homes, case.clock, case.seed, on_progress)
        return run_street(homes, case.clock, case.seed)

    per_day = case.clock.per_day
    return {
        "agents": lambda: run(case.homes, shown=True),
        "no battery": lambda: run([replace(one, battery=None) for one in case.homes]),
        "foresight": lambda: run([foresee(one, per_day) for one in case.homes]),
    }


# What the processes of `run_jobs` inherit instead of having it sent.
_jobs: dict[str, Job] = {}


def run_jobs(jobs: Mapping[str, Job], workers: int) -> dict[str, StreetResult]:
    """The result of each job; with several workers in processes that are copies of this one."""
    if workers == 1:
        return {name: job() for name, job in jobs.items()}
    _jobs.clear()
    _jobs.update(jobs)
    with multiprocessing.get_context("fork").Pool(min(workers, len(jobs))) as pool:
        results = pool.map(_run_job, list(jobs), chunksize=1)
    return dict(zip(jobs, results, strict=True))


def _run_job(name: str) -> StreetResult:
    return _jobs[name]()
