"""`blockenergy meter gateway`: runs a gateway, or checks its configuration."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path

import text_output
from client.errors import ClientError
from meter_bridge.gateway.config import load
from meter_bridge.gateway.run import RunningGateway, check_gateway
from meter_bridge.gateway.store import StoreError

EXIT_FAILED = 1

log = logging.getLogger("meter_bridge")


class GatewayFailedError(ClientError):
    """A gateway cannot continue."""

    exit_code = EXIT_FAILED


def fill_gateway(parser: argparse.ArgumentParser) -> None:
    """Options of `gateway`."""
    parser.add_argument("config", metavar="CONFIG.toml", type=Path, help="meters and their sources")
    parser.add_argument(
        "--check",
        action="store_true",
        help="only check the file, keys and libraries; touch neither meters nor the bridge",
    )
    parser.set_defaults(run_meter=run_gateway)


def run_gateway(args: argparse.Namespace) -> int:
    """Runs until SIGTERM or SIGINT. Errors: ClientError."""
    gateway = load(args.config)
    if args.check:
        for line in check_gateway(gateway):
            text_output.say(text_output.escape(line))
        return 0
    handler = text_output.make_log_handler(
        text_output.LogFormatter("%(asctime)s %(levelname)s %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    stop = threading.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with RunningGateway(gateway, fail) as running:
            log.info("reading %d meters", len(running.collectors))
            stop.wait()
            log.info("stopping")
    except StoreError as error:
        raise GatewayFailedError(str(error)) from error
    if failures:
        raise GatewayFailedError(str(failures[0]))
    return 0
