"""kill -9 of applications and CometBFT nodes at random moments, under load.

What must hold: the network goes on, every killed node comes back and has the same app hashes, and
no transfer that was reported committed is missing on any node.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from blockenergy.bank.v1.query_pb2 import QueryBalancesRequest, QueryBalancesResponse
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from abci_app.__main__ import main as run_abci_app
from client.account import Signer
from client.errors import ClientError
from client.keys import AccountKey
from client.queries import query
from client.rpc import Rpc
from client.tx import compute_hash
from node_config import localnet
from node_config.accounts import GenesisAccount
from node_config.network import Network
from node_config.ports import find_free_ports
from node_config.preset import load_preset
from node_config.toolchain import ToolchainError, cometbft_binary

pytestmark = pytest.mark.crash

VALIDATORS = 4
KILLS = 20
SENDERS = 12
DEADLINE_S = 60.0
START = 1_000_000_000
SINK = AccountKey(b"s" * 32)


@dataclass
class Sender:
    """One account that pays the sink 1, again and again, through whatever node answers."""

    key: AccountKey
    # (height, hash) of every transfer that a node has reported committed.
    committed: list[tuple[int, bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def run(self, urls: list[str], stopping: threading.Event) -> None:
        choice = random.Random(self.key.address)
        while not stopping.is_set():
            rpc = Rpc(choice.choice(urls), timeout_s=5)
            try:
                signer = Signer(rpc, self.key, wait_s=10)
                while not stopping.is_set():
                    outcome = signer.send([self.make_payment()])
                    if outcome.code == 0:
                        self.committed.append((outcome.height, outcome.hash))
                    else:
                        self.refused.append(outcome.log)
            except ClientError:
                # The node has just been killed; another one will answer.
                continue
            finally:
                rpc.close()

    def make_payment(self) -> MsgSend:
        coin = Coin(denom="ueur", amount="1")
        return MsgSend(from_address=self.key.address, to_address=SINK.address, amount=[coin])


@pytest.fixture
def network(tmp_path: Path) -> Iterator[tuple[Network, list[Sender]]]:
    try:
        cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    senders = [Sender(AccountKey(bytes([number]) * 32)) for number in range(1, SENDERS + 1)]
    keys = [sender.key for sender in senders] + [SINK]
    localnet.init(
        tmp_path / "net",
        VALIDATORS,
        preset=load_preset("demo"),
        base_port=find_free_ports(VALIDATORS).base,
        accounts=[GenesisAccount(key.address, (ROLE_CONSUMER,), START) for key in keys],
    )
    network = Network(tmp_path / "net", lambda line: None)
    network.start(DEADLINE_S)
    try:
        yield network, senders
    finally:
        network.stop()


def test_twenty_kills_lose_nothing(network: tuple[Network, list[Sender]]) -> None:
    net, senders = network
    seed = int(os.environ.get("CHAOS_SEED", str(random.SystemRandom().randrange(10**6))))
    sys.stderr.write(f"CHAOS_SEED={seed}\n")
    stopping = threading.Event()
    threads = [
        threading.Thread(target=sender.run, args=(net.rpc_urls, stopping)) for sender in senders
    ]
    for thread in threads:
        thread.start()
    try:
        kill_at_random(net, random.Random(seed))
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    height = max(Rpc(url).status().latest_height for url in net.rpc_urls) + 3
    net.wait_for_height(height, DEADLINE_S)
    require_equal_app_hashes(net, height)
    require_nothing_lost(net, senders)
    homes = [node.home for node in net.layout.nodes]
    net.stop()
    for home in homes:
        assert run_abci_app(["check", "--home", str(home), "--log-level", "error"]) == 0


def kill_at_random(net: Network, choice: random.Random) -> None:
    """Kills a process of a node, and the next one when the node has caught up."""
    names = [node.name for node in net.layout.nodes]
    for _ in range(KILLS):
        before = max(get_heights(net).values())
        name, process = choice.choice(names), choice.choice(["app", "cometbft"])
        pause_until(choice.uniform(0.0, 1.0))
        net.kill(name, process)
        # The others go on without it, and it comes back to them.
        others = [other for other in names if other != name]
        net.wait_for_height(before + 3, DEADLINE_S, others)
        net.wait_for_height(before + 3, DEADLINE_S, [name])


def pause_until(seconds: float) -> None:
    """Waits for the random moment of a kill: time itself is the condition here."""
    threading.Event().wait(seconds)


def get_heights(net: Network) -> dict[str, int]:
    heights = {}
    for url in net.rpc_urls:
        try:
            heights[url] = Rpc(url, timeout_s=5).status().latest_height
        except ClientError:
            heights[url] = 0
    return heights


def require_equal_app_hashes(net: Network, height: int) -> None:
    rpcs = [Rpc(url) for url in net.rpc_urls]
    for at in range(2, height + 1):
        assert len({rpc.block(at).app_hash for rpc in rpcs}) == 1, f"height {at}"


def require_nothing_lost(net: Network, senders: list[Sender]) -> None:
    """Every node has every transfer at the height that was reported, and the money it moved."""
    # A sender that asks a node which has not caught up yet may sign the very same transaction
    # again and be told again that it is committed: it is counted once, as the chain does.
    committed = {entry for sender in senders for entry in sender.committed}
    assert len(committed) > KILLS, "the load was too small to mean anything"
    assert not [text for sender in senders for text in sender.refused]
    for url in net.rpc_urls:
        rpc = Rpc(url)
        for height, tx_hash in committed:
            # Blocks are asked, not the index of transactions: CometBFT may lose entries of its
            # index when it is killed.
            place = [compute_hash(raw) for raw in rpc.block(height).txs].index(tx_hash)
            assert rpc.block_results(height).tx_results[place].code == 0
        received = get_free(rpc, SINK) - START
        paid = sum(START - get_free(rpc, sender.key) for sender in senders)
        # An answer that a kill has swallowed may have moved money as well.
        assert received == paid >= len(committed)


def get_free(rpc: Rpc, key: AccountKey) -> int:
    response = query(rpc, QueryBalancesRequest(address=key.address), QueryBalancesResponse)
    return int(response.free[0].amount)
