"""Money between two running networks, carried by relayers that anybody could run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from blockenergy.ibc.v1.tx_pb2 import MsgSetTransferLimit, MsgSetTransferLimitResponse
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_RELAYER
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest, QueryBalanceResponse
from cosmos.base.v1beta1.coin_pb2 import Coin
from ibc.applications.transfer.v1.tx_pb2 import MsgTransfer

from client.account import Signer
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from node_config.accounts import GenesisAccount
from node_config.localnet.network import Network
from tests.support.running.networks import quick, running_network, with_params

pytestmark = pytest.mark.network

DEADLINE_S = 120.0
RELAYER, ANNA = AccountKey(b"r" * 32), AccountKey(b"a" * 32)
MONEY = 20_000_000
CHAINS = ("north-1", "south-4")
PATH = "transfer/07-tendermint-0/ueur"
DAY_MAX = 1_000_000
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
        clients = [f"--client-{name}=07-tendermint-0" for name in "ab"]
        path = str(self.folder / journal)
        return self.run("run", *clients, "--journal", path, "--once")

    def balance(self, side: int, denom: str = "ueur", key: AccountKey = ANNA) -> int:
        request = QueryBalanceRequest(address=key.address, denom=denom)
        return int(query(self.rpc(side), request, QueryBalanceResponse).balance.amount or 0)

    def sign(self, side: int, key: AccountKey) -> Signer:
        return Signer(self.rpc(side), key, chain_id=CHAINS[side], wait_s=DEADLINE_S)

    def transfer(self, side: int, denom: str, amount: int, receiver: str, wait_s: int) -> int:
        """Sends money; returns the timeout."""
        message = MsgTransfer(
            source_port="transfer",
            source_channel="07-tendermint-0",
            token=Coin(denom=denom, amount=str(amount)),
            sender=ANNA.address,
            receiver=receiver,
            timeout_timestamp=int(time.time()) + wait_s,
        )
        self.sign(side, ANNA).send([message]).require_ok()
        return message.timeout_timestamp

    def wait_until(self, side: int, time_s: int) -> None:
        """Until a chain has a block of this time."""
        end_s = time.monotonic() + DEADLINE_S
        while self.rpc(side).status().latest_time_ns < (time_s + 1) * NS_PER_S:
            assert time.monotonic() < end_s
            time.sleep(0.1)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """Two networks of one validator each."""
    folder = tmp_path_factory.mktemp("relay")
    Keyring(folder / "keys").add("relayer", RELAYER, None)
    preset = with_params(quick("localnet"), auth={"min_gas_price_micro": 0})
    accounts = [
        GenesisAccount(RELAYER.address, (ROLE_RELAYER,), MONEY),
        GenesisAccount(ANNA.address, (ROLE_CONSUMER,), MONEY),
    ]
    networks = []
    with ExitStack() as stack:
        for chain_id in CHAINS:
            network = running_network(
                folder / chain_id, preset=preset, chain_id=chain_id, accounts=accounts
            )
            networks.append(stack.enter_context(network))
        yield Ends(tuple(networks), folder)


def finish(relayer: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What a relayer has said, when it is done."""
    output, errors = relayer.communicate(timeout=DEADLINE_S)
    assert relayer.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]


def test_money_crosses_and_comes_back_whatever_becomes_of_relayers(ends: Ends) -> None:
    output, errors = ends.run("join", "--journal", str(ends.folder / "first.json")).communicate(
        timeout=DEADLINE_S
    )
    assert json.loads(output) == {"client_a": "07-tendermint-0", "client_b": "07-tendermint-0"}, (
        errors
    )
    vouchers = [_allow(ends, side) for side in (0, 1)]
    # One that arrives, one that nobody there can take, and one that comes too late.
    ends.transfer(0, "ueur", 1_000, ANNA.address, 600)
    ends.transfer(0, "ueur", 200, "elsewhere", 600)
    timeout_s = ends.transfer(0, "ueur", 30, ANNA.address, 5)
    ends.transfer(1, "ueur", 4_000, ANNA.address, 600)
    ends.wait_until(1, timeout_s)
    killed = ends.relay("first.json")
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    # Two at once, one of which goes on from where the killed one was.
    both = [ends.relay("first.json"), ends.relay("second.json")]
    for relayer in both:
        finish(relayer)
    assert ends.balance(1, vouchers[1]) == 1_000
    assert ends.balance(0, vouchers[0]) == 4_000
    assert ends.balance(0) == MONEY - 1_000
    ends.transfer(1, vouchers[1], 1_000, ANNA.address, 600)
    said = finish(ends.relay("first.json"))
    assert ends.balance(0) == MONEY
    assert ends.balance(1, vouchers[1]) == 0
    assert sum(line.get("packets", 0) for line in said) == 1
    # Nothing is left, also for one that reads everything from the beginning.
    assert not any(line.keys() - {"read"} for line in finish(ends.relay("third.json")))


def _allow(ends: Ends, side: int) -> str:
    """Allows euros of both chains; returns the voucher."""
    keyring = Keyring(ends.networks[side].layout.keys)
    key = keyring.load("distributor0", str)
    assert isinstance(key, AccountKey)
    denom = ""
    for path in ("ueur", PATH):
        message = MsgSetTransferLimit(
            authority=key.address,
            client_id="07-tendermint-0",
            path=path,
            sent_per_day_max=DAY_MAX,
            received_per_day_max=DAY_MAX,
        )
        (answer,) = ends.sign(side, key).send([message]).require_ok().responses
        assert isinstance(answer, MsgSetTransferLimitResponse)
        denom = answer.denom
    return denom
