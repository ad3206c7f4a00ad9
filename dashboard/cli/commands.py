"""`blockenergy dashboard`: fills tables from a node, checks them, and serves the pages."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from importlib.util import find_spec
from pathlib import Path

from client.cli.common import (
    Command,
    add_commands,
    add_node_option,
    add_output_option,
    show_values,
)
from client.errors import MissingError
from client.node.rpc import Rpc
from dashboard.cli import serve as serve_commands
from dashboard.cli import sign_in as sign_in_commands
from dashboard.cli.options import add_tables_option

log = logging.getLogger(__name__)

_LIBRARIES = ("sqlalchemy", "starlette", "uvicorn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group."""
    add_commands(
        parser,
        {
            "index": Command(
                "fill the tables from a node",
                "Fill the tables from a node and follow it until told to stop.",
                _fill_index,
            ),
            "serve": Command(
                "serve the pages and their data, and fill the tables",
                "Serve the pages and the web API until told to stop, and fill the tables "
                "meanwhile. Anything but this machine itself is served by TLS only: with "
                "--tls-cert, or behind a proxy.",
                serve_commands.fill,
            ),
            "sign-in": Command(
                "make a link that signs a browser in",
                "Sign the server's text with a key, and print a link that signs a browser in: "
                "once, within five minutes.",
                sign_in_commands.fill,
            ),
            "forget": Command(
                "erase what the server keeps of an account",
                "Erase sessions, passes and views of an account. What the chain has stays.",
                _fill_forget,
            ),
            "rebuild": Command(
                "fill the tables anew from a node",
                "Empty the tables of the chain and fill them anew, up to the latest block of a "
                "node. Sessions, passes and views stay. No other process may write meanwhile.",
                _fill_rebuild,
            ),
            "check": Command(
                "say whether the tables add up",
                "Say how far the tables reach, what they lack, and whether lines and results "
                "agree. The exit code is 1 if a sum differs.",
                _fill_check,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command, if its library is installed."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise MissingError(
            f"blockenergy dashboard needs {' and '.join(missing)}: install the extra with "
            "pip install 'blockenergy[dashboard]'"
        )
    code: int = args.run_dashboard(args)
    return code


def _fill_index(parser: argparse.ArgumentParser) -> None:
    add_node_option(parser)
    add_tables_option(parser)
    parser.add_argument(
        "--once", action="store_true", help="end when the node's latest block is in the tables"
    )
    parser.set_defaults(run_dashboard=_index)


def _fill_rebuild(parser: argparse.ArgumentParser) -> None:
    add_node_option(parser)
    add_tables_option(parser)
    parser.set_defaults(run_dashboard=_rebuild)


def _fill_check(parser: argparse.ArgumentParser) -> None:
    add_tables_option(parser)
    add_output_option(parser)
    parser.set_defaults(run_dashboard=_check)


def _fill_forget(parser: argparse.ArgumentParser) -> None:
    add_tables_option(parser)
    parser.add_argument("--account", required=True, metavar="ADDRESS", help="whose data")
    parser.set_defaults(run_dashboard=_forget)


def _forget(args: argparse.Namespace) -> int:
    from dashboard.model.accounts import SERVER_METADATA
    from dashboard.model.tables import open_tables
    from dashboard.web.server import get_time_s
    from dashboard.web.sessions import Sessions

    Sessions(open_tables(args.tables, SERVER_METADATA), get_time_s).forget(args.account)
    return 0


def _index(args: argparse.Namespace) -> int:
    from dashboard.model.following import follow
    from dashboard.model.indexer import Indexer
    from dashboard.model.tables import open_tables

    indexer = Indexer(open_tables(args.tables), Rpc(args.node))
    if args.once:
        log.info("the tables reach block %d", indexer.catch_up())
        return 0
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    follow(indexer, stop)
    return 0


def _rebuild(args: argparse.Namespace) -> int:
    from dashboard.model.indexer import Indexer
    from dashboard.model.tables import empty_tables, open_tables

    rpc = Rpc(args.node)
    # Nothing is lost to a node that does not respond.
    rpc.status()
    engine = open_tables(args.tables, any_release=True)
    empty_tables(engine)
    log.info("the tables reach block %d", Indexer(engine, rpc).catch_up())
    return 0


def _check(args: argparse.Namespace) -> int:
    from dashboard.model.tables import open_tables
    from dashboard.report import make_report

    is_file = "://" not in args.tables
    if is_file and not Path(args.tables).exists():
        raise MissingError(f"there is no {args.tables}; blockenergy dashboard index makes it")
    report = make_report(open_tables(args.tables))
    show_values(args, report)
    return 1 if report["slots_that_differ"] else 0
