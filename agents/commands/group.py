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
WITHOUT_LIBRARIES = ("run",)

# Each is in the module of its name beside this one, unless a module is given.
_COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("let homes trade on a network by themselves",),
    "simulate": (
        "trade a year of homes on the chain's own rules, and say what it was worth",
        "node_config.simulated.simulate_command",
    ),
    "tournament": (
        "run strategies against one another on the same homes",
        "node_config.simulated.tournament_command",
    ),
    "forecast": ("say what forecasts of load or net use are worth",),
    "plan": ("plan batteries slot by slot and score what came of it",),
    "detect": ("score the weeks of meters: theft, faults, and why",),
    "grid": ("say when a feeder is too small, and what to curtail",),
    "insight": ("say what a home's meter shows about it, in sentences with money",),
    "model": ("train, test, promote, watch and roll back forecast models",),
    "fleet": ("forecast all meters of a distributor, on one machine or a cluster",),
    "data": ("show what a folder of meters holds, and what is wrong with it",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group, each from the module of its name."""
    commands = {}
    for name, (line, *module) in _COMMANDS.items():
        found = import_module(*(module or [f"agents.commands.{name}"]))
        commands[name] = Command(line, found.DESCRIPTION, _make_fill(name, found.fill, found.run))
    add_commands(parser, commands)


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command, if its libraries are installed."""
    needed = () if args.agent_command in WITHOUT_LIBRARIES else LIBRARIES
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise MissingError(
            f"blockenergy agent needs {', '.join(missing)}: install the extra with "
            "pip install 'blockenergy[agents]', or make agents in a checkout"
        )
    code: int = args.run_agent(args)
    return code


def _make_fill(
    name: str, fill: Fill, run_command: Run
) -> Callable[[argparse.ArgumentParser], None]:
    return partial(_fill, name, fill, run_command)


def _fill(name: str, fill: Fill, run_command: Run, parser: argparse.ArgumentParser) -> None:
    fill(parser)
    parser.set_defaults(run_agent=run_command, agent_command=name)
