"""`blockenergy relay`: joins two chains, and carries packets between them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ibc.core.client.v1.tx_pb2 import MsgCreateClientResponse

import text_output
from client.cli.common import Command, add_commands, show_values
from client.errors import ClientError, RejectedError, RpcError
from client.light.provider import fetch_block
from client.metrics import serve_metrics
from client.relay import journal, messages
from client.relay.carrier import Carrier, Progress, Standing
from client.relay.journal import Journal
from client.relay.metrics import Metrics
from client.relay.options import SIDES, add_ends, open_ends

S_PER_HOUR = 3600
# Below the 48 h for which evidence against validators is accepted.
_TRUSTING_PERIOD_H = 32
_PAUSE_S = 1.0
_PAUSE_MAX_S = 60.0
# Blocks that were not read yet, above which a chain counts as being far ahead.
_FAR = 100
# With --once: passes in which nothing but rejections happen.
_ATTEMPTS_MAX = 3
# With --once: passes with nothing to do, while the next block of a chain is waited for.
_WAITS_MAX = 60


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
    add_ends(parser)
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
    add_ends(parser)
    parser.set_defaults(run_relay=_run)
    for side in SIDES:
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
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", default="", help="answer Prometheus there"
    )


def _add_journal(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--journal",
        metavar="FILE",
        type=Path,
        required=required,
        help="how far was read; without the file, `run` begins with the first block",
    )


def _join(args: argparse.Namespace) -> int:
    ends = open_ends(args, {f"client_{side}": "" for side in SIDES})
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
    ids = {f"client_{side}": end.client_id for side, end in zip(SIDES, ends, strict=True)}
    if args.journal:
        names = _name_journals(args, ids)
        begun = {name: Journal(height) for name, height in zip(names, heights, strict=True)}
        journal.save(args.journal, journal.load(args.journal) | begun)
    show_values(args, ids)
    return 0


def _run(args: argparse.Namespace) -> int:
    ids = {f"client_{side}": getattr(args, f"client_{side}") for side in SIDES}
    ends = open_ends(args, ids)
    for end in ends:
        end.get_client()
    names = _name_journals(args, ids)
    journals = journal.load(args.journal)
    for name in names:
        journals.setdefault(name, Journal(0))
    carrier = Carrier(ends, (journals[names[0]], journals[names[1]]))
    metrics = Metrics()
    with serve_metrics(metrics.registry, args.metrics):
        return run_passes(args, carrier, metrics, lambda: journal.save(args.journal, journals))


def run_passes(
    args: argparse.Namespace, carrier: Carrier, metrics: Metrics, save: Callable[[], None]
) -> int:
    """Pass after pass, each followed by `save`; with --once until nothing is left."""
    pause_s, attempts, waits = _PAUSE_S, 0, 0
    while True:
        try:
            progress = carrier.run_pass()
        except (RpcError, RejectedError) as error:
            metrics.note_failure()
            attempts += 1
            if args.once and attempts >= _ATTEMPTS_MAX:
                raise
            text_output.complain(f"{error}; trying again in {pause_s:g} s")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)
            continue
        finally:
            save()
        pause_s = _PAUSE_S
        standings = carrier.list_standings()
        metrics.note_pass(progress, standings)
        _show(args, progress, standings)
        attempts = attempts + 1 if progress.rejected else 0
        if args.once and attempts >= _ATTEMPTS_MAX:
            raise ClientError(f"a chain rejects what was carried: {progress.reason}")
        waits = waits + 1 if progress.is_idle else 0
        if args.once and waits:
            chain_id = carrier.find_news()
            if not chain_id:
                return 0
            if waits > _WAITS_MAX:
                raise ClientError(
                    f"{chain_id} makes no block that proves what has happened in its latest one"
                )
        # What is far behind does not wait.
        if all(one.unread_blocks < _FAR for one in standings):
            time.sleep(pause_s)


def _name_journals(args: argparse.Namespace, ids: Mapping[str, str]) -> list[str]:
    return [f"{getattr(args, f'chain_{side}')}/{ids[f'client_{side}']}" for side in SIDES]


def _show(args: argparse.Namespace, progress: Progress, standings: Iterable[Standing]) -> None:
    """A line for each pass in which something happened, and while a chain is far ahead of what was
    read of it.
    """
    done = {name: count for name, count in progress.list_counts().items() if count}
    behind = [one for one in standings if one.unread_blocks >= _FAR]
    if args.output == "json":
        read = {one.chain_id: one.read_height for one in behind}
        said: dict[str, object] = {**done}
        if done:
            said["reason"] = progress.reason
        if read:
            said["read"] = read
        if said:
            text_output.say(text_output.to_json(said, indent=None))
        return
    if done:
        counts = ", ".join(f"{count} {name}" for name, count in done.items())
        text_output.say(f"{counts}{': ' if progress.reason else ''}{progress.reason}")
    for one in behind:
        text_output.say(f"{one.chain_id}: read up to block {one.read_height} of {one.height}")


def _parse_hours(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError("a number of hours from 1 to 10000 is expected")
    return int(text)
