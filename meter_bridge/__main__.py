"""Runs a meter bridge: `python -m meter_bridge --home DIR --key NAME`.

Exit codes: 0 stopped on request; 1 the spool failed, or the address cannot be listened on; 2 wrong
usage; 4 a file or key is missing or cannot be used; 70 an internal error. Every failure is one
sentence on standard error.
"""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
import threading
from pathlib import Path

import text_output
from client.cli.common import Parser, add_chain_id_option, add_keyring_option, add_node_option
from client.errors import ClientError, UsageError
from client.metrics import serve_metrics
from client.node import chain_pin
from client.node.rpc import Rpc
from meter_bridge.bridge import DEFAULT_LISTEN, Bridge, Settings
from meter_bridge.chain.node import NodeChain
from meter_bridge.chain.proofs import open_proofs
from meter_bridge.formats.telegram import METER_ID
from meter_bridge.keys import HELP, find_keyring, load_account_key
from meter_bridge.metrics import make_registry
from meter_bridge.options import add_local_time_option
from meter_bridge.server import ListenError, ServerLimits
from meter_bridge.spool import SpoolBrokenError, SpoolLimits
from meter_bridge.tls import MissingFileError, TlsError, TlsFiles
from net_address import parse_host_port

DAY_S = 86_400
NUMBER_MAX = 100_000_000
PUBLIC_KEY = re.compile(r"[0-9A-Fa-f]{64}")
EXIT_FAILED, EXIT_USAGE, EXIT_MISSING, EXIT_INTERNAL = 1, 2, 4, 70

log = logging.getLogger("meter_bridge")


