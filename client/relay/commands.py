"""`blockenergy relay`: joins two chains, and carries packets between them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

from ibc.core.client.v1.tx_pb2 import MsgCreateClientResponse

import text_output
from client.account import Signer
from client.cli.common import (
    Command,
    add_commands,
    add_keyring_option,
    add_output_option,
    show_values,
)
from client.cli.prompts import ask_passphrase
from client.errors import ClientError, RejectedError, RpcError, UsageError
from client.light.provider import fetch_block
from client.node.chain_pin import require_chain_id
from client.node.rpc import Rpc
from client.relay import journal, messages
from client.relay.carrier import Carrier, Progress
from client.relay.end import End
from client.relay.journal import Journal
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey

S_PER_HOUR = 3600
# Below the 48 h for which evidence against validators is accepted.
_TRUSTING_PERIOD_H = 32
_PAUSE_S = 1.0
_PAUSE_MAX_S = 60.0
# With --once: passes in which nothing but rejections happen.
_ATTEMPTS_MAX = 3
_SIDES = ("a", "b")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    add_commands(
        parser,
        {
            "join": Command(
                "Creates a client on each of two chains, and registers them with each other.",
                "Creates a client on each of two chains, beginning with the latest header of the "
                "other one, and registers the two with each other. The keys need the role "
                "relayer. Check both clients against their chains before you rely on them.",
                _fill_join,
            ),
            "run": Command(
                "Carries packets, acknowledgements and timeouts between two chains.",
                "Carries packets, acknowledgements and timeouts between two chains, and keeps "
                "their clients from expiring, until it is stopped. It can stop at any time, and "
                "several can run at once.",
                _fill_run,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command that was chosen."""
    code: int = args.run_relay(args)
    return code


def _fill_join(parser: argparse.ArgumentParser) -> None:
    _add_ends(parser)
    parser.add_argument(
        "--trusting-period",
        metavar="HOURS",
        type=_parse_hours,
        default=_TRUSTING_PERIOD_H,
        help="how long a header vouches for later ones; less than the time for which the chains "
        f"punish their validators (default: {_TRUSTING_PERIOD_H})",
    )
    _add_journal(parser, required=False)
    parser.set_defaults(run_relay=_join)


def _fill_run(parser: argparse.ArgumentParser) -> None:
    _add_ends(parser)
    parser.set_defaults(run_relay=_run)
    for side in _SIDES:
        parser.add_argument(
            f"--client-{side}",
            metavar="ID",
            required=True,
            help=f"client on chain {side} of the other chain, such as 07-tendermint-0",
        )
    _add_journal(parser, required=True)
    parser.add_argument(
        "--once", action="store_true", help="stop when there is nothing left to carry"
    )


def _add_journal(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--journal",
        metavar="FILE",
        type=Path,
        required=required,
        help="how far was read; without the file, `run` begins with the first block",
    )


def _add_ends(parser: argparse.ArgumentParser) -> None:
    for side in _SIDES:
        parser.add_argument(
            f"--node-{side}", metavar="URL", required=True, help=f"RPC of a node of chain {side}"
        )
        parser.add_argument(
            f"--chain-{side}", metavar="ID", required=True, help=f"id of chain {side}"
        )
        parser.add_argument(
            f"--from-{side}", metavar="KEY", required=True, help=f"name of a key for chain {side}"
        )
    add_keyring_option(parser)
    add_output_option(parser)


def _join(args: argparse.Namespace) -> int:
    ends = _open_ends(args, {f"client_{side}": "" for side in _SIDES})
    heights = [end.get_height() for end in ends]
    period_s = args.trusting_period * S_PER_HOUR
    for end, other in (ends, ends[::-1]):
        header = fetch_block(other.rpc).header
        # How long validators answer is not known here; the chain only wants it to be longer.
        creation = messages.create_client(header, period_s, 2 * period_s, end.signer.address)
        (created,) = end.send([creation]).require_ok().responses
        assert isinstance(created, MsgCreateClientResponse)
        end.client_id = created.client_id
    for end, other in (ends, ends[::-1]):
        registration = messages.register_counterparty(
            end.client_id, other.client_id, end.signer.address
        )
        end.send([registration]).require_ok()
    ids = {f"client_{side}": end.client_id for side, end in zip(_SIDES, ends, strict=True)}
    if args.journal:
        names = _name_journals(args, ids)
        begun = {name: Journal(height) for name, height in zip(names, heights, strict=True)}
        journal.save(args.journal, journal.load(args.journal) | begun)
    show_values(args, ids)
    return 0


def _run(args: argparse.Namespace) -> int:
    ids = {f"client_{side}": getattr(args, f"client_{side}") for side in _SIDES}
    ends = _open_ends(args, ids)
    for end in ends:
        end.get_client()
    names = _name_journals(args, ids)
    journals = journal.load(args.journal)
    for name in names:
        journals.setdefault(name, Journal(0))
    carrier = Carrier(ends, (journals[names[0]], journals[names[1]]))
    pause_s, attempts = _PAUSE_S, 0
    while True:
        try:
            progress = carrier.run_pass()
        except (RpcError, RejectedError) as error:
            attempts += 1
            if args.once and attempts >= _ATTEMPTS_MAX:
                raise
            text_output.complain(f"{error}; trying again in {pause_s:g} s")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)
            continue
        finally:
            journal.save(args.journal, journals)
        pause_s = _PAUSE_S
        _show(args, progress)
        attempts = attempts + 1 if progress.rejected else 0
        if args.once and attempts >= _ATTEMPTS_MAX:
            raise ClientError(f"a chain rejects what was carried: {progress.reason}")
        if args.once and progress.is_idle:
            return 0
        time.sleep(pause_s)


def _name_journals(args: argparse.Namespace, ids: Mapping[str, str]) -> list[str]:
    return [f"{getattr(args, f'chain_{side}')}/{ids[f'client_{side}']}" for side in _SIDES]


def _show(args: argparse.Namespace, progress: Progress) -> None:
    """A line for each pass in which something happened."""
    done = {name: count for name, count in progress.list_counts().items() if count}
    if not done:
        return
    if args.output == "json":
        text_output.say(text_output.to_json({**done, "reason": progress.reason}, indent=None))
    else:
        counts = ", ".join(f"{count} {name}" for name, count in done.items())
        text_output.say(f"{counts}{': ' if progress.reason else ''}{progress.reason}")


def _open_ends(args: argparse.Namespace, client_ids: Mapping[str, str]) -> tuple[End, End]:
    keyring = Keyring(args.keyring)
    found = []
    for side in _SIDES:
        rpc = Rpc(getattr(args, f"node_{side}"))
        chain_id = require_chain_id(getattr(args, f"chain_{side}"))
        shown = rpc.status().chain_id
        if shown != chain_id:
            raise UsageError(f"the node at {rpc.node} is on {shown!r}, not on {chain_id!r}")
        key = keyring.load(getattr(args, f"from_{side}"), ask_passphrase)
        if not isinstance(key, AccountKey):
            raise UsageError(f"--from-{side}: the key of an account is expected")
        found.append(End(rpc, client_ids[f"client_{side}"], Signer(rpc, key, chain_id=chain_id)))
    return found[0], found[1]


def _parse_hours(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError("a number of hours from 1 to 10000 is expected")
    return int(text)
