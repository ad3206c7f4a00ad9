"""What came of a simulated year, as rows, CSV and a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from client.errors import MissingError
from node_config.simulated.street import StreetResult

EUR = 1_000_000
# By home, in EUR, fees included; lower is better.
COSTS = (
    "no_market",
    "no_market_with_battery",
    "no_battery",
    "agents",
    "hindsight",
    # Where it was asked for.
    "foresight",
)


def list_costs(results: Mapping[str, StreetResult]) -> list[dict[str, Any]]:
    """A row per home and one of all: what its energy cost under each condition."""
    costs: dict[str, dict[str, int]] = {}
    for number, home in enumerate(results["agents"].homes):
        costs[home.name] = {
            "no_market": home.cost_alone,
            "no_market_with_battery": home.cost_alone_with_battery,
            "no_battery": results["no battery"].homes[number].cost,
            "agents": home.cost,
            "hindsight": home.cost_in_hindsight,
        }
        if "foresight" in results:
            costs[home.name]["foresight"] = results["foresight"].homes[number].cost
    names = [name for name in COSTS if name != "foresight" or name in results]
    costs["all"] = {name: sum(row[name] for row in costs.values()) for name in names}
    return [
        {"name": name, **{key: round(value / EUR, 2) for key, value in row.items()}}
        for name, row in costs.items()
    ]


def write_slots(path: Path, result: StreetResult, times: Sequence[str]) -> None:
    """A row per slot and home: the price, what flowed through its meter, what its battery held."""
    header = ["time", "home", "price_per_kwh", "net_wh", "stored_wh"]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for number, home in enumerate(result.homes):
                for time, price, net_wh, stored_wh in zip(
                    times,
                    result.prices,
                    result.net_wh[number],
                    result.stored_wh[number],
                    strict=True,
                ):
                    writer.writerow([time, home.name, f"{price / EUR:.6f}", net_wh, stored_wh])
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}") from None


def draw(path: Path, results: Mapping[str, StreetResult], per_day: int) -> None:
    """Money by home under each condition, and a week of prices and of what the street used."""
    import numpy as np

    from agents.pictures.style import ACTUAL, BAND, FORECAST, SIMPLE, save

    rows = list_costs(results)[:-1]
    agents = results["agents"]
    net = np.array(agents.net_wh).sum(axis=0) / 1000
    week = slice(max(0, net.size - 7 * per_day), net.size)

    def fill(panels: list[Any]) -> None:
        at = np.arange(len(rows))
        shown = ("no_market_with_battery", "no_battery", "agents", "hindsight")
        for number, name in enumerate(shown):
            saved = [row["no_market"] - row[name] for row in rows]
            color = (SIMPLE, BAND, ACTUAL, FORECAST)[number]
            label = name.replace("_", " ")
            panels[0].bar(at + 0.2 * (number - 1.5), saved, 0.2, color=color, label=label)
        panels[0].set_xticks(at, [row["name"].replace("Building_", "") for row in rows])
        panels[0].set_ylabel("saved against no market\nEUR by home")
        panels[0].legend(frameon=False, ncols=4)
        days = np.arange(week.stop - week.start) / per_day
        panels[1].plot(days, net[week], color=ACTUAL)
        panels[1].set_ylabel("net use of all homes\nkWh per slot")
        panels[2].plot(days, np.array(agents.prices)[week] / EUR, color=FORECAST)
        panels[2].set_ylabel("price\nEUR per kWh")
        panels[2].set_xlabel("days of the last week")

    save(path, "A simulated market of homes", 3, fill, 8.5)


def draw_strategies(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """What each strategy saved per home, among others and in a street of its own."""
    import numpy as np

    from agents.pictures.style import ACTUAL, SIMPLE, save

    def fill(panels: list[Any]) -> None:
        at = np.arange(len(rows))
        panels[0].bar(at - 0.2, [row["mixed"] for row in rows], 0.4, color=ACTUAL, label="mixed")
        panels[0].bar(at + 0.2, [row["own"] for row in rows], 0.4, color=SIMPLE, label="own street")
        panels[0].set_xticks(at, [row["strategy"] for row in rows])
        panels[0].set_ylabel("saved per home\nEUR")
        panels[0].legend(frameon=False)

    save(path, "Strategies against one another", 1, fill, 4.0)
