"""`blockenergy agent plan`: batteries planned slot by slot over the data, and what came of it."""

from __future__ import annotations

import argparse
import csv
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
from client.cli.table import format_rows, format_table
from client.errors import MissingError

if TYPE_CHECKING:
    from agents.observation import Street
    from agents.planning.year import Result

DESCRIPTION = """
Plans the batteries of all homes for the next day, again in each slot of the data, from a cold start
and from what was known before the slot; moves them as the plan's first slot says, and scores what
came of it against the same homes without batteries: cost, carbon, ramping and 1 - load factor, each
as a share, and their mean as CityLearn 2022 takes it. Lower is better.
"""
DAYS_MAX = 3_660


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    parser.add_argument(
        "--score", choices=("citylearn",), default="citylearn", help="how to score (default: it)"
    )
    parser.add_argument(
        "--days", metavar="N", type=int, help="only the first days of the data (default: all)"
    )
    parser.add_argument(
        "--schedule",
        metavar="FILE.csv",
        type=Path,
        help="write what each battery did, and what a kWh was worth to its home",
    )
    add_battery(parser)
    parser.add_argument(
        "--tariff",
        metavar="PRICE",
        default="",
        help="what a kWh costs where the folder has no prices: 0.25, or by hours 0.22,16-21=0.54",
    )
    add_threads(parser)
    add_picture(parser, "plans against prices, of the last week")
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Plans, shows, and writes what was asked for."""
    check_range("threads", args.threads, 1, THREADS_MAX)
    if args.days is not None:
        check_range("days", args.days, 2, DAYS_MAX)
    check_battery(args.battery_kwh)
    check_picture(args.picture)
    from agents.planning.supply import supply
    from agents.planning.year import make_case, plan_all

    street = supply(read_street(args), args.tariff, args.battery_kwh)
    case = make_case(street, args.threads)
    whole = street.grid.slots
    slots = whole if args.days is None else min(whole, args.days * street.grid.slots_per_day)
    result = plan_all(case, slots, Progress("planning slot"))
    content = describe(street, result)
    if args.output == "json":
        text_output.say(text_output.to_json(content))
    else:
        show(content)
        say_left_out(street)
    if args.schedule:
        write_schedule(args.schedule, street, result)
    if args.picture:
        from agents.pictures.plans import draw

        draw(args.picture, street, result)
    return 0


def describe(street: Street, result: Result) -> dict[str, Any]:
    """The scores as names and numbers."""
    import numpy as np

    slots = result.net_kwh.shape[1]
    price = result.case.price[:slots]
    cost, base = (
        np.maximum(one * price, 0.0).sum(axis=1) for one in (result.net_kwh, result.base_kwh)
    )
    return {
        **{name: round(value, 6) for name, value in result.score.to_dict().items()},
        "slots": slots,
        "slots_without_plan": result.fallbacks,
        "homes": [
            {
                "name": home.name,
                "cost": round(float(cost[number]), 2),
                "cost_without_battery": round(float(base[number]), 2),
                "marks": list(home.marks),
            }
            for number, home in enumerate(street.homes)
        ],
        "marks": list(street.marks),
        "left_out": street.left_out,
    }


def show(content: dict[str, Any]) -> None:
    """Score, and money by home."""
    names = ("score", "cost", "carbon", "ramping", "load_factor")
    heads = [(name.replace("_", " "), f"{content[name]:.3f}") for name in names]
    text_output.say("of what it is without batteries:")
    text_output.say(format_rows(heads))
    rows = [
        (
            home["name"],
            f"{home['cost_without_battery']:.2f}",
            f"{home['cost']:.2f}",
            f"{home['cost_without_battery'] - home['cost']:.2f}",
        )
        for home in content["homes"]
    ]
    text_output.say(format_table(("home", "cost without", "with", "saved"), rows))
    for home in content["homes"]:
        for mark in home["marks"]:
            text_output.say(f"{text_output.escape(home['name'])}: {mark}")


def write_schedule(path: Path, street: Street, result: Result) -> None:
    """A row per home and slot, in Wh, rounded to the nearest; worth per kWh in the price's unit."""
    moved = result.net_kwh - result.base_kwh
    header = ["time", "meter", "net_without_wh", "battery_wh", "stored_wh", "worth_per_kwh"]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for number, home in enumerate(street.homes):
                for slot in range(moved.shape[1]):
                    energies = (
                        result.base_kwh[number, slot],
                        moved[number, slot],
                        result.stored_kwh[number, slot],
                    )
                    worth = f"{result.worth[number, slot]:.4f}"
                    row = [street.grid.time_of(slot).isoformat(), home.name]
                    writer.writerow([*row, *(round(1000 * one) for one in energies), worth])
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}") from None
