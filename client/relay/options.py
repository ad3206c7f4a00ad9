"""The options of `blockenergy relay` that name two chains, and how each is written to."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from chain.runtime.encoding import bech32
from client.account import Signer
from client.cli.common import add_keyring_option, add_output_option
from client.cli.prompts import ask_passphrase
from client.cli.tx import parse_gas_price
from client.errors import UsageError
from client.node.chain_pin import require_chain_id
from client.node.rpc import Rpc
from client.relay import gas
from client.relay.end import End
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey

SIDES = ("a", "b")
# As long as bech32 leaves room for; digits could be taken for the separator.
_PREFIX = re.compile(r"[a-z]{1,40}", re.ASCII)


def add_ends(parser: argparse.ArgumentParser) -> None:
    """The options of both chains."""
    for side in SIDES:
        parser.add_argument(
            f"--node-{side}", metavar="URL", required=True, help=f"RPC of a node of chain {side}"
        )
        parser.add_argument(
            f"--chain-{side}", metavar="ID", required=True, help=f"id of chain {side}"
        )
        parser.add_argument(
            f"--from-{side}", metavar="KEY", required=True, help=f"name of a key for chain {side}"
        )
        parser.add_argument(
            f"--prefix-{side}",
            metavar="PREFIX",
            default=bech32.PREFIX,
            help=f"what addresses begin with on chain {side}, if it is one of the Cosmos SDK, such "
            f"as cosmos (default: {bech32.PREFIX})",
        )
        parser.add_argument(
            f"--gas-prices-{side}",
            metavar="PRICE",
            help=f"per unit of gas on chain {side}, such as 0.025uatom (default: the chain's "
            "minimum; nothing on one of the Cosmos SDK)",
        )
    add_keyring_option(parser)
    add_output_option(parser)


def open_ends(args: argparse.Namespace, client_ids: Mapping[str, str]) -> tuple[End, End]:
    """Both chains, each with its client of the other. Raises UsageError, MissingError, RpcError."""
    keyring = Keyring(args.keyring)
    one, other = (_open_end(args, keyring, side, client_ids[f"client_{side}"]) for side in SIDES)
    return one, other


def _open_end(args: argparse.Namespace, keyring: Keyring, side: str, client_id: str) -> End:
    rpc = Rpc(getattr(args, f"node_{side}"))
    chain_id = require_chain_id(getattr(args, f"chain_{side}"))
    shown = rpc.status().chain_id
    if shown != chain_id:
        raise UsageError(f"the node at {rpc.node} is on {shown!r}, not on {chain_id!r}")
    key = keyring.load(getattr(args, f"from_{side}"), ask_passphrase)
    if not isinstance(key, AccountKey):
        raise UsageError(f"--from-{side}: the key of an account is expected")
    return End(rpc, client_id, Signer(rpc, key, chain_id=chain_id, **read_costs(args, side)))


def read_costs(args: argparse.Namespace, side: str) -> dict[str, Any]:
    """How addresses and fees are on a chain, as options of a Signer. Raises UsageError."""
    prefix, text = getattr(args, f"prefix_{side}"), getattr(args, f"gas_prices_{side}")
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(f"--prefix-{side}: 1 to 40 small letters are expected")
    price = parse_gas_price(text) if text else None
    if prefix == bech32.PREFIX:
        return {"gas_price": price}
    return {"prefix": prefix, "get_cost": partial(gas.compute_cost, price=price or gas.FREE)}
