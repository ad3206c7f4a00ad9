"""`blockenergy agent fleet`: forecasts of all meters of a distributor, here or on a cluster."""

from __future__ import annotations

import argparse
import csv
import hashlib
import resource
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import text_output
from agents.commands.options import (
    THREADS_MAX,
    Progress,
    add_folder,
    add_threads,
    check_range,
    read_street,
)
from client.cli.common import add_output_option
from client.cli.table import format_rows
from client.errors import MissingError

if TYPE_CHECKING:
    import numpy as np

    from agents.fleet.blocks import Block

DESCRIPTION = """
Forecasts net use of all meters of a folder for the two days after the data: nine quantiles of each
slot. Models are trained on a sample of the meters; blocks of meters are then forecast by processes
of this machine, or with --scheduler by a Dask cluster that is already there and has this package.
The result is the same.
"""
SIZE_MAX = 1_000_000


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    parser.add_argument(
        "--workers", metavar="N", type=int, default=2, help="processes (default: 2)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.1:8786"
    )
    parser.add_argument(
        "--size",
        metavar="N",
        type=int,
        help="as many meters, made from those of the folder: to see how long a fleet would take",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="write a CSV per meter into this folder, in Wh"
    )
    add_threads(parser)
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Trains, forecasts, and says how long it took."""
    check_range("workers", args.workers, 1, THREADS_MAX)
    check_range("threads", args.threads, 1, THREADS_MAX)
    if args.size is not None:
        check_range("size", args.size, 1, SIZE_MAX)
    from agents.fleet import run as fleets
    from agents.fleet.blocks import train_sample

    street = read_street(args)
    names = [home.name for home in street.homes]
    whole = fleets.make_last_days(street)
    if args.size is not None:
        whole = fleets.enlarge(whole, args.size)
        names = [f"{names[number % len(names)]}-{number}" for number in range(args.size)]
    begun = time.monotonic()
    texts = train_sample(fleets.take_sample(whole), args.threads)
    trained = time.monotonic()
    blocks, progress = fleets.cut(whole), Progress("block")
    found = (
        fleets.forecast_on_cluster(texts, blocks, args.scheduler, progress)
        if args.scheduler
        else fleets.forecast_local(texts, blocks, args.workers, progress)
    )
    digest = hashlib.sha256()
    done = 0
    for quantiles in found:
        digest.update(quantiles.tobytes())
        if args.out:
            _write(args.out, names[done : done + quantiles.shape[1]], whole, quantiles)
        done += quantiles.shape[1]
    content: dict[str, Any] = {
        "meters": done,
        "slots": 2 * whole.known.shape[2],
        "slot_minutes": whole.slot_s / 60,
        "quantiles": 9,
        "training_s": round(trained - begun, 2),
        "forecasting_s": round(time.monotonic() - trained, 2),
        "cpu_s": round(_get_cpu_s(), 2),
        "peak_mib": _get_peak_mib(),
        "hash": digest.hexdigest(),
    }
    if args.output == "json":
        text_output.say(text_output.to_json(content))
    else:
        text_output.say(
            format_rows((name.replace("_", " "), str(value)) for name, value in content.items())
        )
    return 0


def _get_cpu_s() -> float:
    """Of this process and of its workers since they were started, reading included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _get_peak_mib() -> int:
    """Of this process and of the largest of its workers, added up."""
    own, children = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + children) // 1024


def _write(folder: Path, names: list[str], block: Block, quantiles: np.ndarray) -> None:
    from agents.forecast.bands import QUANTILES

    begin = block.begin + timedelta(days=block.known.shape[1])
    header = ["time", *(f"q{round(100 * one)}_wh" for one in QUANTILES)]
    step = timedelta(seconds=block.slot_s)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            rows = quantiles[:, number].reshape(len(QUANTILES), -1).T.tolist()
            path = folder / f"{name.replace('/', '_')}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                for slot, row in enumerate(rows):
                    writer.writerow([(begin + slot * step).isoformat(), *row])
    except OSError as error:
        raise MissingError(f"{folder}: {error.strerror}") from None
