"""What the commands have in common: options, the connection, the keyring, output, questions."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from blockenergy.bank.v1.query_pb2 import QueryDenomsRequest, QueryDenomsResponse
from blockenergy.metering.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from google.protobuf.message import Message

from client.cli import display
from client.cli.values import Lookups
from client.errors import MissingError, UsageError
from client.keyring import HOME_VARIABLE, Keyring
from client.queries import query, query_pages
from client.rpc import DEFAULT_NODE, Rpc

NODE_VARIABLE = "BLOCKENERGY_NODE"
PASSPHRASE_VARIABLE = "BLOCKENERGY_PASSPHRASE"  # noqa: S105 - the name of a variable.
NS_PER_S = 1_000_000_000

Run = Callable[[argparse.Namespace], int]
Fill = Callable[[argparse.ArgumentParser], None]


class Parser(argparse.ArgumentParser):
    """Reports wrong usage as a UsageError, and accepts no abbreviated options."""

    def __init__(self, **settings: object) -> None:
        settings.setdefault(
            "formatter_class", partial(argparse.HelpFormatter, width=100, max_help_position=28)
        )
        super().__init__(**settings, allow_abbrev=False)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Called by argparse; the sentence points to --help."""
        raise UsageError(f"{message}; see {self.prog} --help")


class Command(NamedTuple):
    """One line of help, a description, and a function that fills the command's parser."""

    line: str
    description: str
    fill: Fill


def add_commands(parser: argparse.ArgumentParser, commands: Mapping[str, Command]) -> None:
    """Adds commands by name; the user must give one."""
    group = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for name, command in commands.items():
        line, description = (text.replace("%", "%%") for text in command[:2])
        command.fill(group.add_parser(name, help=line, description=description))


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """-o text|json."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="output format (default: text)",
    )


def add_node_option(parser: argparse.ArgumentParser) -> None:
    """--node."""
    parser.add_argument(
        "--node",
        metavar="URL",
        default=os.environ.get(NODE_VARIABLE) or DEFAULT_NODE,
        help=f"RPC address of a node (default: ${NODE_VARIABLE}, else {DEFAULT_NODE})",
    )


def add_keyring_option(parser: argparse.ArgumentParser) -> None:
    """--keyring."""
    parser.add_argument(
        "--keyring",
        metavar="DIR",
        type=Path,
        help=f"folder of keys (default: keys in ${HOME_VARIABLE}, else in ~/.blockenergy)",
    )


def make_lookups(rpc: Rpc, keyring: Keyring) -> Lookups:
    """Look-ups for the values of options."""

    def get_current_slot() -> int:
        # By block time: the chain stores no slot in which it started or was halted.
        params = query(rpc, QueryParamsRequest(), QueryParamsResponse).params
        return rpc.status().latest_time_ns // NS_PER_S // params.slot_length_s

    return Lookups(keyring.resolve_address, get_current_slot, partial(get_denom, rpc))


def get_denom(rpc: Rpc, symbol: str) -> tuple[str, int]:
    """The name and decimals of the denomination with this symbol."""
    found = [
        (one.denom, one.info.decimals)
        for page in query_pages(rpc, QueryDenomsRequest(), QueryDenomsResponse)
        for one in page.denoms
        if one.info.symbol == symbol
    ]
    if len(found) != 1:
        known = "no" if not found else "more than one"
        raise UsageError(
            f"there is {known} denomination with the symbol {symbol}; give its name and the amount "
            "in base units, such as 1000000ueur"
        )
    return found[0]


def show(args: argparse.Namespace, message: Message) -> None:
    """Prints a message in the chosen format."""
    if args.output == "json":
        print(display.to_json(display.to_dict(message)))
    else:
        print(display.to_text(message))


def show_values(args: argparse.Namespace, values: Mapping[str, object]) -> None:
    """Prints named values in the chosen format."""
    if args.output == "json":
        print(display.to_json(values))
    else:
        print(display.format_rows(display.to_cells(values).items()))


def ask_passphrase() -> str:
    """The passphrase from the environment, else from the terminal."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise MissingError(f"the key is encrypted; set ${PASSPHRASE_VARIABLE} or use a terminal")
    return getpass.getpass("Passphrase: ")


def ask_new_passphrase() -> str:
    """A passphrase for a new key; prompted for twice on a terminal."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is None:
        if not sys.stdin.isatty():
            raise UsageError(
                f"a new key needs a passphrase; set ${PASSPHRASE_VARIABLE}, use a terminal, or "
                "give --no-passphrase"
            )
        given = getpass.getpass("New passphrase: ")
        if getpass.getpass("Repeat passphrase: ") != given:
            raise UsageError("the two passphrases differ; start again")
    if not given:
        raise UsageError("the passphrase is empty; choose one, or give --no-passphrase")
    return given


def confirm(message: Message) -> None:
    """Shows the message and asks for confirmation on the terminal; UsageError unless given."""
    if not sys.stdin.isatty():
        raise UsageError("nothing was sent; give --yes to send without confirmation")
    print(f"{message.DESCRIPTOR.full_name}\n{display.to_text(message)}", file=sys.stderr)
    print("Sign and send? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was sent")
