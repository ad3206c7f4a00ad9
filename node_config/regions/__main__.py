"""`make regions`: two regions of ten homes, each a chain of its own, trade over a tie line.

The north has ten roofs with PV, the south has none. The operator of the line trades towards the
higher price, in steps, until the prices meet or the line is full; a relayer carries what it trades.
It ends by itself when all slots are settled, writes regions.png, and proves what it shows: exit
status 0 only if prices have met or the line is full in every slot, both regions agree on it, the
line never carried more than its capacity, and its meter has settled in both what it says.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import text_output
from client.cli.common import Parser
from client.errors import ClientError, MissingError, UsageError

LIBRARIES = ("matplotlib",)
EXIT_BROKEN, EXIT_INTERRUPTED = 1, 130
_CAPACITY_MAX_WH = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demonstration; returns the exit status."""
    try:
        args = make_parser().parse_args(arguments)
        missing = " ".join(name for name in LIBRARIES if find_spec(name) is None)
        if missing:
            raise UsageError(f"the demonstration needs {missing}; install requirements/demo.txt")
        args.out.mkdir(parents=True, exist_ok=True)
        return run(args)
    except ClientError as error:
        text_output.complain(f"regions: {error.sentence}")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        text_output.complain(f"regions: {error.filename or args.out}: {error.strerror}")
        return MissingError.exit_code


def run(args: argparse.Namespace) -> int:
    """Runs and checks the demonstration in a folder that is removed afterwards."""
    from node_config.regions.picture import draw
    from node_config.regions.play import play
    from node_config.regions.report import format_results

    folder = args.home or Path(tempfile.mkdtemp(prefix="blockenergy-regions-"))
    try:
        results = play(folder, args.slot_length, args.capacity, text_output.say)
        path = args.out / "regions.png"
        draw(path, results)
        text_output.say(f"\n{format_results(results)}\n\nWrote {path}.")
        return EXIT_BROKEN if results.broken else 0
    finally:
        if args.home is None:
            shutil.rmtree(folder, ignore_errors=True)


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = Parser(prog="python -m node_config.regions", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--capacity",
        metavar="WH",
        type=_parse_capacity,
        default=6_000,
        help=f"what the line carries in a slot, 1 to {_CAPACITY_MAX_WH} Wh (default: 6000)",
    )
    parser.add_argument(
        "--slot-length",
        metavar="SECONDS",
        type=_parse_length,
        default=10,
        help="10 to 300; a slot counts as an hour (default: 10)",
    )
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=Path,
        help="folder for the networks, kept afterwards (default: a temporary one)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("out"),
        help="where regions.png is written (default: out)",
    )
    return parser


def _parse_capacity(text: str) -> int:
    return _parse(text, 1, _CAPACITY_MAX_WH)


def _parse_length(text: str) -> int:
    return _parse(text, 10, 300)


def _parse(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
