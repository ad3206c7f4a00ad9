"""The commands of `blockenergy agent`. Their libraries are imported on use only."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec

from client.cli.common import Command, Fill, Run, add_commands
from client.errors import MissingError

# What the commands import from the extra `agents` in pyproject.toml.
LIBRARIES = ("numpy", "scipy", "lightgbm", "highspy", "sklearn")

_COMMANDS: dict[str, tuple[str, str]] = {
    "forecast": ("say what forecasts of load or net use are worth", "forecast"),
    "plan": ("plan batteries slot by slot and score what came of it", "plan"),
    "detect": ("score the weeks of meters: theft, faults, and why", "detect"),
    "insight": ("say what a home's meter shows about it, in sentences with money", "insight"),
    "model": ("train, test, promote, watch and roll back forecast models", "model"),
    "fleet": ("forecast all meters of a distributor, on one machine or a cluster", "fleet"),
    "data": ("show what a folder of meters holds, and what is wrong with it", "data"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group, each from the module of its name."""
    commands = {}
    for name, (line, module) in _COMMANDS.items():
        found = import_module(f"agents.commands.{module}")
        commands[name] = Command(line, found.DESCRIPTION, _make_fill(found.fill, found.run))
    add_commands(parser, commands)


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command, if its libraries are installed."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise MissingError(
            f"blockenergy agent needs {', '.join(missing)}: install the extra with "
            "pip install 'blockenergy[agents]', or make agents in a checkout"
        )
    code: int = args.run_agent(args)
    return code


def _make_fill(fill: Fill, run_command: Run) -> Callable[[argparse.ArgumentParser], None]:
    return partial(_fill, fill, run_command)


def _fill(fill: Fill, run_command: Run, parser: argparse.ArgumentParser) -> None:
    fill(parser)
    parser.set_defaults(run_agent=run_command)
