"""`blockenergy agent grid`: a feeder's flow ahead against what it carries, and what to curtail."""

from __future__ import annotations

import argparse
from typing import Any

import text_output
from agents.commands.options import (
    THREADS_MAX,
    add_folder,
    add_picture,
    add_threads,
    check_picture,
    check_range,
    read_street,
)
from client.cli.common import add_output_option
from client.cli.table import format_rows

DESCRIPTION = """
Takes the meters of a folder for those behind one feeder. Says how many hours the feeder was over
its capacity, how many it would have been had each slot been curtailed by the forecast made before
it, what energy and compensation that takes, and how often it was in vain. For a line that is too
small at times only: never more than a share of anybody's energy is asked for.
"""
CAPACITY_MAX_W = 10**10
EUR = 1_000_000
LOW, HIGH = 80_000, 300_000


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    parser.add_argument(
        "--capacity-w", metavar="W", type=int, required=True, help="what the feeder carries"
    )
    parser.add_argument(
        "--share-max",
        metavar="PERMILLE",
        type=int,
        default=500,
        help="the most of a position that is curtailed (default: 500)",
    )
    add_threads(parser)
    add_picture(parser, "the week with the highest flow, with and without curtailment")
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Tries curtailment over the data, and shows what came of it."""
    check_range("capacity-w", args.capacity_w, 1, CAPACITY_MAX_W)
    check_range("share-max", args.share_max, 1, 1000)
    check_range("threads", args.threads, 1, THREADS_MAX)
    check_picture(args.picture)
    from agents.grid.trial import run_trial

    street = read_street(args)
    trial = run_trial(street, args.capacity_w, (LOW, HIGH), args.share_max, args.threads)
    content: dict[str, Any] = {
        "hours": trial.hours,
        "hours_over_capacity": trial.hours_over,
        "hours_over_with_curtailment": trial.hours_over_with,
        "curtailed_kwh": round(trial.curtailed_wh / 1000, 2),
        "compensation_eur": round(trial.compensation / EUR, 2),
        "slots_curtailed_in_vain": trial.in_vain,
        "slots_missed": trial.missed,
    }
    ahead: list[dict[str, Any]] = [
        {
            "time": street.grid.time_of(slot).isoformat(),
            "side": "use" if found.is_use else "production",
            "share_permille": found.share_permille,
            "quantity_wh": found.quantity_wh,
            "compensation_eur": round(found.compensation / EUR, 4),
            "reason": found.reason,
        }
        for slot, found in trial.ahead
    ]
    if args.output == "json":
        text_output.say(text_output.to_json({**content, "next_day": ahead}))
    else:
        text_output.say(
            format_rows((name.replace("_", " "), str(value)) for name, value in content.items())
        )
        for one in ahead:
            text_output.say(
                f"{one['time']}: curtail {one['share_permille'] / 10:g}% of {one['side']}, "
                f"{one['quantity_wh']} Wh: {one['reason']}"
            )
    if args.picture:
        from agents.pictures.feeder import draw

        draw(args.picture, street, trial, args.capacity_w)
    return 0
