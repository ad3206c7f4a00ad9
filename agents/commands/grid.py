"""`blockenergy agent grid`: what flows ahead against what lines carry, and what to curtail.

With a folder of meters it is tried over the past; without one it looks at the lines of a network.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
from client.cli.common import add_node_option, add_output_option
from client.cli.table import format_rows, format_table
from client.errors import UsageError

if TYPE_CHECKING:
    from agents.grid.live import LineAhead

DESCRIPTION = """
Takes the meters of a folder for those behind one feeder. Says how many hours the feeder was over
its capacity, how many it would have been had each slot been curtailed by the forecast made before
it, what energy and compensation that takes, and how often it was in vain. For a line that is too
small at times only: never more than a share of anybody's energy is asked for.

Without a folder it looks at a network: which of its lines will be how full in the slot in delivery
and those that are traded, by the chain's forecasts and by what is agreed, and what to curtail.
"""
CAPACITY_MAX_W = 10**10
PERMILLE = 1000
EUR = 1_000_000
LOW, HIGH = 80_000, 300_000


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser, is_needed=False)
    parser.add_argument(
        "--capacity-w", metavar="W", type=int, help="what the feeder of the folder carries"
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
    add_node_option(parser)
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Tries curtailment over the data, and shows what came of it; or looks at a network."""
    check_range("share-max", args.share_max, 1, 1000)
    if args.folder is None:
        return _look_at_network(args)
    if args.capacity_w is None:
        raise UsageError("with a folder of meters --capacity-w says what their feeder carries")
    check_range("capacity-w", args.capacity_w, 1, CAPACITY_MAX_W)
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


def _look_at_network(args: argparse.Namespace) -> int:
    if args.picture or args.capacity_w is not None:
        raise UsageError("--picture and --capacity-w need a folder of meters")
    from agents.chain_view import ask_node
    from agents.grid.live import find_fullest, look_at_lines
    from agents.run.loop import find_slot
    from agents.run.observe import read_network
    from client.node.rpc import Rpc

    rpc = Rpc(args.node)
    ask = ask_node(rpc)
    slot = find_slot(rpc.status(), read_network(ask))
    lines = look_at_lines(ask, slot, args.share_max)
    if args.output == "json":
        text_output.say(text_output.to_json({"slot": slot, "lines": [*map(describe, lines)]}))
        return 0
    rows = [
        (
            line.feeder,
            str(line.slot),
            str(line.capacity_wh),
            str(line.agreed_wh),
            "/".join(map(str, line.expected_wh)) if line.is_forecast else "no forecast",
            "closed" if line.load_permille is None else f"{line.load_permille / 10:.0f}%",
        )
        for line in find_fullest(lines)
    ]
    text_output.say(f"in the slots {slot} to {max(line.slot for line in lines)}, in Wh")
    header = ("feeder", "fullest in slot", "carries", "agreed", "expected", "full")
    text_output.say(format_table(header, rows, text_output.get_width()))
    for line in lines:
        for sentence in propose_in_words(line):
            text_output.say(sentence)
    return 0


def describe(line: LineAhead) -> dict[str, Any]:
    """A line as names and numbers."""
    found = asdict(line)
    proposal = found.pop("proposal")
    low, middle, high = found.pop("expected_wh")
    expected = {"low_wh": low, "middle_wh": middle, "high_wh": high}
    full = None if line.load_permille is None else line.load_permille / PERMILLE
    return {**found, "expected": expected, "full": full, "proposal": proposal}


def propose_in_words(line: LineAhead) -> list[str]:
    """What to curtail on a line, if anything, and the command that does it."""
    found = line.proposal
    if found is None:
        return []
    when = "once its gate has closed" if line.is_gate_open else "now"
    side = "SIDE_BUY" if found.is_use else "SIDE_SELL"
    what = (
        f"{line.feeder}, slot {line.slot}: curtail {found.share_permille / 10:g}% of "
        f"{'use' if found.is_use else 'production'}, {found.quantity_wh} Wh, for about "
        f"{found.compensation / EUR:.2f}: {found.reason}"
    )
    command = (
        f"  {when}: blockenergy tx market curtail --from DISTRIBUTOR --slot {line.slot} "
        f"--feeder {line.feeder} --side {side} --share-permille {found.share_permille} "
        f'--reason "too much for the line"'
    )
    return [what, command]
