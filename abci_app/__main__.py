"""The application process of a validator node.

    python -m abci_app --home DIR                 serves CometBFT until it is told to stop
    python -m abci_app check --home DIR           checks every invariant of the committed state
    python -m abci_app export --home DIR          writes a genesis document that goes on from here

Exit status: 0 done, 1 a promise is broken, 2 wrong usage, 4 a file is missing
or in use, or the disk does not take what is written, 8 the next block belongs to
another release, 70 a fault.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import text_output
from abci_app.export import ExportError, make_genesis
from abci_app.node import EnergyApplication
from abci_app.protocol.application import OperatorError
from abci_app.protocol.listener import ListenError
from abci_app.protocol.server import Server
from abci_app.query_budget import CORE_PERCENT, QueryShare
from abci_app.release import ReleaseNeededError, write_upgrade_info
from abci_app.signature_worker import SignatureWorker
from abci_app.statesync.maker import INTERVAL
from abci_app.statesync.sync import StateSync
from abci_app.storage.leveldb import DatabaseError
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import HISTORY_HEIGHTS, Database
from chain import app
from chain.pace import TARGET_MS, Pace
from text_output.version import get_version

DATA_FOLDER = "app-data"
SOCKET_NAME = "app.sock"
BROKEN, MISSING, OTHER_RELEASE, FAULT = 1, 4, 8, 70


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = make_parser().parse_args(arguments)
    formatter: logging.Formatter = text_output.JsonFormatter()
    if options.log_format == "text":
        formatter = text_output.LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler = text_output.make_log_handler(formatter)
    logging.basicConfig(level=options.log_level.upper(), handlers=[handler])
    try:
        return COMMANDS[options.command](options)
    except (DatabaseError, ListenError, ExportError) as error:
        text_output.complain(f"blockenergy: {error}")
        return MISSING


def make_parser() -> argparse.ArgumentParser:
    """The options of the three commands."""
    description, _, epilog = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m abci_app",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", choices=COMMANDS, default="serve", help="default: serve"
    )
    parser.add_argument("--home", type=Path, required=True, help="folder of the node")
    parser.add_argument("--address", help="socket for CometBFT (default: unix://HOME/app.sock)")
    parser.add_argument(
        "--check-invariants", action="store_true", help="check every invariant after every block"
    )
    add_history_options(parser)
    parser.add_argument(
        "--block-target-ms",
        type=whole_number(1),
        default=TARGET_MS,
        metavar="MS",
        help="what a full block is to take, from its proposal to its commit: the longer, the "
        "more is in it (default: %(default)s)",
    )
    parser.add_argument(
        "--query-percent",
        type=whole_number(1, 100),
        default=CORE_PERCENT,
        metavar="N",
        help="what all queries together may have of a core in the long run; more where no "
        "validator runs (default: %(default)s)",
    )
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", help="answer Prometheus there (default: nowhere)"
    )
    parser.add_argument(
        "--no-signature-worker",
        action="store_true",
        help="check signatures in this process only, as on a machine with one core",
    )
    parser.add_argument(
        "--log-level",
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="default: info",
    )
    parser.add_argument(
        "--log-format", default="text", choices=("text", "json"), help="default: text"
    )
    return parser


def add_history_options(parser: argparse.ArgumentParser) -> None:
    """How much of the past a node keeps and gives to others."""
    parser.add_argument(
        "--history-heights",
        type=whole_number(0),
        default=HISTORY_HEIGHTS,
        metavar="N",
        help="heights before the latest that can be queried and proven (default: %(default)s)",
    )
    parser.add_argument(
        "--snapshot-interval",
        type=whole_number(0),
        default=INTERVAL,
        metavar="N",
        help="blocks between two snapshots of the state for new nodes, 0 for none "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--retain-blocks",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="blocks that CometBFT keeps, besides those since the oldest snapshot and those that "
        "evidence may need; 0 keeps all (default: %(default)s)",
    )


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Reads a whole number within bounds; what it returns raises ValueError for anything else."""

    def parse(text: str) -> int:
        number = int(text)
        if number < least or (most is not None and number > most):
            raise ValueError(text)
        return number

    # What argparse calls it when it rejects a value.
    parse.__name__ = "count"
    return parse


