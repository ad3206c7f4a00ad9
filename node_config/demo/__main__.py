"""`make demo`: a street of twenty homes trades and settles one sunny day on four validators.

A slot lasts ten seconds and counts as an hour. It ends by itself after the last slot is settled,
writes demo.png, carbon.png, forecasts.png and demo.csv, and proves what it shows: exit status 0
only if every slot was settled, no reading was rejected, money and certificates add up, and all
validators have the same state.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from blockenergy.options.v1.options_pb2 import UNIT_PRICE

import text_output
from client import units
from client.cli.common import Parser
from client.errors import ClientError, MissingError, UsageError
from node_config.demo.home.homes import HOMES, HOURS
from node_config.demo.scenario import HEADER, HOMES_MAX, Scenario, read_profiles

# The extra `demo` in pyproject.toml.
LIBRARIES = ("demandlib", "matplotlib", "pvlib", "rich")
EXIT_BROKEN, EXIT_INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demonstration; returns the exit status."""
    try:
        args = make_parser().parse_args(arguments)
        require_libraries()
        args.out.mkdir(parents=True, exist_ok=True)
        return run(args)
    except ClientError as error:
        text_output.complain(f"demo: {error.sentence}")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        text_output.complain(f"demo: {error.filename or args.out}: {error.strerror}")
        return MissingError.exit_code


def run(args: argparse.Namespace) -> int:
    """Prepares, runs and checks the day in a folder that is removed on success."""
    from node_config.demo.run import play, prepare
    from node_config.demo.view import make_view
    from node_config.localnet.network import Network

    begun = time.monotonic()
    stop = threading.Event()
    folder = args.home or Path(tempfile.mkdtemp(prefix="blockenergy-demo-"))
    is_kept = args.home is not None
    try:
        scenario = make_scenario(args)
        text_output.say(f"Preparing {scenario.homes} homes and 4 validators …")
        plan = prepare(folder if is_kept else folder / "net", args.slots, args.seed, scenario)
        network = Network(plan.home)

        def request_stop(*_: object) -> None:
            network.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, request_stop)
        try:
            results = play(plan, network, make_view(plan.day, plan.homes, args.plain), stop)
        except ClientError:
            if not stop.is_set():
                is_kept = True
                text_output.complain(f"demo: logs are in {plan.home / 'logs'}")
                raise
            results = None
        if results is None:
            text_output.say("Stopped; no process is left.")
            return EXIT_INTERRUPTED
        is_kept = is_kept or bool(results.broken)
        report(args, results, time.monotonic() - begun)
        if results.broken and args.home is None:
            text_output.complain(f"The network's files are kept in {plan.home}")
        return EXIT_BROKEN if results.broken else 0
    finally:
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)


def report(args: argparse.Namespace, results: object, took_s: float) -> None:
    """Prints the summary and writes picture and table."""
    from node_config.demo.after.carbon_results import draw_carbon
    from node_config.demo.after.forecast_results import draw_forecasts
    from node_config.demo.after.picture import draw
    from node_config.demo.after.results import Results
    from node_config.demo.after.summary import format_summary, write_csv
    from node_config.demo.forecasters import COPYCAT, GOOD

    assert isinstance(results, Results)
    picture, table = args.out / "demo.png", args.out / "demo.csv"
    forecasts, carbon = args.out / "forecasts.png", args.out / "carbon.png"
    draw(picture, results)
    draw_carbon(carbon, results.carbon)
    draw_forecasts(forecasts, results.forecasts, GOOD, COPYCAT)
    write_csv(table, results)
    wrote = f"Wrote {picture}, {carbon}, {forecasts} and {table} after {took_s:.0f} s."
    text_output.say(f"\n{format_summary(results)}\n\n{wrote}")


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = Parser(prog="python -m node_config.demo", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--slots",
        metavar="N",
        type=parse_slots,
        default=HOURS,
        help=f"hours of the day, each ten seconds, 1 to {HOURS} (default: {HOURS})",
    )
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=Path,
        help="new folder for the network, kept afterwards (default: a temporary one)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("out"),
        help="where demo.png and demo.csv are written (default: out)",
    )
    parser.add_argument("--plain", action="store_true", help="a line per slot, no live table")
    parser.add_argument(
        "--seed", metavar="N", type=int, default=1, help="another street (default: 1)"
    )
    parser.add_argument(
        "--homes",
        metavar="N",
        type=parse_homes,
        default=HOMES,
        help=f"1 to {HOMES_MAX}, every second one with PV (default: {HOMES})",
    )
    parser.add_argument("--price-low", metavar="PRICE", help="feed-in tariff, such as 0.08")
    parser.add_argument("--price-high", metavar="PRICE", help="retail tariff, such as 0.30")
    parser.add_argument(
        "--profiles",
        metavar="FILE.csv",
        type=Path,
        help=f"own profiles: a row per hour, with the header {','.join(HEADER)}; watts of a "
        "household of 4,000 kWh a year, and of 1 kW of PV",
    )
    return parser


def make_scenario(args: argparse.Namespace) -> Scenario:
    """The scenario of the options; raises UsageError or MissingError."""
    low, high = (
        None if text is None else units.parse(UNIT_PRICE, text)
        for text in (args.price_low, args.price_high)
    )
    profiles = None if args.profiles is None else read_profiles(args.profiles)
    return Scenario(args.homes, low, high, profiles)


def parse_homes(text: str) -> int:
    """1 to 60."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= HOMES_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {HOMES_MAX}")
    return int(text)


def parse_slots(text: str) -> int:
    """1 to 24."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= HOURS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {HOURS}")
    return int(text)


def require_libraries() -> None:
    """Raises UsageError if the demonstration's own libraries are missing."""
    missing = " ".join(name for name in LIBRARIES if find_spec(name) is None)
    if missing:
        raise UsageError(
            f"the demonstration needs more than a validator; install it with: {sys.executable} "
            f"-m pip install {missing}"
        )


if __name__ == "__main__":
    sys.exit(main())
