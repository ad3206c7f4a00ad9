"""Two running networks of one validator each, and relayers between them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_RELAYER, Role
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest, QueryBalanceResponse

from client.account import Signer
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from tests.support.running.networks import Change, quick, running_network, with_params

DEADLINE_S = 120.0
RELAYER, ANNA = AccountKey(b"r" * 32), AccountKey(b"a" * 32)
MONEY = 20_000_000
CHAINS = ("north-1", "south-4")
CLIENT = "07-tendermint-0"
NS_PER_S = 1_000_000_000


class Ends(NamedTuple):
    """Two networks, and a folder with the relayer's key."""

    networks: tuple[Network, ...]
    folder: Path

    @property
    def urls(self) -> list[str]:
        return [network.rpc_urls[0] for network in self.networks]

    def rpc(self, side: int) -> Rpc:
        return Rpc(self.urls[side])

    def run(self, command: str, *options: str) -> subprocess.Popen[str]:
        """`blockenergy relay`, with the ends of both chains."""
        words = [sys.executable, "-m", "client.cli", "relay", command, "-o", "json"]
        for name, url, chain_id in zip("ab", self.urls, CHAINS, strict=True):
            words += [f"--node-{name}", url, f"--chain-{name}", chain_id]
            words += [f"--from-{name}", "relayer"]
        words += ["--keyring", str(self.folder / "keys"), *options]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def relay(self, journal: str) -> subprocess.Popen[str]:
        clients = [f"--client-{name}={CLIENT}" for name in "ab"]
        path = str(self.folder / journal)
        return self.run("run", *clients, "--journal", path, "--once")

    def balance(self, side: int, denom: str = "ueur", key: AccountKey = ANNA) -> int:
        request = QueryBalanceRequest(address=key.address, denom=denom)
        return int(query(self.rpc(side), request, QueryBalanceResponse).balance.amount or 0)

    def sign(self, side: int, key: AccountKey) -> Signer:
        return Signer(self.rpc(side), key, chain_id=CHAINS[side], wait_s=DEADLINE_S)

    def sign_as_authority(self, side: int) -> Signer:
        """Who decides over a chain."""
        key = Keyring(self.networks[side].layout.keys).load("distributor0", str)
        assert isinstance(key, AccountKey)
        return self.sign(side, key)

    def join(self, journal: str) -> None:
        """Makes a client of each chain on the other one."""
        output, errors = self.run("join", "--journal", str(self.folder / journal)).communicate(
            timeout=DEADLINE_S
        )
        assert json.loads(output) == {"client_a": CLIENT, "client_b": CLIENT}, errors

    def wait_until(self, side: int, time_s: int) -> None:
        """Until a chain has a block of this time."""
        end_s = time.monotonic() + DEADLINE_S
        while self.rpc(side).status().latest_time_ns < (time_s + 1) * NS_PER_S:
            assert time.monotonic() < end_s
            time.sleep(0.1)


@contextmanager
def start_networks(
    folder: Path,
    *,
    roles: Sequence[Role] = (ROLE_CONSUMER,),
    meters: Sequence[GenesisMeter] = (),
    change: Change | None = None,
) -> Iterator[Ends]:
    """Two networks on which Anna has money. change: of the state that both begin with."""
    Keyring(folder / "keys").add("relayer", RELAYER, None)
    preset = with_params(quick("localnet"), auth={"min_gas_price_micro": 0})
    accounts = [
        GenesisAccount(RELAYER.address, (ROLE_RELAYER,), MONEY),
        GenesisAccount(ANNA.address, tuple(roles), MONEY),
    ]
    with ExitStack() as stack:
        networks = [
            stack.enter_context(
                running_network(
                    folder / chain_id,
                    preset=preset,
                    chain_id=chain_id,
                    accounts=accounts,
                    meters=meters,
                    change=change,
                )
            )
            for chain_id in CHAINS
        ]
        yield Ends(tuple(networks), folder)


def finish(relayer: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What a relayer has said, when it is done."""
    output, errors = relayer.communicate(timeout=DEADLINE_S)
    assert relayer.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]
