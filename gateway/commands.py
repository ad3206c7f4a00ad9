"""`blockenergy gateway`: runs the gateway until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import re
import signal
import threading

import text_output
from client.cli.common import add_node_option
from client.errors import UsageError
from client.node.rpc import Rpc
from gateway.grpc_server import GrpcLimits, GrpcServer
from gateway.http_server import HttpLimits, HttpServer
from gateway.node import Node
from gateway.rest import Rest
from net_address import HostPort, parse_host_port

log = logging.getLogger(__name__)

DEFAULT_GRPC = "127.0.0.1:9090"
DEFAULT_REST = "127.0.0.1:1317"
NODE_TIMEOUT_S = 10.0
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[A-Za-z0-9.*:\[\]-]+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    http = HttpLimits()
    add_node_option(parser)
    parser.add_argument(
        "--grpc",
        metavar="HOST:PORT",
        default=DEFAULT_GRPC,
        help=f"address for gRPC; port 0 picks a free one (default: {DEFAULT_GRPC})",
    )
    parser.add_argument(
        "--rest",
        metavar="HOST:PORT",
        default=DEFAULT_REST,
        help=f"address for REST; port 0 picks a free one (default: {DEFAULT_REST})",
    )
    parser.add_argument(
        "--cors-origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="a page's origin that may read answers, such as https://app.example.org or "
        "http://localhost:*; * for all; may be given more than once (default: none)",
    )
    parser.add_argument(
        "--connections-max",
        metavar="N",
        type=count,
        default=http.connections_max,
        help=f"max connections, each of gRPC and REST (default: {http.connections_max})",
    )
    parser.add_argument(
        "--connections-per-address-max",
        metavar="N",
        type=count,
        default=http.connections_per_address_max,
        help="max connections of REST of one address; as many as --connections-max behind a proxy "
        f"(default: {http.connections_per_address_max})",
    )


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or Ctrl-C; returns the exit code."""
    origins = [_require_origin(origin) for origin in args.cors_origin]
    grpc_address, rest_address = _parse(args.grpc, "--grpc"), _parse(args.rest, "--rest")
    logging.getLogger().setLevel(logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    node = Node(Rpc(args.node, NODE_TIMEOUT_S))
    rest = Rest(node, origins)
    limits = HttpLimits(
        connections_max=args.connections_max,
        connections_per_address_max=args.connections_per_address_max,
    )
    try:
        grpc_server = GrpcServer(
            str(grpc_address), node, GrpcLimits(connections_max=args.connections_max)
        )
    except OSError as error:
        raise _cannot_listen(grpc_address) from error
    try:
        http_server = HttpServer(*rest_address, rest.answer, node.close_thread, limits)
    except OSError as error:
        grpc_server.close()
        raise _cannot_listen(rest_address) from error
    text_output.say(f"gRPC at {grpc_address._replace(port=grpc_server.port)}")
    text_output.say(f"REST at http://{rest_address._replace(port=http_server.port)}")
    stop.wait()
    http_server.close()
    grpc_server.close()
    return 0


def count(text: str) -> int:
    """A number from 1 to 10,000; ValueError for anything else. Errors bear this name."""
    number = int(text)
    if not 1 <= number <= 10_000:
        raise ValueError(text)
    return number


def _parse(text: str, option: str) -> HostPort:
    try:
        return parse_host_port(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _require_origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text) or text.count("*") > 1:
        raise UsageError(
            f"--cors-origin: {text!r} is not an origin such as https://app.example.org"
        )
    return text


def _cannot_listen(address: HostPort) -> UsageError:
    return UsageError(
        f"the gateway cannot listen on {address}; the port is in use, or the address does not "
        "belong to this machine"
    )
