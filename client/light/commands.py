"""`blockenergy light`: name a header to trust, follow the chain from it, show what is trusted."""

from __future__ import annotations

import argparse
import re
import time
from functools import partial

from blockenergy.options.v1 import options_pb2 as options

from chain import light
from client.cli.common import (
    Command,
    add_commands,
    add_keyring_option,
    add_node_option,
    add_output_option,
    show_values,
)
from client.errors import UsageError
from client.light import session
from client.light.client import S_PER_HOUR, LightClient, trust
from client.light.forks import AttackError
from client.light.provider import LightBlock
from client.light.store import Settings, TrustStore
from client.node.rpc import Rpc
from client.units import format_value

# Below the 48 h for which evidence against validators is accepted.
TRUSTING_PERIOD_H = 32
_HASH = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{64})", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    add_commands(
        parser,
        {
            "trust": Command(
                "Names a header to trust, by height and hash.",
                "Begins anew from a header whose height and hash the operator of the network has "
                "told you, not the node. Nodes of other operators are witnesses: what the node "
                "shows counts only if they show the same.",
                _fill_trust,
            ),
            "verify": Command(
                "Verifies the latest header, or the one at a height.",
                f"Follows the chain from what is trusted. Exit codes: 0 verified; "
                f"{AttackError.exit_code} not valid, or an attack.",
                _fill_verify,
            ),
            "status": Command(
                "Shows what is trusted.",
                "Shows what is trusted, without asking a node.",
                _fill_status,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command that was chosen."""
    code: int = args.run_light(args)
    return code


def _fill_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--height", type=height, required=True, metavar="N", help="its height")
    parser.add_argument("--hash", required=True, metavar="HEX", help="its hash, 64 hex digits")
    add_node_option(parser)
    parser.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="URL",
        help="RPC address of a node of another operator; may be given more than once",
    )
    parser.add_argument(
        "--no-witness",
        action="store_true",
        help="trust what one node shows, as long as validators have signed it",
    )
    parser.add_argument(
        "--trusting-period-h",
        type=hours,
        default=TRUSTING_PERIOD_H,
        metavar="H",
        help="how long a header vouches for later ones; less than evidence is accepted for "
        f"(default: {TRUSTING_PERIOD_H})",
    )
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(run_light=_trust)


def _fill_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--height", type=height, metavar="N", help="(default: the latest)")
    parser.add_argument("--node", metavar="URL", default="", help="(default: the one of trust)")
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(run_light=_verify)


def _fill_status(parser: argparse.ArgumentParser) -> None:
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(run_light=_show_status)


def height(text: str) -> int:
    """The height of a block, from 1; ValueError for anything else. Errors bear this name."""
    number = int(text)
    if not 1 <= number < 1 << 63:
        raise ValueError(text)
    return number


def hours(text: str) -> int:
    """A number of hours, up to ten years; ValueError for anything else. Errors bear this name."""
    number = int(text)
    if not 1 <= number <= 87_600:
        raise ValueError(text)
    return number


def _trust(args: argparse.Namespace) -> int:
    found = _HASH.fullmatch(args.hash)
    if not found:
        raise UsageError(f"{args.hash!r} is not the hash of a header, 64 hex digits")
    if bool(args.witness) == args.no_witness:
        raise UsageError("give --witness for each node of another operator, or --no-witness")
    block = trust(Rpc(args.node), args.height, bytes.fromhex(found[1]))
    chain_id = block.header.chain_id
    session.require_pinned(chain_id, args.keyring)
    period_s = args.trusting_period_h * S_PER_HOUR
    settings = Settings(chain_id, args.node, tuple(args.witness), period_s)
    store = TrustStore(settings, [block])
    client = LightClient(Rpc(args.node), [Rpc(witness) for witness in args.witness], store)
    # Tells at once whether the header is recent enough and the witnesses answer.
    client.latest()
    session.begin(store)
    _show(args, store)
    return 0


def _verify(args: argparse.Namespace) -> int:
    with session.open_client(args.node, args.keyring) as client:
        header = client.latest() if args.height is None else client.at(args.height)
        power = ""
        block = client.store.get(header.height)
        if block is not None:
            power = describe_power(block)
        show_values(
            args,
            {
                "chain_id": header.chain_id,
                "height": str(header.height),
                "hash": light.compute_header_hash(header).hex().upper(),
                "time": format_value(options.UNIT_TIME_S, header.time.seconds),
                "app_hash": header.app_hash.hex().upper(),
                "signed_by": power,
            },
        )
    return 0


def describe_power(block: LightBlock) -> str:
    """How much of the validators' power a verified block has: `30 of 40`."""
    total = sum(validator.voting_power for validator in block.validators)
    votes = zip(block.validators, block.signed_header.commit.signatures, strict=True)
    signed = sum(validator.voting_power for validator, vote in votes if vote.block_id_flag == 2)
    return f"{signed} of {total}"


def _show_status(args: argparse.Namespace) -> int:
    with session.open_client(keyring=args.keyring) as client:
        _show(args, client.store)
    return 0


def _show(args: argparse.Namespace, store: TrustStore) -> None:
    settings, latest = store.settings, store.latest
    time_s = latest.header.time.seconds
    expires_s = time_s + settings.trusting_period_s
    as_time = partial(format_value, options.UNIT_TIME_S)
    show_values(
        args,
        {
            "chain_id": settings.chain_id,
            "node": settings.node,
            "witnesses": ", ".join(settings.witnesses),
            "first_height": str(store.first.height),
            "latest_height": str(latest.height),
            "latest_hash": latest.hash.hex().upper(),
            "latest_time": as_time(time_s),
            "expires": as_time(expires_s),
            "expired": expires_s <= time.time(),
        },
    )
