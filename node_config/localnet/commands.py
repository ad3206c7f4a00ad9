"""`blockenergy localnet`: makes the files of a network on this machine, and runs it.

`init` writes everything or nothing, into a folder that does not exist yet; every file may be edited
by hand afterwards. `start` runs the network until Ctrl-C, or in the background until `stop`; no
process is left behind.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import text_output
from client.cli.common import Command, Parser, add_commands
from client.errors import ClientError
from node_config.cometbft.toolchain import cometbft_binary
from node_config.localnet.background import (
    ENV,
    format_env,
    start_in_background,
    stop_network,
)
from node_config.localnet.layout import BRIDGE, KEYS
from node_config.localnet.network import START_DEADLINE_S, Network
from node_config.localnet.ports import DEFAULT_BASE_PORT
from node_config.localnet.setup import DEFAULT_VALIDATORS, init_network

DEFAULT_HOME = Path(".localnet")
EXIT_INTERRUPTED = 130
_WATCH_S = 0.5


def start(home: Path, deadline_s: float = START_DEADLINE_S) -> int:
    """Runs the network until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    network = Network(home)
    env = network.layout.home / ENV
    stop = threading.Event()

    def request_stop(*_: object) -> None:
        network.cancel()
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, request_stop) for number in signals}
    try:
        text_output.say(f"Starting {len(network.layout.nodes)} validators from {home} …")
        network.start(deadline_s)
        _write_env(env, format_env(network.layout, cometbft_binary()))
        _describe(network)
        while not stop.wait(_WATCH_S):
            network.require_running()
        env.unlink(missing_ok=True)
        text_output.say("Stopping …")
    except ClientError:
        if not stop.is_set():
            raise
    finally:
        network.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `init`, `start` and `stop`."""
    add_commands(
        parser,
        {
            "init": Command(
                "write the files of a new network",
                "Writes every file of a new network into a folder; all may be edited by hand.",
                _fill_init,
            ),
            "start": Command(
                "run a network until Ctrl-C",
                "Runs the network of a folder until Ctrl-C; stops every process that it started.",
                _fill_start,
            ),
            "stop": Command(
                "stop a network",
                "Stops the network of a folder, and waits until every process has ended.",
                _fill_stop,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs one of the commands; returns the exit code. Errors: ClientError."""
    code: int = args.run_localnet(args)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m node_config.localnet`."""
    parser = Parser(prog="python -m node_config.localnet", description=__doc__.split("\n\n")[1])
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except ClientError as error:
        text_output.complain(f"blockenergy: {error.sentence}")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _fill_init(parser: argparse.ArgumentParser) -> None:
    _add_home(parser)
    parser.add_argument(
        "--validators",
        metavar="N",
        type=int,
        default=DEFAULT_VALIDATORS,
        help=f"number of validators (default: {DEFAULT_VALIDATORS})",
    )
    parser.add_argument(
        "--accounts",
        metavar="FILE.csv",
        type=Path,
        help="accounts to register: rows address,roles,amount; roles joined by +, the amount in "
        "the smallest unit (1500000) or with its symbol (1.5 EUR)",
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        default="localnet",
        help="street, which has people and meters, localnet, demo, or a .toml file "
        "(default: localnet)",
    )
    parser.add_argument(
        "--base-port",
        metavar="PORT",
        type=int,
        default=DEFAULT_BASE_PORT,
        help="node i has P2P at PORT + 10 i and RPC one above; the bridge is at PORT + 34 "
        f"(default: {DEFAULT_BASE_PORT})",
    )
    parser.add_argument(
        "--chain-id",
        metavar="ID",
        default="",
        help="use an id only once: transactions of an earlier chain are good on a new one with the "
        "same id (default: the preset's name with a random part)",
    )
    parser.set_defaults(run_localnet=_run_init)


def _fill_start(parser: argparse.ArgumentParser) -> None:
    _add_home(parser)
    parser.add_argument(
        "--wait-s",
        metavar="SECONDS",
        type=float,
        default=START_DEADLINE_S,
        help=f"max wait for the first new block (default: {START_DEADLINE_S:g})",
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="return once the network is up, and leave it running until `localnet stop`",
    )
    parser.set_defaults(run_localnet=_run_start)


def _fill_stop(parser: argparse.ArgumentParser) -> None:
    _add_home(parser)
    parser.set_defaults(run_localnet=_run_stop)


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=Path,
        default=DEFAULT_HOME,
        help=f"folder of the network (default: {DEFAULT_HOME})",
    )


def _run_init(args: argparse.Namespace) -> int:
    chain_id = init_network(
        args.home,
        args.validators,
        args.accounts,
        args.preset,
        base_port=args.base_port,
        chain_id=args.chain_id,
    )
    text_output.say(f"Wrote a network of {args.validators} validators to {args.home}.")
    text_output.say(f"Its chain id is {chain_id}; the operators' keys sign for no other chain.")
    text_output.say(f"Operators' keys are in {args.home / KEYS}, not encrypted: for tests only.")
    text_output.say(f"To sign with keys of your own: blockenergy keys chain-id {chain_id}")
    text_output.say(f"Start it with: blockenergy localnet start --home {args.home}")
    return 0


def _run_start(args: argparse.Namespace) -> int:
    if not args.background:
        return start(args.home, args.wait_s)
    text_output.say(f"Starting the network in {args.home} …")
    start_in_background(args.home, args.wait_s)
    text_output.say(f"It runs until: blockenergy localnet stop --home {args.home}")
    text_output.say(f"For this shell: . {args.home / ENV}")
    return 0


def _run_stop(args: argparse.Namespace) -> int:
    stop_network(args.home)
    text_output.say(f"The network in {args.home} has ended.")
    return 0


def _write_env(path: Path, text: str) -> None:
    """Writes the file in one step, so that a reader never sees half of it."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


def _describe(network: Network) -> None:
    for node in network.layout.nodes:
        text_output.say(f"{node.name:<8} RPC {node.rpc_url}")
    text_output.say(f"{BRIDGE:<8} gRPC {network.bridge_address}")
    text_output.say(f"Keys in {network.layout.keys}, logs in {network.layout.logs}.")
    text_output.say(f"In another shell: . {network.layout.home / ENV}")
    text_output.say("Ctrl-C stops it.")
