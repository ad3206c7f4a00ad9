"""A large chain on disk: accounts with money and, if wanted, a meter each, as from genesis.

A genesis document of a million accounts would take the measurement's memory and most of its time.
So one household goes through genesis, and its records are copied for all others, in blocks of many
accounts, through the collections of the modules and the node's own state and database.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from abci_app.storage.leveldb import open_leveldb
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from chain import app
from chain.auth import state as auth_state
from chain.bank import state as bank_state
from chain.registry import state as registry_state
from chain.runtime.context import BlockInfo, Context
from chain.runtime.encoding import bech32
from chain.runtime.state.store import CacheStore
from client.signing.keys import AccountKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter, make_app_state
from node_config.preset import load_preset

CHAIN_ID = "bench-1"
# The beginning of a slot, whatever its length up to an hour.
GENESIS_TIME_S = 1_800_000_000
BALANCE = 1_000_000_000
# Enough for any number of slots that are opened and lost.
TREASURY_BALANCE = 10**15
CAPACITY_W = 10_000
CHUNK = 20_000
FEEDER = "feeder-1"
_SAMPLE = "sample"
_OPERATORS = ("registrar", "treasury", "backstop", "issuer", "bridge", "distributor0")


def operator_key(name: str) -> AccountKey:
    """The key of an operator's account, the same in every run."""
    return AccountKey(hashlib.sha256(f"bench operator {name}".encode()).digest())


def owner_address(number: int) -> bytes:
    """The account that owns a meter. Nobody signs for it."""
    return hashlib.sha256(b"bench owner %d" % number).digest()[:20]


def meter_id(number: int) -> str:
    """The id of a meter."""
    return f"meter-{number:07d}"


def meter_key(number: int) -> Ed25519PrivateKey:
    """The key inside a meter, one for each."""
    seed = hashlib.sha256(b"bench meter %d" % number).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def create(
    folder: Path,
    size: int,
    *,
    metered: bool,
    signers: int = 0,
    params: dict[str, Any] | None = None,
) -> None:
    """Writes a chain of households into a folder that does not exist, at rest: nothing is
    left to merge that a measurement would pay for.

    The first `signers` of them have the keys of `signer_key`. `params` change single parameters,
    as {"settlement.accounts_per_block_max": 1000}.
    """
    changes = app.init_chain(_make_genesis(metered, params or {}))
    with Database.open(folder, create=True, cache_entries=1, history_heights=0) as database:
        state = NodeState(database)
        state.begin_chain(BlockInfo(CHAIN_ID, 1, GENESIS_TIME_S), changes)
        for height, chunk in enumerate(_chunks(size), start=1):
            block = BlockInfo(CHAIN_ID, height, GENESIS_TIME_S)
            ctx = Context(CacheStore(state.reader), block)
            _add_households(ctx, chunk, signers, metered)
            state.set_pending(block, ctx.store.changes)
            state.commit()
            if size > CHUNK:
                print(f"\r  {chunk.stop:,} of {size:,} accounts", end="", file=sys.stderr)
    if size > CHUNK:
        print(file=sys.stderr)
    merge_files(folder)


def merge_files(folder: Path) -> None:
    """Lets LevelDB do what it would do in time after so much was written."""
    handle: Any = open_leveldb(folder, create=False)
    handle.compact_range(start=b"\x00", stop=b"\xff")
    handle.close()


def signer_key(number: int) -> AccountKey:
    """The key of a household that signs transactions."""
    return AccountKey(hashlib.sha256(b"bench %d" % number).digest())


def address_of_number(number: int, signers: int) -> bytes:
    """The address of a household, of which the first `signers` sign transactions."""
    if number < signers:
        return bech32.decode(signer_key(number).address)
    return owner_address(number)


def _chunks(size: int) -> Iterator[range]:
    for first in range(0, size, CHUNK):
        yield range(first, min(size, first + CHUNK))


def _make_genesis(metered: bool, params: dict[str, Any]) -> dict[str, Any]:
    preset = load_preset("localnet")
    preset = replace(
        preset, balances={**preset.balances, "treasury": TREASURY_BALANCE, "backstop": 10**15}
    )
    address = operator_key(_SAMPLE).address
    account = GenesisAccount(address, (ROLE_PROSUMER,), BALANCE)
    # No household has this number, and each meter has a key of its own.
    pub_key = meter_key(-1).public_key().public_bytes_raw()
    meters = [GenesisMeter("sample", address, FEEDER, CAPACITY_W, pub_key)] if metered else []
    operators = {name: operator_key(name).address for name in _OPERATORS}
    # Before all slots of the measurement, so that their readings have a beginning.
    document = make_app_state(preset, operators, [account], meters, GENESIS_TIME_S)
    for path, value in params.items():
        module, name = path.split(".")
        document[module]["params"][name] = str(value)
    return document


def _add_households(ctx: Context, numbers: range, signers: int, metered: bool) -> None:
    """Copies the household of genesis: its records with other addresses, numbers and keys."""
    sample = bech32.decode(operator_key(_SAMPLE).address)
    denom = next(key for key, _ in bank_state.DENOMS.items(ctx))
    participant = registry_state.PARTICIPANTS.get(ctx, sample)
    account = auth_state.ACCOUNTS.get(ctx, sample)
    assert participant is not None and account is not None
    account.sequence, account.pub_key = 0, b""
    info = bank_state.DENOMS.get(ctx, denom)
    assert info is not None
    for number in numbers:
        address = address_of_number(number, signers)
        account.account_number = auth_state.ACCOUNT_NUMBERS.next(ctx)
        auth_state.ACCOUNTS.set(ctx, address, account)
        registry_state.PARTICIPANTS.set(ctx, address, participant)
        bank_state.BALANCES.set(ctx, (address, denom), BALANCE)
        info.supply += BALANCE
        if metered:
            _add_meter(ctx, number, address)
    bank_state.DENOMS.set(ctx, denom, info)


def _add_meter(ctx: Context, number: int, owner: bytes) -> None:
    meter = registry_state.METERS.get(ctx, "sample")
    assert meter is not None
    meter.owner = bech32.encode(owner)
    meter.pub_key = meter_key(number).public_key().public_bytes_raw()
    registry_state.METERS.set(ctx, meter_id(number), meter)
