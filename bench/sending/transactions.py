"""What is sent: signed transfers between accounts, and sets of CometBFT's key-value store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blockenergy.auth.v1.state_pb2 import Params
from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format

from client.cost import Cost, compute_cost
from client.signing.keys import AccountKey
from client.signing.tx import sign
from node_config.accounts import GenesisAccount

# Over which the transactions are spread; all of an account go over the same one, in their order.
CONNECTIONS = 2
BALANCE = 1_000_000_000
AMOUNT = "5"
# On a chain without fees.
FREE = Cost(200_000, ())
SET_BYTES = 210


def make_keys(count: int) -> list[AccountKey]:
    """The keys of the accounts, the same in every run."""
    return [AccountKey(hashlib.sha256(b"bench %d" % number).digest()) for number in range(count)]


def make_genesis_accounts(keys: Sequence[AccountKey]) -> list[GenesisAccount]:
    """The accounts as they stand in genesis."""
    return [GenesisAccount(key.address, (ROLE_PROSUMER,), BALANCE) for key in keys]


def make_transfers(
    keys: Sequence[AccountKey],
    numbers: Mapping[str, int],
    denom: str,
    chain_id: str,
    count: int,
    write_address: Callable[[str], str] = str,
    params: Params | None = None,
) -> list[list[bytes]]:
    """Signed transfers, the accounts in turn, each to another account.

    `numbers` are the account numbers by address; `write_address` gives an address in the form of
    another chain; `params` say what a transfer costs, nothing if there are none.
    """
    streams: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    coins = [Coin(denom=denom, amount=AMOUNT)]
    texts = [write_address(key.address) for key in keys]
    for position in range(count):
        sequence, account = divmod(position, len(keys))
        key, target = keys[account], texts[(account * 7 + sequence + 1) % len(keys)]
        message = MsgSend(from_address=texts[account], to_address=target, amount=coins)
        number = numbers[key.address]
        cost = compute_cost(params, [message], key.pub_key) if params else FREE
        tx = sign([message], key, chain_id, number, sequence, cost.fee, cost.gas_limit)
        streams[account % CONNECTIONS].append(tx)
    return streams


def make_our_transfers(
    genesis: Any, keys: Sequence[AccountKey], chain_id: str, count: int
) -> list[list[bytes]]:
    """Transfers on a chain of ours, of which the genesis state is given."""
    numbers, params = read_account_numbers(genesis), read_auth_params(genesis)
    return make_transfers(keys, numbers, params.fee_denom, chain_id, count, params=params)


def read_account_numbers(genesis: Any) -> dict[str, int]:
    """The account numbers of a genesis state, by address."""
    entries = genesis["auth"]["accounts"]
    return {entry["key"]: int(entry["value"]["account_number"]) for entry in entries}


def read_auth_params(genesis: Any) -> Params:
    """What a genesis state says of the cost of transactions."""
    return json_format.ParseDict(genesis["auth"]["params"], Params())


def make_sets(count: int) -> list[list[bytes]]:
    """As many sets of a key to a value, of SET_BYTES each."""
    txs = [(b"k%08d=" % number).ljust(SET_BYTES, b"v") for number in range(count)]
    return [txs[part::CONNECTIONS] for part in range(CONNECTIONS)]