def main(arguments: list[str] | None = None) -> int:
    """Runs a bridge until it is stopped; returns the exit code."""
    try:
        args = make_parser().parse_args(arguments)
        set_up_log(args.log_format)
        return run(args)
    except ClientError as error:
        return complain(error, error.exit_code)
    except MissingFileError as error:
        return complain(error, EXIT_MISSING)
    except TlsError as error:
        return complain(error, EXIT_USAGE)
    except (SpoolBrokenError, ListenError) as error:
        return complain(error, EXIT_FAILED)
    except Exception as error:
        log.critical("internal error", exc_info=error)
        return complain(error, EXIT_INTERNAL)


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, or until the bridge cannot continue."""
    stop = threading.Event()
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    key = load_account_key(args.key, args.keyring)
    chain_id = chain_pin.choose(find_keyring(args.key, args.keyring).folder, args.chain_id)
    node, settings = Rpc(args.node), make_settings(args)
    with open_proofs(args.light, node, chain_id) as proofs:
        bridge = Bridge(settings, NodeChain(node, key, chain_id, proofs=proofs), fail)
        with bridge, serve_metrics(make_registry(bridge.get_health), args.metrics):
            address = parse_host_port(args.listen)._replace(port=bridge.port)
            log.info("listening on %s as bridge %s", address, key.address)
            stop.wait()
            log.info("stopping")
    for error in failures:
        return complain(
            error, EXIT_FAILED if isinstance(error, SpoolBrokenError) else EXIT_INTERNAL
        )
    return 0


def complain(error: Exception, exit_code: int) -> int:
    """Prints one sentence on standard error."""
    text_output.complain(f"meter_bridge: {error}")
    return exit_code


def make_settings(args: argparse.Namespace) -> Settings:
    """The settings from the options; errors: UsageError."""
    given = [path for path in (args.tls_cert, args.tls_key, args.tls_client_ca) if path is not None]
    if len(given) not in (0, 3):
        raise UsageError(
            "--tls-cert, --tls-key and --tls-client-ca go together; give all three or none"
        )
    return Settings(
        home=args.home,
        listen=args.listen,
        tls=TlsFiles(*given) if given else None,
        local_time=args.local_time,
        tolerance_s=args.tolerance_s,
        spool_limits=SpoolLimits(
            backlog_max=args.backlog_max,
            decided_max=args.decided_max,
            retention_s=args.retention_days * DAY_S,
        ),
        server_limits=ServerLimits(
            streams_max=args.streams_max,
            streams_per_client_max=args.streams_per_client_max,
            stream_idle_s=args.stream_idle_s,
            connections_max=args.connections_max,
        ),
        analysts=dict(args.analysts),
    )


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = Parser(
        prog="python -m meter_bridge",
        description="Accepts signed meter readings over gRPC and submits them to the chain.",
    )
    parser.add_argument(
        "--home", metavar="DIR", type=Path, required=True, help="the spool's folder"
    )
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", default="", help="answer Prometheus there"
    )
    parser.add_argument(
        "--key", metavar="KEY", required=True, help=f"the bridge's account key: {HELP})"
    )
    add_keyring_option(parser)
    add_chain_id_option(parser)
    add_node_option(parser)
    parser.add_argument(
        "--light",
        metavar="FILE",
        type=Path,
        help="believe only what follows from the headers in FILE, a light.json of "
        "blockenergy light trust; it is kept up to date",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help=f"address to listen on; port 0 picks a free one (default: {DEFAULT_LISTEN})",
    )
    tls = parser.add_argument_group("TLS, required unless the address is loopback")
    tls.add_argument("--tls-cert", metavar="FILE", type=Path, help="the bridge's certificate (PEM)")
    tls.add_argument("--tls-key", metavar="FILE", type=Path, help="its private key (PEM)")
    tls.add_argument(
        "--tls-client-ca", metavar="FILE", type=Path, help="CA of the clients' certificates (PEM)"
    )
    add_local_time_option(parser)
    parser.add_argument(
        "--analyst",
        metavar="NAME=KEY",
        dest="analysts",
        type=parse_analyst,
        action="append",
        default=[],
        help="who may push insights: a name, and an Ed25519 public key in hexadecimal",
    )
    add_limits(parser)
    parser.add_argument(
        "--log-format",
        choices=("plain", "json"),
        default="plain",
        help="format of the log on standard error (default: plain)",
    )
    return parser


def parse_analyst(text: str) -> tuple[str, bytes]:
    """The name and the key of `bidgely=...`."""
    name, _, key = text.partition("=")
    if METER_ID.fullmatch(name) is None or PUBLIC_KEY.fullmatch(key) is None:
        raise argparse.ArgumentTypeError(
            f"{text[:100]!r} is not a name, = and 64 hexadecimal digits"
        )
    return name, bytes.fromhex(key)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Limits that few operators need to change."""
    spool, server = SpoolLimits(), ServerLimits()
    limits = parser.add_argument_group("limits")
    numbers = {
        "--tolerance-s": (
            None,
            "max seconds off the end of a slot (default: a tenth of it, max 60)",
        ),
        "--backlog-max": (spool.backlog_max, "max readings that wait for the chain"),
        "--decided-max": (spool.decided_max, "max decided readings kept"),
        "--retention-days": (spool.retention_s // DAY_S, "days that decided readings are kept"),
        "--streams-max": (server.streams_max, "max concurrent streams"),
        "--streams-per-client-max": (server.streams_per_client_max, "the same for one client"),
        "--stream-idle-s": (None, "max seconds a client may be silent (default: two slots)"),
        "--connections-max": (server.connections_max, "max connections"),
    }
    for option, (default, text) in numbers.items():
        shown = f"{text} (default: {default})" if default is not None else text
        limits.add_argument(option, metavar="N", type=parse_number, default=default, help=shown)


def parse_number(text: str) -> int:
    """A positive whole number within reason."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= NUMBER_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {NUMBER_MAX}")
    return int(text)


def set_up_log(log_format: str) -> None:
    """Logs to standard error, as text or as JSON."""
    handler = text_output.make_log_handler(
        text_output.JsonFormatter()
        if log_format == "json"
        else text_output.LogFormatter("%(asctime)s %(levelname)s %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
