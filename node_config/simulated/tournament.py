"""Strategies against one another on the same homes and the same data.

In each round every home has another strategy, so that over all rounds each strategy has had each
home once; and each strategy has a street of its own, in which nobody else trades. What a strategy
gains in the mixed streets beyond its own street it gains at the others' cost.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from node_config.simulated.street import HomeResult, StreetResult, run_street
from node_config.simulated.year import Case, Job, foresee

EUR = 1_000_000
BEST = "best"


def make_jobs(case: Case, strategies: Sequence[str]) -> dict[str, Job]:
    """Rounds, streets of one strategy, and one of planners that know their next day."""
    count = len(strategies)
    rounds = {
        f"round {turn}": [strategies[(turn + number) % count] for number in range(len(case.homes))]
        for turn in range(count)
    }
    alone = {f"only {name}": [name] * len(case.homes) for name in strategies}
    jobs: dict[str, Job] = {}
    for name, chosen in {**rounds, **alone}.items():
        homes = [
            replace(one, strategy=strategy)
            for one, strategy in zip(case.homes, chosen, strict=True)
        ]
        jobs[name] = partial(run_street, homes, case.clock, case.seed)
    known = [foresee(one, case.clock.per_day) for one in case.homes]
    jobs[BEST] = partial(run_street, known, case.clock, case.seed)
    return jobs


def compare(results: Mapping[str, StreetResult], strategies: Sequence[str]) -> list[dict[str, Any]]:
    """A row per strategy: EUR saved per home against no market and no battery.

    mixed: among others. own: in its own street. taken: what it gains by the others' being others.
    welfare: what its own street saves, as a share of what planners save who know their next day.
    volatility: the standard deviation of price changes from slot to slot there, EUR per kWh.
    """
    best = sum(get_saved(home) for home in results[BEST].homes)
    rows = []
    for name in strategies:
        mixed = [
            get_saved(home)
            for key, result in results.items()
            if key.startswith("round ")
            for home in result.homes
            if home.strategy == name
        ]
        own = results[f"only {name}"]
        own_saved = [get_saved(home) for home in own.homes]
        in_mix, in_own = statistics.mean(mixed), statistics.mean(own_saved)
        changes = [
            (later - earlier) / EUR
            for earlier, later in zip(own.prices, own.prices[1:], strict=False)
        ]
        rows.append(
            {
                "strategy": name,
                "mixed": round(in_mix / EUR, 3),
                "own": round(in_own / EUR, 3),
                "taken": round((in_mix - in_own) / EUR, 3),
                "welfare": round(sum(own_saved) / best, 3) if best > 0 else None,
                "volatility": round(statistics.pstdev(changes), 4) if changes else 0.0,
            }
        )
    return sorted(rows, key=lambda row: -row["mixed"])


def get_saved(home: HomeResult) -> int:
    """What market and battery saved a home."""
    return home.cost_alone - home.cost
