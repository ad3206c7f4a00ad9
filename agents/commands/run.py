"""`blockenergy agent run`: homes that trade on a network by themselves."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import text_output
from agents.chain_view import ask_node
from agents.commands.options import check_range
from client.cli.common import add_chain_id_option, add_keyring_option, add_node_option
from client.cli.prompts import ask_passphrase
from client.errors import UsageError
from client.node import chain_pin
from client.node.rpc import Rpc
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey

if TYPE_CHECKING:
    from agents.run.forecaster import Forecaster
    from agents.run.settings import HomeSettings

DESCRIPTION = """
Lets one home, or each home of a folder, trade on a network by itself: it forecasts from what it has
measured, plans its battery and flexible load, bids what a kWh is worth to it, and says why. What it
decides is in a journal beside its file before it is sent, so that it goes on after any end without
ordering twice. While a file HOME.stop is there it sends nothing. Ctrl-C ends it.
"""
TURNS_MAX = 1_000_000


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("home", metavar="HOME.toml", type=Path, help="a home, or a folder of them")
    parser.add_argument(
        "--dry-run", action="store_true", help="only show what it would order; nothing is sent"
    )
    parser.add_argument(
        "--turns",
        metavar="N",
        type=int,
        default=0,
        help="end after so many slots (default: when it is told to)",
    )
    add_node_option(parser)
    add_keyring_option(parser)
    add_chain_id_option(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the homes until Ctrl-C."""
    from agents.run.agent import HomeAgent
    from agents.run.journal import Journal
    from agents.run.loop import run_homes
    from agents.run.observe import read_network
    from agents.run.settings import read_homes
    from client.account import Signer

    check_range("turns", args.turns, 0, TURNS_MAX)
    homes = read_homes(args.home)
    keyring, rpc = Keyring(args.keyring), Rpc(args.node)
    chain_id = chain_pin.choose(keyring.folder, args.chain_id)
    claimed = rpc.status().chain_id
    if claimed != chain_id:
        raise UsageError(f"the node at {rpc.node} is on chain {claimed}, not on {chain_id}")
    network = read_network(ask_node(rpc))
    forecasters = _read_models(homes, network.represented_s)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with ExitStack() as stack:
        agents = []
        for home in homes:
            key = keyring.load(home.key, ask_passphrase)
            if not isinstance(key, AccountKey):
                raise UsageError(f"{home.path}: {home.key} is the key of a meter, not an account's")
            journal = stack.enter_context(Journal(home.journal))
            signer = Signer(rpc, key, chain_id=chain_id)
            owner = keyring.resolve_address(home.owner) if home.owner else ""
            forecaster = forecasters.get(home.get_path(home.model_store))
            agents.append(HomeAgent(home, signer, network, journal, _say, owner, forecaster))
        run_homes(agents, rpc, network, stop, _say, turns=args.turns, dry_run=args.dry_run)
    return 0


def _read_models(homes: Sequence[HomeSettings], slot_s: int) -> dict[Path | None, Forecaster]:
    """The stores that homes name; homes with the same one share it."""
    folders = {home.get_path(home.model_store) for home in homes} - {None}
    if not folders:
        return {}
    try:
        from agents.run.forecaster import Forecaster
    except ModuleNotFoundError as error:
        raise UsageError(f"model_store needs the extra agents: {error}; make agents") from None
    return {folder: Forecaster(folder, slot_s) for folder in folders if folder}


def _say(line: str) -> None:
    text_output.say(text_output.escape(line))
