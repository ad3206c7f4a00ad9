"""`blockenergy meter gateway`: runs a gateway, or checks its configuration."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path

import text_output
from client.cli.common import add_output_option, show_values
from client.errors import ClientError, MissingError
from meter_bridge.gateway.config import load
from meter_bridge.gateway.run import RunningGateway, check_gateway
from meter_bridge.gateway.store import Store, StoreError

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


def fill_proof(parser: argparse.ArgumentParser) -> None:
    """Options of `proof`."""
    parser.add_argument("config", metavar="CONFIG.toml", type=Path, help="that of the gateway")
    parser.add_argument("meter_id", metavar="METER", help="id of the meter")
    parser.add_argument("slot", metavar="SLOT", type=int, help="slot of the reading")
    add_output_option(parser)
    parser.set_defaults(run_meter=show_proof)


def show_proof(args: argparse.Namespace) -> int:
    """Prints a reading with its telegram and salt. Errors: ClientError."""
    gateway = load(args.config)
    try:
        store = Store(gateway.options.home, gateway.options.waiting_max)
    except StoreError as error:
        raise GatewayFailedError(str(error)) from error
    try:
        entry = store.find(args.meter_id, args.slot)
    finally:
        store.close()
    if entry is None:
        raise MissingError(f"there is no reading of {args.meter_id} for slot {args.slot}")
    if not entry.raw:
        raise MissingError("the telegram of this reading was not kept, or not for so long")
    show_values(
        args,
        {
            "meter_id": entry.reading.meter_id,
            "slot": entry.reading.slot,
            "import_register_wh": entry.reading.import_register_wh,
            "export_register_wh": entry.reading.export_register_wh,
            "signature": entry.reading.signature.hex(),
            "telegram_hash": entry.reading.telegram_hash.hex(),
            "salt": entry.salt.hex(),
            "telegram": entry.raw.hex(),
        },
    )
    return 0


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
    # Of a process that runs for months, all is logged, with times; other commands complain only.
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
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
