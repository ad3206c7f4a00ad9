"""`blockenergy dashboard serve`: the web server, and the indexer beside it."""

from __future__ import annotations

import argparse
import logging
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from client.cli.common import add_node_option
from client.errors import ClientError, UsageError
from client.node.rpc import Rpc
from dashboard.cli.options import add_tables_option
from net_address import HostPort, is_loopback, parse_host_port

if TYPE_CHECKING:
    from dashboard.web.app import Origin
    from dashboard.web.server import ServerSettings

log = logging.getLogger(__name__)

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_ZONE = "UTC"
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_PLAIN_PORTS = {"http": 80, "https": 443}


def fill(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add_node_option(parser)
    add_tables_option(parser)
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help=f"where to serve (default: {DEFAULT_LISTEN})",
    )
    parser.add_argument(
        "--origin",
        metavar="URL",
        default="",
        help="what readers write into their browsers, such as https://power.example.org "
        "(default: the address of --listen)",
    )
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a proxy on this machine ends TLS, and says in X-Forwarded-For who asks",
    )
    parser.add_argument("--tls-cert", metavar="FILE", type=Path, help="certificate chain, PEM")
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="its key, PEM")
    parser.add_argument(
        "--zone",
        metavar="ZONE",
        default=DEFAULT_ZONE,
        help=f"time zone of days, such as Europe/Berlin (default: {DEFAULT_ZONE})",
    )
    parser.add_argument(
        "--midnight-slot",
        metavar="SLOT",
        type=_slot,
        help="on a chain that is faster than real time: the slot that is shown at midnight "
        "(default: that of the node's first block)",
    )
    parser.add_argument(
        "--no-index",
        action="store_true",
        help="another process fills the tables",
    )
    parser.set_defaults(run_dashboard=run)


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or Ctrl-C; returns the exit code."""
    from dashboard.model.accounts import SERVER_METADATA
    from dashboard.model.following import follow
    from dashboard.model.indexer import Indexer
    from dashboard.model.tables import open_tables
    from dashboard.web.server import get_time_s, make_site, serve

    settings = read_settings(args)
    logging.getLogger().setLevel(logging.INFO)
    stop, failures = threading.Event(), []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = open_tables(args.tables, SERVER_METADATA)
    site = make_site(engine, args.node, settings, get_time_s)

    def fill_tables(indexer: Indexer) -> None:
        try:
            follow(indexer, stop)
        except ClientError as error:
            failures.append(error)
            stop.set()

    threads = []
    if not args.no_index:
        indexer = Indexer(engine, Rpc(args.node))
        threads.append(threading.Thread(target=fill_tables, args=(indexer,), name="indexer"))
    for thread in threads:
        thread.start()
    try:
        serve(site, settings, stop)
    except SystemExit as error:
        raise UsageError(
            f"the dashboard cannot listen on {args.listen}; the port is in use, or the address "
            "does not belong to this machine"
        ) from error
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    return 0


def read_settings(args: argparse.Namespace) -> ServerSettings:
    """The settings that the options say; UsageError for those that would not be safe."""
    from dashboard.web.server import ServerSettings

    listen = _parse_listen(args.listen)
    if bool(args.tls_cert) != bool(args.tls_key):
        raise UsageError("--tls-cert and --tls-key belong together")
    tls = (args.tls_cert, args.tls_key) if args.tls_cert else None
    for path in tls or ():
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
    if not is_loopback(listen.host) and tls is None:
        raise UsageError(
            f"{listen} is not this machine only: give --tls-cert and --tls-key, or listen on "
            "127.0.0.1 and put a proxy with TLS in front"
        )
    return ServerSettings(
        host=listen.host,
        port=listen.port,
        origin=_make_origin(args.origin, listen, is_tls=tls is not None),
        zone=_parse_zone(args.zone),
        midnight_slot=args.midnight_slot,
        behind_proxy=args.behind_proxy,
        tls=tls,
    )


def _make_origin(text: str, listen: HostPort, *, is_tls: bool) -> Origin:
    from dashboard.web.app import Origin

    scheme = "https" if is_tls else "http"
    if not text:
        if listen.port == _PLAIN_PORTS[scheme]:
            listen = listen._replace(port=0)
        own = [f"{scheme}://{str(host).removesuffix(':0')}" for host in _list_names(listen)]
        return Origin(own[0], tuple(own[1:]))
    if not _ORIGIN.fullmatch(text):
        raise UsageError(f"--origin: {text!r} is not one such as https://power.example.org")
    host = urlsplit(text).hostname or ""
    if text.startswith("http://") and not is_loopback(host):
        raise UsageError("--origin: readers on other machines need https://")
    return Origin(text)


def _list_names(listen: HostPort) -> list[HostPort]:
    """The address, and the name that browsers know this machine by."""
    names = [listen]
    if is_loopback(listen.host) and listen.host != "localhost":
        names.append(listen._replace(host="localhost"))
    return names


def _parse_listen(text: str) -> HostPort:
    try:
        listen = parse_host_port(text)
    except ValueError as error:
        raise UsageError(f"--listen: {error}") from error
    if not listen.port:
        raise UsageError("--listen: readers need a port that stays; give one above 0")
    return listen


def _parse_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"--zone: {text!r} is not a time zone such as Europe/Berlin") from error


def _slot(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 62:
        raise ValueError(text)
    return number
