"""Builds, starts, partitions, heals and stops the test network in containers.

build        build the images
up           build the images, start everything, and wait for blocks on all four validators
status       height and peers of every validator
cut N        disconnect validator N (0 to 3) from its links; `cut N M` only from the one to M
heal N       reconnect it
keys DIR     copy the operators' keyring and a gateway's TLS files into a new folder
down         remove containers and networks; with --volumes the chain as well
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import text_output
from client.cli.common import Parser
from client.errors import ClientError
from node_config.testnet import images
from node_config.testnet.engine import Engine
from node_config.testnet.network import NODES, PORTS, PROJECT, Testnet

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    try:
        options = make_parser().parse_args(arguments)
        run(options, Testnet(Engine(), options.project))
    except ClientError as error:
        text_output.complain(f"testnet: {error.sentence}")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def run(options: argparse.Namespace, net: Testnet) -> None:
    """Runs one command. Errors: ClientError."""
    match options.command:
        case "build":
            images.build(net.engine, sys.stdout.buffer)
        case "up":
            images.build(net.engine, sys.stdout.buffer)
            net.up()
            describe(net)
        case "status":
            show_status(net)
        case "cut":
            net.cut(options.node, options.peer)
        case "heal":
            net.heal(options.node, options.peer)
        case "keys":
            net.copy_keys(options.folder)
        case "down":
            net.down(options.volumes)


def describe(net: Testnet) -> None:
    """Prints the address of every service."""
    for service in PORTS:
        if service != "grafana" or net.has_grafana:
            text_output.say(f"{service:<11} {net.get_address(service)}")
    if not net.has_grafana:
        text_output.say(
            "grafana     not started: its image cannot be pulled; set GRAFANA_IMAGE to another one"
        )
    text_output.say("Stop it with: make testnet-down")


def show_status(net: Testnet) -> None:
    """One line per validator."""
    for number in range(NODES):
        height = net.get_height(number)
        peers = f"{len(net.get_peers(number))} peers" if height else "does not answer"
        text_output.say(f"node{number}  height {height:>8}  {peers}")


def make_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = Parser(
        prog="python -m node_config.testnet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--project", default=PROJECT, help=f"of compose (default: {PROJECT})")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("build", "up", "status"):
        commands.add_parser(name)
    for name in ("cut", "heal"):
        command = commands.add_parser(name)
        command.add_argument("node", type=int, choices=range(NODES))
        command.add_argument("peer", type=int, choices=range(NODES), nargs="?")
    commands.add_parser("keys").add_argument("folder", type=Path, metavar="DIR")
    down = commands.add_parser("down")
    down.add_argument("--volumes", action="store_true", help="delete the chain as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
