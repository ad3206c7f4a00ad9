"""`blockenergy agent simulate`: homes of data on the chain's own rules, and what that was worth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import text_output
from agents.commands.options import (
    THREADS_MAX,
    Progress,
    add_battery,
    add_folder,
    add_picture,
    add_threads,
    check_battery,
    check_picture,
    check_range,
    read_street,
    say_left_out,
)
from client.cli.common import add_output_option
from client.cli.table import format_table

if TYPE_CHECKING:
    from agents.trading import Battery

DESCRIPTION = """
Lets homes trade over the data of a folder, slot after slot, on the chain's own rules in this
process: signed orders, the pool, settlement by their meters, fees. Says what the energy of each
home cost with the market and its battery, without a battery, without a market, and with perfect
foresight of its use and of all these prices (hindsight). No home knows what is to come, nor the
slot that begins.
"""
DAYS_MAX = 3_660


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_case(parser)
    parser.add_argument(
        "--foresight",
        action="store_true",
        help="also simulate homes that know their own next day, but no prices; half as long again",
    )
    parser.add_argument("--csv", metavar="FILE.csv", type=Path, help="write every slot and home")
    add_picture(parser, "money by home, and a week of the market")
    add_output_option(parser)


def add_case(parser: argparse.ArgumentParser) -> None:
    """Options of a simulated case."""
    add_folder(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--days", metavar="N", type=int, default=0, help="the first days only")
    length.add_argument("--year", action="store_true", help="the first 365 days")
    parser.add_argument(
        "--forecast",
        choices=("model", "simple"),
        default="model",
        help="by a model of all homes, or by each home's last days (default: model)",
    )
    add_battery(parser)
    parser.add_argument(
        "--workers", metavar="N", type=int, default=2, help="processes (default: 2)"
    )
    add_threads(parser)


def read_case(args: argparse.Namespace) -> tuple[Any, Any]:
    """The street of the folder and its case."""
    check_range("workers", args.workers, 1, THREADS_MAX)
    check_range("threads", args.threads, 1, THREADS_MAX)
    check_range("days", args.days, 0, DAYS_MAX)
    check_battery(args.battery_kwh)
    from agents.planning.supply import EFFICIENCY, POWER_SHARE
    from node_config.simulated.year import make_battery, make_case

    street = read_street(args)
    kwh = args.battery_kwh
    battery: Battery | None = None
    if kwh:
        battery = make_battery(kwh, kwh * POWER_SHARE, EFFICIENCY, street.grid.slot_s)
    days = 365 if args.year else args.days
    is_model = args.forecast == "model"
    return street, make_case(street, days, battery, model=is_model, threads=args.threads)


def run(args: argparse.Namespace) -> int:
    """Simulates all conditions, shows, and writes what was asked for."""
    check_picture(args.picture)
    from node_config.simulated.report import draw, list_costs, write_slots
    from node_config.simulated.year import make_jobs, run_jobs

    street, case = read_case(args)
    results = run_jobs(
        make_jobs(case, Progress("slot"), with_foresight=args.foresight), args.workers
    )
    agents = results["agents"]
    rows = list_costs(results)
    content = {
        "slots": case.clock.slots,
        "homes": rows[:-1],
        "all": rows[-1],
        "orders_rejected": len(agents.rejections),
        "marks": {home.name: list(home.marks) for home in street.homes if home.marks},
        "left_out": street.left_out,
    }
    if args.output == "json":
        text_output.say(text_output.to_json(content))
    else:
        show(rows)
        for name, marks in content["marks"].items():
            for mark in marks:
                text_output.say(f"{text_output.escape(name)}: {mark}")
        say_left_out(street)
    if args.csv:
        times = [street.grid.time_of(slot).isoformat() for slot in range(case.clock.slots)]
        write_slots(args.csv, agents, times)
    if args.picture:
        draw(args.picture, results, case.clock.per_day)
    return 0


def show(rows: list[dict[str, Any]]) -> None:
    """The table of costs."""
    names = [name for name in rows[0] if name != "name"]
    heads = ("EUR", *(name.replace("_", " ") for name in names))
    cells = [(row["name"], *(f"{row[name]:.2f}" for name in names)) for row in rows]
    text_output.say(format_table(heads, cells))
