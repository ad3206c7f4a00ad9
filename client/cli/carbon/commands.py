"""The commands of `blockenergy carbon`."""

from __future__ import annotations

import argparse

from client.cli.carbon import compute, publish, statement
from client.cli.common import Command, Run, add_commands

_COMMANDS = {
    "compute": Command("compute charges of lines from a file", compute.DESCRIPTION, compute.fill),
    "publish": Command("publish the factors of a file", publish.DESCRIPTION, publish.fill),
    "statement": Command(
        "print what an account used and emitted", statement.DESCRIPTION, statement.fill
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group."""
    add_commands(parser, _COMMANDS)


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command."""
    chosen: Run = args.run_carbon
    return chosen(args)
