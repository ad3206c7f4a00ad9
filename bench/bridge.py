"""Meters: telegrams read per second, by format, and readings from telegram to a bridge's disk.

    python -m bench.bridge                      10,000 meters with one reading each
    python -m bench.bridge --meters 1000 --seconds 0.2

End to end a bridge in a process of its own takes one reading of each meter over gRPC, is killed
with SIGKILL when half of them are acknowledged, and started again; what was not acknowledged is
pushed again. Then every reading has to be in its spool. The chain it has makes no blocks: how fast
a chain takes readings is measured by `python -m bench settlement`.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blockenergy.bridge.v1.bridge_pb2 import PushReadingRequest, PushRequest

from bench.results.report import finish, make_parser, read_peak_mb
from meter_bridge.client import (
    ACKNOWLEDGED,
    BridgeError,
    MeterClient,
    compute_reading,
    sign_reading,
)
from meter_bridge.formats import read_telegram
from meter_bridge.formats.telegram import Context, complete
from meter_bridge.spool.spool import FILE_NAME
from node_config.localnet.process import make_environment
from tests.bridge.fakes import CHAIN_ID, NOW_S, SLOT_LENGTH_S, make_key
from tests.support.others.meter_telegrams import SECRETS, Shown
from tests.support.others.telegram_writers import WRITERS

CONTEXT = Context(secrets=SECRETS)
STREAM_S = 300.0
# What an end-to-end reading is made of.
FORMAT = "dlms-ciphered"


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--meters", type=int, default=10_000, help="with one reading each")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each format")
    options = parser.parse_args()
    return finish(lambda: measure(options.meters, options.seconds), options.json)


def measure(meters: int = 10_000, seconds: float = 1.0) -> dict[str, Any]:
    """Rates by format, and of the way from telegram to disk."""
    return {
        "telegrams_per_second": {name: measure_format(name, seconds) for name in WRITERS},
        "end_to_end": measure_bridge(meters),
    }


def measure_format(name: str, seconds: float) -> int:
    """Telegrams of one format that one core reads in a second."""
    format_id, write = WRITERS[name]
    telegrams = [write(Shown(NOW_S, 1_000 + place)) for place in range(50)]
    count, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        for raw in telegrams:
            read_telegram(format_id, raw, CONTEXT)
        count += len(telegrams)
    return round(count / (time.perf_counter() - began_s))


def measure_bridge(meters: int) -> dict[str, Any]:
    """Reads, signs and pushes one telegram of each meter; kills the bridge halfway."""
    telegrams = [WRITERS[FORMAT][1](Shown(NOW_S, 1_000, 0, place)) for place in range(meters)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        began_s = time.perf_counter()
        requests = [make_request(place, raw) for place, raw in enumerate(telegrams)]
        prepared_s = time.perf_counter() - began_s
        with running(home, meters) as (process, port):
            acknowledged = push(port, requests, stop_after=meters // 2)
            process.kill()
            process.wait()
        with running(home, meters) as (process, port):
            rest = [one for place, one in enumerate(requests) if place not in acknowledged]
            began_s = time.perf_counter()
            taken = push(port, rest, stop_after=len(rest))
            pushed_s = time.perf_counter() - began_s
            peak_mb = read_peak_mb(process.pid)
        kept = count_spooled(home)
    if kept != meters or len(taken) != len(rest):
        raise RuntimeError(f"{meters} readings were pushed, but {kept} are in the spool")
    return {
        "meters": meters,
        "format": FORMAT,
        "read_and_signed_per_second": round(meters / prepared_s),
        "pushed_per_second": round(len(rest) / pushed_s),
        "acknowledged_before_the_kill": len(acknowledged),
        "lost": meters - kept,
        "bridge_peak_mb": peak_mb,
    }


def make_request(place: int, raw: bytes) -> PushRequest:
    """The signed reading of a telegram."""
    telegram = complete(read_telegram(WRITERS[FORMAT][0], raw, CONTEXT)[0])
    meter_id = f"HOME-{place}"
    reading = compute_reading(telegram, SLOT_LENGTH_S, meter_id)
    signed = sign_reading(make_key(meter_id), CHAIN_ID, reading)
    return PushRequest(reading=PushReadingRequest(reading=signed))


def push(port: int, requests: Sequence[PushRequest], stop_after: int) -> set[int]:
    """Pushes over a stream, and returns the places of those that were acknowledged."""
    acknowledged: set[int] = set()
    with MeterClient(f"127.0.0.1:{port}") as bridge:
        try:
            for place, response in enumerate(bridge.stream(requests, STREAM_S)):
                if response.result not in ACKNOWLEDGED:
                    raise RuntimeError(f"a reading was not taken: {response.detail}")
                acknowledged.add(place)
                if len(acknowledged) >= stop_after:
                    break
        except BridgeError as error:
            raise RuntimeError(str(error)) from error
    return acknowledged


@contextmanager
def running(home: Path, meters: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A bridge in a process of its own, and its port."""
    command = [sys.executable, "-m", "tests.bridge.service.bridge_child", str(home), str(meters)]
    process = subprocess.Popen(command, env=make_environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def count_spooled(home: Path) -> int:
    """The readings on disk."""
    with sqlite3.connect(home / FILE_NAME) as db:
        return int(db.execute("SELECT count(*) FROM readings").fetchone()[0])


if __name__ == "__main__":
    sys.exit(main())
