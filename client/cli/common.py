"""What the commands have in common: options, the connection, the keyring, output."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from blockenergy.bank.v1.query_pb2 import QueryDenomsRequest, QueryDenomsResponse
from blockenergy.metering.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from google.protobuf.message import Message

import text_output
from client.cli import display
from client.cli.table import format_rows
from client.cli.values import Lookups
from client.errors import ClientError, UsageError
from client.node.rpc import DEFAULT_NODE, Rpc
from client.queries import query, query_pages
from client.signing.keyring import HOME_VARIABLE, Keyring

NODE_VARIABLE = "BLOCKENERGY_NODE"
BRIDGE_VARIABLE = "BLOCKENERGY_BRIDGE"
NS_PER_S = 1_000_000_000
HELP_WIDTH, HELP_WIDTH_MIN = 100, 40

Run = Callable[[argparse.Namespace], int]
Fill = Callable[[argparse.ArgumentParser], None]


class Parser(argparse.ArgumentParser):
    """Reports wrong usage as a UsageError, and accepts no abbreviated options.

    Help is as wide as the terminal, within reason.
    """

    def __init__(self, **settings: object) -> None:
        width = max(HELP_WIDTH_MIN, min(text_output.get_width() or HELP_WIDTH, HELP_WIDTH))
        settings.setdefault(
            "formatter_class", partial(argparse.HelpFormatter, width=width, max_help_position=28)
        )
        super().__init__(**settings, allow_abbrev=False)  # type: ignore[arg-type]

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Called by argparse for all arguments, and for those of a subcommand."""
        for text in sys.argv[1:] if args is None else args:
            if not text_output.is_text(text):
                raise UsageError(f"{text_output.escape(text)} is not UTF-8 text; write it in UTF-8")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Called by argparse; the sentence points to --help."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Called by argparse for help and version."""
        if message:
            text_output.say(message, file=file, end="")


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


def add_chain_id_option(parser: argparse._ActionsContainer) -> None:
    """--chain-id."""
    parser.add_argument(
        "--chain-id",
        metavar="ID",
        default="",
        help="chain to sign for (default: the one pinned beside the keys)",
    )


def make_lookups(rpc: Rpc, keyring: Keyring) -> Lookups:
    """Look-ups for the values of options."""

    def get_current_slot() -> int:
        # By block time: the chain stores no slot in which it started or was halted.
        params = query(rpc, QueryParamsRequest(), QueryParamsResponse).params
        return rpc.status().latest_time_ns // NS_PER_S // params.slot_length_s

    return Lookups(partial(get_address, keyring), get_current_slot, partial(get_denom, rpc))


def get_address(keyring: Keyring, text: str) -> str:
    """The address itself, or that of the key with this name: in the keyring, else in one's own.

    So an operator who signs with the keys of a network can still name a key of another folder.
    """
    own = Keyring()
    if keyring.folder != own.folder and not keyring.has(text) and own.has(text):
        return own.resolve_address(text)
    return keyring.resolve_address(text)


def get_denom(rpc: Rpc, symbol: str) -> tuple[str, int]:
    """The name and decimals of the denomination with this symbol."""
    found = [
        (name, decimals)
        for name, (known_symbol, decimals) in list_denoms(rpc)
        if known_symbol == symbol
    ]
    if len(found) != 1:
        known = "no" if not found else "more than one"
        raise UsageError(
            f"there is {known} denomination with the symbol {symbol}; give its name and the amount "
            "in base units, such as 1000000ueur"
        )
    return found[0]


def list_denoms(rpc: Rpc) -> list[tuple[str, tuple[str, int]]]:
    """All denominations by name, with symbol and decimals."""
    return [
        (one.denom, (one.info.symbol, one.info.decimals))
        for page in query_pages(rpc, QueryDenomsRequest(), QueryDenomsResponse)
        for one in page.denoms
    ]


def get_shown_denoms(rpc: Rpc | None, messages: Iterable[Message]) -> display.Denoms:
    """How amounts in the messages are shown; none where two denominations share a symbol, which
    anybody who may create one could misuse.
    """
    if rpc is None or not any(map(display.names_coins, messages)):
        return {}
    try:
        known = list_denoms(rpc)
    except ClientError:
        # Base units are exact, and a command that has its answer does not fail for their names.
        return {}
    uses = Counter(symbol for _, (symbol, _) in known)
    return {name: (symbol, decimals) for name, (symbol, decimals) in known if uses[symbol] == 1}


def show(args: argparse.Namespace, message: Message, rpc: Rpc | None = None) -> None:
    """Prints a message in the chosen format; amounts with their symbols if a node is given."""
    if args.output == "json":
        text_output.say(text_output.to_json(display.to_dict(message)))
    else:
        denoms = get_shown_denoms(rpc, [message])
        text_output.say(display.to_text(message, denoms, text_output.get_width()))


def show_values(args: argparse.Namespace, values: Mapping[str, object]) -> None:
    """Prints named values in the chosen format."""
    if args.output == "json":
        text_output.say(text_output.to_json(values))
    else:
        text_output.say(format_rows(display.to_cells(values).items()))
