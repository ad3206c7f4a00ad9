"""`blockenergy node`: makes, runs and looks after one node of a network.

Its folder is that of a validator of `blockenergy service`, so that either can run it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import text_output
from client.cli.common import Command, add_commands, add_output_option, show_values
from client.cli.prompts import ask_new_passphrase
from client.errors import UsageError
from client.node.rpc import Rpc
from net_address import HostPort, parse_host_port
from node_config.node.archive import MARGIN_BLOCKS, back_up, restore
from node_config.node.doctor import examine
from node_config.node.home import NodeHome
from node_config.node.rollback import roll_back
from node_config.node.runner import start
from node_config.node.settings import add_peer, parse_peer
from node_config.node.setup import init_node
from node_config.node.status import describe

DEFAULT_HOME = Path("node")
P2P, RPC = "0.0.0.0:26656", "127.0.0.1:26657"
EXIT_UNHEALTHY = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of a node."""
    commands = {
        "init": Command(
            "make the files of a new node",
            "Writes a node with keys of its own. Its operator's key is encrypted, and the mnemonic "
            "of it is shown once.",
            _fill_init,
        ),
        "start": Command(
            "run the node until Ctrl-C",
            "Runs the application and CometBFT, and starts them again when one of them ends.",
            _fill_start,
        ),
        "status": Command("show what the node does", "Shows a node that runs.", _fill_status),
        "doctor": Command(
            "look for what is wrong",
            "Checks keys, genesis, settings, disk, peers and blocks. Exit code 1: something is "
            "wrong.",
            _fill_doctor,
        ),
        "add-peer": Command(
            "have the node dial another one",
            "Adds a node to those that this one dials, from its next start on. The chain has to "
            "list it as well.",
            _fill_add_peer,
        ),
        "backup": Command(
            "write a stopped node into one file",
            "Writes keys, settings, blocks and state of a stopped node into a tar file.",
            _fill_backup,
        ),
        "restore": Command(
            "make a node of a backup",
            "Makes a node of a backup. Its validator signs nothing up to a height: what the "
            "backup says is out of date, and signing a height twice costs all power.",
            _fill_restore,
        ),
        "rollback": Command(
            "take back the last block of a stopped node",
            "Takes back one block in CometBFT and in the application; the next start executes it "
            "again.",
            _fill_rollback,
        ),
    }
    add_commands(parser, commands)


def run(args: argparse.Namespace) -> int:
    """Runs one of the commands; returns the exit code. Errors: ClientError."""
    code: int = args.run_node(args)
    return code


def _fill_init(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _init)
    parser.add_argument("--moniker", metavar="NAME", required=True, help="a name for people")
    parser.add_argument(
        "--preset",
        metavar="NAME",
        default="localnet",
        help="whose settings of CometBFT the network uses (default: localnet)",
    )
    parser.add_argument("--genesis", metavar="FILE", type=Path, help="the network's document")
    parser.add_argument("--p2p", metavar="HOST:PORT", default=P2P, help=f"default: {P2P}")
    parser.add_argument("--rpc", metavar="HOST:PORT", default=RPC, help=f"default: {RPC}")
    parser.add_argument(
        "--peer", metavar="ID@HOST:PORT", action="append", default=[], help="a node to dial"
    )
    parser.add_argument(
        "--no-passphrase", action="store_true", help="store the operator's key unencrypted"
    )


def _fill_start(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _start)
    parser.add_argument(
        "options",
        metavar="-- OPTION",
        nargs="*",
        help="options of the application; see python -m abci_app --help",
    )


def _fill_status(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _status)
    add_output_option(parser)


def _fill_doctor(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _doctor)
    add_output_option(parser)


def _fill_add_peer(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _add_peer)
    parser.add_argument("peer", metavar="ID@HOST:PORT", help="as its operator names it")


def _fill_backup(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _back_up)
    parser.add_argument("--out", metavar="FILE.tar", type=Path, required=True, help="a new file")


def _fill_restore(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _restore)
    parser.add_argument("archive", metavar="FILE.tar", type=Path, help="the backup")
    height = parser.add_mutually_exclusive_group(required=True)
    height.add_argument(
        "--trusted-node",
        metavar="URL",
        help=f"sign nothing up to {MARGIN_BLOCKS} blocks beyond where this node of the network is",
    )
    height.add_argument(
        "--signed-height", metavar="N", type=int, help="sign nothing up to this height"
    )


def _fill_rollback(parser: argparse.ArgumentParser) -> None:
    _finish(parser, _roll_back)


def _finish(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=Path,
        default=DEFAULT_HOME,
        help=f"folder of the node (default: {DEFAULT_HOME})",
    )
    parser.set_defaults(run_node=command)


def _init(args: argparse.Namespace) -> int:
    p2p, rpc = _parse_listen("--p2p", args.p2p), _parse_listen("--rpc", args.rpc)
    peers = [parse_peer(text) for text in args.peer]
    if args.home.exists():
        raise UsageError(f"{args.home} already exists; choose another folder for a new node")
    passphrase = None if args.no_passphrase else ask_new_passphrase()
    new = init_node(args.home, args.moniker, args.preset, p2p, rpc, passphrase, args.genesis, peers)
    text_output.say(f"Wrote the node {args.moniker} to {args.home}.")
    text_output.say(f"node id   {new.node_id}")
    text_output.say(f"operator  {new.operator}")
    text_output.say(f"mnemonic  {new.mnemonic}")
    text_output.say("Write the mnemonic down and keep it safe; it is not shown again.")
    return 0


def _parse_listen(option: str, text: str) -> HostPort:
    try:
        found = parse_host_port(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if not found.port:
        raise UsageError(f"{option}: {text!r} names no port")
    return found


def _start(args: argparse.Namespace) -> int:
    start(args.home, args.options, text_output.complain)
    return 0


def _status(args: argparse.Namespace) -> int:
    show_values(args, describe(NodeHome(args.home.absolute())))
    return 0


def _doctor(args: argparse.Namespace) -> int:
    findings = list(examine(NodeHome(args.home.absolute())))
    show_values(args, {one.subject: one.problem or "ok" for one in findings})
    return EXIT_UNHEALTHY if any(one.problem for one in findings) else 0


def _add_peer(args: argparse.Namespace) -> int:
    peer, home = parse_peer(args.peer), NodeHome(args.home.absolute())
    home.load()
    if peer.node_id == home.node_id:
        raise UsageError("that is the node itself")
    add_peer(home.config, peer)
    text_output.say(f"The node dials {peer} from its next start on.")
    return 0


def _back_up(args: argparse.Namespace) -> int:
    size = back_up(args.home, args.out)
    text_output.say(f"Wrote {args.out}, {size} bytes, with the node's keys: keep it secret.")
    return 0


def _restore(args: argparse.Namespace) -> int:
    height = args.signed_height
    if height is None:
        height = Rpc(args.trusted_node).status().latest_height + MARGIN_BLOCKS
    if height < 0:
        raise UsageError("a height is not negative")
    restore(args.archive, args.home, height)
    text_output.say(f"Wrote {args.home}; its validator signs nothing up to height {height}.")
    return 0


def _roll_back(args: argparse.Namespace) -> int:
    text_output.say(f"The node is at height {roll_back(args.home)}.")
    return 0
