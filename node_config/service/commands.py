"""`blockenergy service`: runs a validator or a meter bridge as services of systemd.

`install` writes the units and starts them; `uninstall` stops and removes them. Neither touches the
folder with the data.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

import text_output
from abci_app.__main__ import make_parser as make_app_parser
from client.cli.common import Command, add_commands
from client.errors import MissingError, UsageError
from meter_bridge.__main__ import make_parser as make_bridge_parser
from node_config.cometbft.toolchain import (
    ToolchainError,
    cometbft_binary,
    get_installed,
    require_release,
)
from node_config.compiled import is_checkout
from node_config.localnet.layout import load_node
from node_config.service.systemd import Manager
from node_config.service.unit_files import SERVICES, SUFFIX, make_units

PROGRAMS = {
    "validator": ("python -m abci_app", make_app_parser),
    "bridge": ("python -m meter_bridge", make_bridge_parser),
}
WHAT = {"validator": "CometBFT and the application", "bridge": "a meter bridge"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `install` and `uninstall`."""
    add_commands(
        parser,
        {
            "install": Command(
                "run it now and after every boot",
                "Writes the units of a validator or a bridge and starts them. They run as the "
                "owner of the folder.",
                _fill_install,
            ),
            "uninstall": Command(
                "stop it and remove its units",
                "Stops a validator or a bridge and removes its units; its folder stays.",
                _fill_uninstall,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs one of the commands; returns the exit code. Errors: ClientError."""
    code: int = args.run_service(args)
    return code


def _fill_install(parser: argparse.ArgumentParser) -> None:
    for name, group in _add_services(parser).items():
        program, _ = PROGRAMS[name]
        group.add_argument("--home", metavar="DIR", type=Path, required=True, help="its folder")
        group.add_argument(
            "--dry-run", action="store_true", help="print the units and change nothing"
        )
        group.add_argument(
            "options",
            metavar="-- OPTION",
            nargs="*",
            help=f"options of {program}; see its --help",
        )
        group.set_defaults(run_service=_install)


def _fill_uninstall(parser: argparse.ArgumentParser) -> None:
    for group in _add_services(parser).values():
        group.set_defaults(run_service=_uninstall)


def _add_services(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    services = parser.add_subparsers(required=True, metavar="SERVICE", title="services")
    groups = {}
    for name in SERVICES:
        groups[name] = services.add_parser(name, help=WHAT[name], description=f"{WHAT[name]}.")
        groups[name].add_argument(
            "--user", action="store_true", help="for your own systemd; the system's needs root"
        )
        groups[name].set_defaults(service=name)
    return groups


def _install(args: argparse.Namespace) -> int:
    manager, home = Manager(args.user), args.home.absolute()
    if not home.is_dir():
        raise MissingError(f"there is no folder {home}; --home names the one of the {args.service}")
    options = _make_absolute(args.options)
    _require_valid(args.service, home, options)
    address = load_node(home).proxy_app if args.service == "validator" else ""
    user = "" if args.user else _get_owner(home)
    units = make_units(
        args.service, home, options, cometbft=_name_cometbft(), address=address, user=user
    )
    if args.dry_run:
        text_output.say(
            "\n".join(f"# {manager.folder / name}\n{text}" for name, text in units.items()), end=""
        )
        return 0
    manager.require_usable()
    _require_installed(args.service)
    manager.install(units)
    first = next(iter(units))
    systemctl, journal = " ".join(manager.command), "--user-unit" if args.user else "--unit"
    text_output.say(f"Started {' and '.join(units)}, now and after every boot.")
    text_output.say(f"State: {systemctl} status {first}")
    text_output.say(f"Log:   journalctl {' '.join(f'{journal} {name}' for name in units)}")
    text_output.say(f"Stop:  {systemctl} stop {first}")
    if args.user:
        text_output.say("It ends when you log out, unless you allow more: loginctl enable-linger")
    return 0


def _uninstall(args: argparse.Namespace) -> int:
    manager = Manager(args.user)
    manager.require_usable()
    removed = manager.uninstall([name + SUFFIX for name in SERVICES[args.service]])
    if not removed:
        raise MissingError(f"no {args.service} is installed in {manager.folder}")
    for path in removed:
        text_output.say(f"Removed {path}")
    return 0


def _require_valid(service: str, home: Path, options: Sequence[str]) -> None:
    """Raises UsageError for an option that the program would reject."""
    program, make = PROGRAMS[service]
    if any(option.partition("=")[0] == "--home" for option in options):
        raise UsageError("--home stands before the --, where the folder of the service is named")
    parser = make()
    parser.prog = program
    parser.parse_args(["--home", str(home), *options])


def _make_absolute(options: Sequence[str]) -> list[str]:
    """The options, with the files that they name found from any working directory."""
    return [str(Path(text).absolute()) if Path(text).is_file() else text for text in options]


def _get_owner(home: Path) -> str:
    """The user whose folder it is; UsageError for root, who should not run a service."""
    owner = home.stat().st_uid
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError as error:
        raise UsageError(f"{home} belongs to nobody: user {owner} does not exist") from error
    if owner == 0:
        raise UsageError(
            f"{home} belongs to root, and a service needs no such rights; give it to an account "
            f"of its own: useradd --system blockenergy && chown -R blockenergy: {home}"
        )
    return name


def _require_installed(service: str) -> None:
    """That the units name programs which stay: not those of a checkout, which change."""
    if is_checkout():
        raise UsageError(
            "a service runs an installed package; use make install PREFIX=/opt/blockenergy and "
            "then /opt/blockenergy/bin/blockenergy service install"
        )
    target = _name_cometbft()
    if service == "validator":
        try:
            found = cometbft_binary()
            if found != target:
                draft = target.with_suffix(".draft")
                shutil.copy(found, draft)
                draft.replace(target)
        except ToolchainError as error:
            raise MissingError(str(error)) from error
        except OSError as error:
            raise MissingError(f"{target} cannot be written: {error.strerror}") from error


def _name_cometbft() -> Path:
    """The CometBFT that the unit runs: what $COMETBFT names, else the installed one."""
    named = os.environ.get("COMETBFT")
    try:
        return require_release(named) if named else get_installed()
    except ToolchainError as error:
        raise UsageError(str(error)) from error
