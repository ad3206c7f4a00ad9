"""`blockenergy localnet`: makes the files of a network on this machine, and runs it.

`init` writes everything or nothing, into a folder that did not exist; every file may be changed by
hand afterwards. `start` runs what the files say until Ctrl-C, and leaves no process behind.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from client.cli.common import Command, Parser, add_commands
from client.errors import ClientError, MissingError, UsageError
from client.keyring import Keyring
from client.keys import AccountKey
from node_config.accounts import GenesisAccount, read_accounts
from node_config.comet_files import NodePlan, make_plan, write_node
from node_config.genesis import GenesisMeter, make_app_state, make_document
from node_config.layout import BRIDGE, FILE, KEYS, NODES_MAX, format_layout
from node_config.network import START_DEADLINE_S, Network
from node_config.ports import DEFAULT_BASE_PORT, LOOPBACK, Ports
from node_config.preset import Preset, load_preset

DEFAULT_HOME = Path(".localnet")
DEFAULT_VALIDATORS = 4
_CHAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,50}")
_OPERATORS = ("registrar", "treasury", "backstop", "issuer", BRIDGE)
EXIT_INTERRUPTED = 130
_WATCH_S = 0.5


def init(
    home: Path,
    validators: int = DEFAULT_VALIDATORS,
    accounts_csv: Path | None = None,
    preset: str | Preset = "localnet",
    *,
    base_port: int = DEFAULT_BASE_PORT,
    chain_id: str = "",
    accounts: Sequence[GenesisAccount] = (),
    meters: Sequence[GenesisMeter] = (),
    genesis_time_s: int = 0,
) -> None:
    """Writes every file of a new network into `home`, which must not exist.

    `genesis_time_s` is the time of the first block, now if 0; the nodes wait for a later one.
    Raises UsageError or MissingError, and then has written nothing.
    """
    if isinstance(preset, str):
        preset = load_preset(preset)
    chain_id = chain_id or preset.chain_id
    ports = Ports(base_port)
    _require_fitting(home, validators, ports, chain_id)
    listed = read_accounts(accounts_csv, preset.denom) if accounts_csv else []
    names = [*_OPERATORS, *(f"distributor{number}" for number in range(validators))]
    keys = {name: AccountKey.generate() for name in names}
    addresses = {name: key.address for name, key in keys.items()}
    genesis_time_s = genesis_time_s or int(time.time())
    state = make_app_state(preset, addresses, [*accounts, *listed], meters, genesis_time_s)
    plans = [make_plan(number, ports) for number in range(validators)]
    nodes = [plan.validator for plan in plans]
    document = make_document(preset, chain_id, genesis_time_s, nodes, state)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as folder:
            draft = Path(folder) / "home"
            draft.mkdir(mode=0o700)
            text = json.dumps(document, indent=1) + "\n"
            _write(draft, plans, preset, text, keys, ports)
            draft.rename(home)
    except OSError as error:
        raise MissingError(f"{home} cannot be written: {error.strerror}") from error


def start(home: Path, deadline_s: float = START_DEADLINE_S) -> int:
    """Runs the network until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    network = Network(home)
    stop = threading.Event()

    def request_stop(*_: object) -> None:
        network.cancel()
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, request_stop) for number in signals}
    try:
        print(f"Starting {len(network.layout.nodes)} validators from {home} …", flush=True)
        network.start(deadline_s)
        _describe(network)
        while not stop.wait(_WATCH_S):
            network.require_running()
        print("Stopping …", flush=True)
    except ClientError:
        if not stop.is_set():
            raise
    finally:
        network.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `init` and `start`."""
    add_commands(
        parser,
        {
            "init": Command(
                "write the files of a new network",
                "Writes every file of a new network into a folder; all may be changed by hand.",
                _fill_init,
            ),
            "start": Command(
                "run a network until Ctrl-C",
                "Runs the network of a folder until Ctrl-C; ends every process that it started.",
                _fill_start,
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
        print(f"blockenergy: {error.sentence}", file=sys.stderr)
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
        help="localnet, demo, or a .toml file with all numbers (default: localnet)",
    )
    parser.add_argument(
        "--base-port",
        metavar="PORT",
        type=int,
        default=DEFAULT_BASE_PORT,
        help="node i has P2P at PORT + 10 i and RPC one above; the bridge is at PORT + 34 "
        f"(default: {DEFAULT_BASE_PORT})",
    )
    parser.add_argument("--chain-id", metavar="ID", default="", help="default: the preset's")
    parser.set_defaults(run_localnet=_run_init)


def _fill_start(parser: argparse.ArgumentParser) -> None:
    _add_home(parser)
    parser.add_argument(
        "--wait-s",
        metavar="SECONDS",
        type=float,
        default=START_DEADLINE_S,
        help=f"for the first block after the start (default: {START_DEADLINE_S:g})",
    )
    parser.set_defaults(run_localnet=_run_start)


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=Path,
        default=DEFAULT_HOME,
        help=f"folder of the network (default: {DEFAULT_HOME})",
    )


def _run_init(args: argparse.Namespace) -> int:
    init(
        args.home,
        args.validators,
        args.accounts,
        args.preset,
        base_port=args.base_port,
        chain_id=args.chain_id,
    )
    print(f"Wrote a network of {args.validators} validators to {args.home}.")
    print(f"Operators' keys are in {args.home / KEYS}, not encrypted: for tests only.")
    print(f"Start it with: blockenergy localnet start --home {args.home}")
    return 0


def _run_start(args: argparse.Namespace) -> int:
    return start(args.home, args.wait_s)


def _require_fitting(home: Path, validators: int, ports: Ports, chain_id: str) -> None:
    if home.exists():
        raise UsageError(
            f"{home} exists already; start it, or remove it first to make a new network there"
        )
    if not 1 <= validators <= NODES_MAX:
        raise UsageError(f"{validators} validators cannot be; take 1 to {NODES_MAX}")
    highest = max(ports.get_all(validators))
    if ports.base < 1024 or highest >= 1 << 16:
        raise UsageError(f"the ports {ports.base} to {highest} cannot be; take 1024 to 65535")
    if not _CHAIN_ID.fullmatch(chain_id):
        raise UsageError(f"{chain_id!r} is no chain id; take 1 to 50 letters, digits or one of ._-")


def _write(
    home: Path,
    plans: Sequence[NodePlan],
    preset: Preset,
    document: str,
    keys: dict[str, AccountKey],
    ports: Ports,
) -> None:
    for plan in plans:
        write_node(home / plan.name, plan, plans, preset, document)
    keyring = Keyring(home / KEYS)
    for name, key in keys.items():
        keyring.add(name, key, None)
    (home / BRIDGE).mkdir()
    listen = f"{LOOPBACK}:{ports.bridge}"
    (home / FILE).write_text(format_layout([plan.name for plan in plans], listen))


def _describe(network: Network) -> None:
    for node in network.layout.nodes:
        print(f"{node.name:<8} RPC {node.rpc_url}")
    print(f"{BRIDGE:<8} gRPC {network.bridge_address}")
    print(f"Keys in {network.layout.keys}, logs in {network.layout.logs}. Ctrl-C stops it.")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
