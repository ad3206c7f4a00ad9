"""`blockenergy agent data`: what a folder of meters holds, and what is wrong with it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import text_output
from agents.commands.options import add_folder, read_street, say_left_out
from client.cli.common import add_output_option
from client.cli.table import format_rows, format_table

if TYPE_CHECKING:
    import numpy as np

    from agents.observation import Street

DESCRIPTION = """
Reads meters as the other commands do and says what was found: from when to when, in which slots,
how much, and every sentence about values that were not taken as they stand. Energy per day in kWh.
"""


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Shows what there is."""
    street = read_street(args)
    found = describe(street)
    if args.output == "json":
        text_output.say(text_output.to_json(found))
        return 0
    homes = found["homes"]
    heads = [(name, str(found[name])) for name in ("begin", "end", "slot_minutes", "days")]
    text_output.say(format_rows(heads))
    rows = [
        (
            one["name"],
            *(_show(one[name]) for name in ("load_kwh_per_day", "pv_kwh_per_day")),
            _show(one["missing_days"]),
        )
        for one in homes
    ]
    text_output.say(
        format_table(
            ("meter", "use kWh/day", "PV kWh/day", "days missing"), rows, text_output.get_width()
        )
    )
    for one in homes:
        for mark in one["marks"]:
            text_output.say(f"{text_output.escape(one['name'])}: {mark}")
    say_left_out(street)
    return 0


def describe(street: Street) -> dict[str, Any]:
    """The content as names and numbers."""
    import numpy as np

    grid = street.grid
    per_day = grid.slots_per_day

    def mean(values: np.ndarray | None) -> float | None:
        known = None if values is None else values[np.isfinite(values)]
        return (
            None
            if known is None or not known.size
            else round(float(known.mean()) * per_day / 1000, 3)
        )

    return {
        "begin": grid.begin.isoformat(),
        "end": grid.time_of(grid.slots).isoformat(),
        "slot_minutes": grid.slot_s / 60,
        "days": round(grid.slots / per_day, 2),
        "has_prices": street.price is not None,
        "homes": [
            {
                "name": home.name,
                "load_kwh_per_day": mean(home.get("load")),
                "pv_kwh_per_day": mean(home.pv_wh),
                "net_kwh_per_day": mean(home.net_wh),
                "battery_kwh": home.battery.capacity_kwh if home.battery else None,
                "missing_days": round(float(np.isnan(home.net_wh).sum()) / per_day, 2),
                "marks": list(home.marks),
            }
            for home in street.homes
        ],
        "marks": list(street.marks),
        "left_out": street.left_out,
    }


def _show(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
