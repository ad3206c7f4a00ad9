"""The command line `blockenergy`.

Exit codes: 0 success; 1 rejected by the chain, or failed --verify; 2 wrong usage; 3 the node cannot
be reached or is too slow; 4 a file or key is missing or cannot be used; 5 an order lapsed; 6 the
transaction waits for a block; 7 the transaction or order is not known; 70 an internal error; 130
ended by Ctrl-C. Every failure is one sentence on standard error, or a JSON object with `-o json`; a
traceback only with BLOCKENERGY_DEBUG=1.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module

from blockenergy.options.v1 import options_pb2 as options

import text_output
from client.catalog import get_errors
from client.cli import completion, keys, query, tx, watch
from client.cli.common import (
    NS_PER_S,
    Fill,
    Parser,
    add_node_option,
    add_output_option,
    show_values,
)
from client.errors import ClientError, RejectedError
from client.node.rpc import Rpc
from client.units import format_value
from text_output.version import get_version

DEBUG_VARIABLE = "BLOCKENERGY_DEBUG"
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if completion.is_asked():
        return completion.run(make_parser)
    logging.basicConfig(level=logging.WARNING, handlers=[_make_log_handler()])
    try:
        args = make_parser(arguments).parse_args(arguments)
        code: int = args.run(args)
        sys.stdout.flush()
    except ClientError as error:
        _report(error, as_json=_wants_json(arguments))
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has closed it; keeps Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the last resort, so that no user sees a traceback.
        _report_internal(error)
        return EXIT_INTERNAL
    return code


def make_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, with only the requested group's commands: building all of them is slow."""
    parser = Parser(
        prog="blockenergy", description="Trade energy by the slot on a BlockEnergy chain."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {get_version()}")
    groups = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    for name, (line, fill) in _GROUPS.items():
        group = groups.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        if name == wanted:
            fill(group)
    return parser


def _fill_status(parser: argparse.ArgumentParser) -> None:
    add_node_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=_show_status)


def _show_status(args: argparse.Namespace) -> int:
    status = asdict(Rpc(args.node).status())
    time_s = status.pop("latest_time_ns") // NS_PER_S
    # A node without blocks has no latest time.
    status["latest_time"] = format_value(options.UNIT_TIME_S, time_s) if time_s else ""
    shown = {
        name: value.hex().upper() if isinstance(value, bytes) else value
        for name, value in status.items()
    }
    show_values(args, shown)
    return 0


def _fill_from(module: str) -> Fill:
    """Options and `run` of a command defined elsewhere, imported only when it is used."""

    def fill(parser: argparse.ArgumentParser) -> None:
        commands = import_module(module)
        commands.add_arguments(parser)
        parser.set_defaults(run=commands.run)

    return fill


_GROUPS: dict[str, tuple[str, Fill]] = {
    "keys": ("add, list and show keys", keys.fill),
    "tx": ("send a message to the chain", tx.fill),
    "query": ("query the chain", query.fill),
    "status": ("show a node and its latest block", _fill_status),
    "watch": ("follow the events of the chain", watch.fill),
    "localnet": (
        "prepare and run a network on this machine",
        _fill_from("node_config.localnet.commands"),
    ),
    "node": ("make, run and look after one node", _fill_from("node_config.node.commands")),
    "genesis": (
        "make a genesis document with others",
        _fill_from("node_config.ceremony.commands"),
    ),
    "relay": ("carry packets between two chains", _fill_from("client.relay.commands")),
    "light": ("trust, verify and show headers", _fill_from("client.light.commands")),
    "verify": ("prove what an account was paid", _fill_from("client.light.verify_commands")),
    "gateway": ("serve gRPC and REST to wallets", _fill_from("gateway.commands")),
    "dashboard": ("keep tables of blocks and settlements", _fill_from("dashboard.cli.commands")),
    "service": (
        "run a validator or a meter bridge with systemd",
        _fill_from("node_config.service.commands"),
    ),
    "market": ("clear an order book from a file", _fill_from("client.cli.market.clear_book")),
    "forecast": (
        "submit forecasts and show how they came off",
        _fill_from("client.cli.forecast.commands"),
    ),
    "predict": (
        "trade shares in what comes true",
        _fill_from("client.cli.forecast.predict"),
    ),
    "carbon": (
        "compute carbon charges, print statements, publish factors",
        _fill_from("client.cli.carbon.commands"),
    ),
    "meter": ("push meter readings to a bridge", _fill_from("meter_bridge.client")),
    "agent": ("forecast, plan and detect from meter data", _fill_from("agents.commands.group")),
    "completion": ("print a script that completes commands in a shell", completion.fill),
}


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether -o json was given, even if the other arguments are invalid."""
    joined = " ".join(arguments).replace("=", " ")
    return any(f"{option} json" in joined for option in ("-o", "--output")) or "-ojson" in arguments


def _report(error: ClientError, *, as_json: bool) -> None:
    content: dict[str, object] = {"sentence": error.sentence, "exit_code": error.exit_code}
    text = error.sentence
    if isinstance(error, RejectedError):
        known = get_errors().get((error.codespace, error.code))
        name = known.name if known else ""
        content |= {"codespace": error.codespace, "code": error.code, "name": name}
        if error.tx_hash:
            content |= {"hash": error.tx_hash.hex().upper(), "height": str(error.height)}
        text = f"rejected ({error.codespace} {error.code}{name and f', {name}'}): {text}"
    shown = f"blockenergy: {text}"
    if as_json:
        text_output.say(text_output.to_json({"error": content}), file=sys.stderr)
    else:
        text_output.complain(shown)


def _make_log_handler() -> logging.Handler:
    return text_output.make_log_handler(text_output.LogFormatter("blockenergy: %(message)s"))


def _report_internal(error: Exception) -> None:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error)
    text_output.complain(
        f"blockenergy: internal error ({type(error).__name__}: {error}); please report it with "
        f"the output of {DEBUG_VARIABLE}=1",
    )


if __name__ == "__main__":
    sys.exit(main())
