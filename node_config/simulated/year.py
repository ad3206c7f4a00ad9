"""The same homes under several conditions, and what each was worth.

agents      as they are: a market, their batteries, and forecasts of what was known
no battery  the same without batteries
foresight   the same, but each home knows its own use and sun of the next day; if asked for

The measure of what a home could know is `hindsight`: what its energy would have cost at the prices
that the agents' slots came to, had it known all of them, and its own use. Foresight is of a home's
own use, not of prices, and all homes have it at once: it need not cost less (decision 76), and
takes as long as all the rest.

Without a market a home pays the supplier's highest price and gets the lowest, with and without a
battery that serves itself. Conditions run in processes of their own, on the compiled rules if this
machine has them, and the results depend on neither.
"""

from __future__ import annotations

import math
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from agents.trading import Battery
from client.errors import MissingError
from node_config.compiled import find_compiled, is_checkout
from node_config.simulated.homes import Expect, HomeData
from node_config.simulated.street import Clock, Progress, StreetResult, run_street, show_nothing

if TYPE_CHECKING:
    import numpy as np

    from agents import observation

WEAR_PER_KWH = 10_000
WH_PER_KWH = 1000
Job = Callable[[], StreetResult]
T = TypeVar("T")


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

    first = ERROR_DAYS_MIN * street.grid.slots_per_day
    return [_Outlook(whole[:, number], first) for number in range(len(street.homes))]


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What a model expects of a home, (quantiles, slots, horizon), from a first slot on."""

    quantiles_wh: np.ndarray
    first: int

    def __call__(self, index: int) -> Sequence[tuple[int, int, int]] | None:
        if index < self.first:
            return None
        return [tuple(row) for row in self.quantiles_wh[:, index].T.tolist()]


@dataclass(frozen=True, slots=True)
class _Foresight:
    """What will be used."""

    net_wh: Sequence[int]
    per_day: int

    def __call__(self, index: int) -> Sequence[tuple[int, int, int]]:
        return [(wh, wh, wh) for wh in self.net_wh[index : index + self.per_day]]


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
    return replace(data, expect=_Foresight(data.net_wh, per_day))


def make_jobs(
    case: Case, on_progress: Progress = show_nothing, *, with_foresight: bool = False
) -> dict[str, Job]:
    """The conditions by name, that which takes longest first; what it does is shown."""
    run = partial(run_street, clock=case.clock, seed=case.seed)
    bare = [replace(one, battery=None) for one in case.homes]
    jobs: dict[str, Job] = {
        "agents": partial(run, case.homes, on_progress=on_progress),
        "no battery": partial(run, bare),
    }
    if with_foresight:
        jobs["foresight"] = partial(run, [foresee(one, case.clock.per_day) for one in case.homes])
    return jobs


def run_jobs(jobs: Mapping[str, Callable[[], T]], workers: int) -> dict[str, T]:
    """The result of each job; with several workers in processes of their own."""
    if workers == 1:
        return {name: job() for name, job in jobs.items()}
    with _compiled_rules():
        pool = multiprocessing.get_context("spawn").Pool(min(workers, len(jobs)))
    with pool:
        results = pool.map(_call, list(jobs.values()), chunksize=1)
    return dict(zip(jobs, results, strict=True))


def _call(job: Callable[[], T]) -> T:
    return job()


@contextmanager
def _compiled_rules() -> Iterator[None]:
    """Processes that are started meanwhile take the rules from where these sources are compiled."""
    folder = find_compiled() if is_checkout() else None
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