def serve(options: argparse.Namespace) -> int:
    """Serves CometBFT until SIGTERM or SIGINT, or until a promise is broken."""
    stopping = threading.Event()
    statuses: list[int] = []

    def stop_on_failure(call: str, error: Exception) -> None:
        statuses.append(note_failure(options.home, call, error))
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    home: Path = options.home
    home.mkdir(parents=True, exist_ok=True)
    address = options.address or f"unix://{(home / SOCKET_NAME).resolve()}"
    with Database.open(
        home / DATA_FOLDER, create=True, history_heights=options.history_heights
    ) as database:
        state = NodeState(database)
        logging.info("state at height %d", state.committed.height)
        with (
            open_application(options, state) as application,
            Server(application, address, on_failure=stop_on_failure),
        ):
            stopping.wait()
    return statuses[0] if statuses else 0


def note_failure(home: Path, call: str, error: Exception) -> int:
    """Says why the application cannot go on; returns the exit status."""
    is_ours = not isinstance(error, OperatorError)
    logging.critical("%s failed: %s", call, error, exc_info=error if is_ours else None)
    if isinstance(error, ReleaseNeededError):
        write_upgrade_info(home, error)
        return OTHER_RELEASE
    return FAULT if is_ours else MISSING


@contextmanager
def open_application(options: argparse.Namespace, state: NodeState) -> Iterator[EnergyApplication]:
    """The application, with what it needs while it is open: a process that checks signatures if
    there is a core for it, and metrics if --metrics says where.
    """
    with ExitStack() as stack:
        worker = None if options.no_signature_worker else start_worker()
        if worker is not None:
            stack.callback(worker.close)
        pace, share = Pace(options.block_target_ms), QueryShare(options.query_percent)
        sync = StateSync(state, options.home, options.snapshot_interval, options.retain_blocks)
        application: EnergyApplication
        if options.metrics is None:
            application = EnergyApplication(
                state, get_version(), options.check_invariants, worker, pace, share, sync
            )
        else:
            from abci_app.metrics import MeteredApplication, Metrics
            from abci_app.metrics_server import serve_metrics

            metrics = Metrics(state, options.home / DATA_FOLDER)
            stack.enter_context(serve_metrics(metrics, options.metrics))
            application = MeteredApplication(
                state, get_version(), options.check_invariants, worker, metrics, pace, share, sync
            )
        stack.callback(application.close)
        yield application


def start_worker() -> SignatureWorker | None:
    """A process that checks signatures, if there is a core and room for it."""
    if len(os.sched_getaffinity(0)) == 1:
        return None
    try:
        return SignatureWorker()
    except OSError as error:
        logging.warning("signatures are not checked ahead: %s", error)
        return None


def check_state(options: argparse.Namespace) -> int:
    """Prints every broken invariant, of which none is the promise, then height and app hash."""
    with Database.open(options.home / DATA_FOLDER) as database:
        state = NodeState(database)
        problems = app.check_invariants(state.reader)
        for problem in problems:
            text_output.say(text_output.escape(problem))
        committed = state.committed
        text_output.say(f"height {committed.height}: {len(problems)} problems")
        text_output.say(f"app hash {committed.app_hash.hex().upper()}")
        return BROKEN if problems else 0


def export_state(options: argparse.Namespace) -> int:
    """Prints the genesis document."""
    with Database.open(options.home / DATA_FOLDER) as database:
        document = make_genesis(NodeState(database), options.home / "config" / "genesis.json")
    sys.stdout.write(document)
    return 0


COMMANDS = {"serve": serve, "check": check_state, "export": export_state}

if __name__ == "__main__":
    sys.exit(main())
