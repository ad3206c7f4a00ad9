"""`blockenergy agent insight`: what a home's meter says about it, in sentences with money."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import text_output
from agents.commands.options import add_folder, read_street, say_left_out
from client.cli.common import add_output_option
from client.errors import UsageError

if TYPE_CHECKING:
    from agents.observation import Street

DESCRIPTION = """
Says what a home's meter shows: what always runs, heating and cooling by the temperature, a car, PV,
use in dear hours, and what moving a kWh saves; each with money a year and how sure it is. What data
of a quarter of an hour or more cannot show is not said.
"""
PRICE = 0.30


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    parser.add_argument(
        "--price",
        metavar="P",
        type=float,
        default=PRICE,
        help=f"what a kWh costs, where the folder has no prices (default: {PRICE})",
    )
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Shows the findings of each home."""
    if not 0 < args.price < 1_000_000:
        raise UsageError(f"--price {args.price} is not a price above zero")
    street = read_street(args)
    content = describe(street, args.price)
    if args.output == "json":
        text_output.say(text_output.to_json(content))
        return 0
    for home in content["homes"]:
        text_output.say(text_output.escape(home["name"]))
        for one in home["findings"]:
            text_output.say(f"  {one['sentence']} ({one['certainty']:.0%} sure)")
        for mark in home["marks"]:
            text_output.say(f"  {mark}")
    say_left_out(street)
    return 0


def describe(street: Street, default_price: float) -> dict[str, Any]:
    """The findings of each home as names and numbers."""
    from agents.insight.findings import DAYS_MIN, find_all, make_view

    homes: list[dict[str, Any]] = []
    for home in street.homes:
        view = make_view(home, street.grid, street.price, default_price, street.temperature)
        marks = list(home.marks)
        if view is None:
            marks.append(f"nothing can be said: it takes {DAYS_MIN} whole days with some use")
        found = [] if view is None else [one.to_dict() for one in find_all(view)]
        homes.append({"name": home.name, "findings": found, "marks": marks})
    return {"homes": homes, "left_out": street.left_out}
