"""`blockenergy agent tournament`: strategies against one another on the same homes."""

from __future__ import annotations

import argparse

import text_output
from agents.commands.options import add_picture, check_picture
from agents.trading import STRATEGIES
from client.cli.common import add_output_option
from client.cli.table import format_table
from client.errors import UsageError
from node_config.simulated.simulate_command import add_case, read_case

DESCRIPTION = """
Runs strategies against one another on the homes of a folder: mixed in one street, so that each
has each home once, and each in a street of its own. Says what they saved per home in both, who
gains by whom, how much of what is possible a street of them reaches, and how much prices jump. It
simulates a street twice for each strategy, and once more; --days shortens it.
"""


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_case(parser)
    parser.add_argument(
        "--strategies",
        metavar="NAMES",
        default=",".join(STRATEGIES),
        help=f"separated by commas (default: {','.join(STRATEGIES)})",
    )
    add_picture(parser, "money by strategy")
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the tournament and shows it."""
    check_picture(args.picture)
    strategies = args.strategies.split(",")
    for name in strategies:
        if name not in STRATEGIES:
            raise UsageError(f"{name!r} is no strategy; use some of {', '.join(STRATEGIES)}")
    if len(set(strategies)) != len(strategies):
        raise UsageError("--strategies names a strategy twice")
    from node_config.simulated.tournament import compare, make_jobs
    from node_config.simulated.year import run_jobs

    _, case = read_case(args)
    if len(case.homes) < len(strategies):
        raise UsageError(f"{len(strategies)} strategies need as many homes; there are fewer")
    rows = compare(run_jobs(make_jobs(case, strategies), args.workers), strategies)
    if args.output == "json":
        text_output.say(text_output.to_json({"slots": case.clock.slots, "strategies": rows}))
    else:
        cells = [tuple(str(value) for value in row.values()) for row in rows]
        text_output.say(format_table(tuple(rows[0]), cells))
    if args.picture:
        from node_config.simulated.report import draw_strategies

        draw_strategies(args.picture, rows)
    return 0
