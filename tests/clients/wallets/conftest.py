"""A network for wallets that nobody here wrote, the gateway beside it, and accounts to pay from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER
from wallet_keys import BIDDER, BIDDER_METER, DEADLINE_S, ORIGIN, PAYER, RECEIVER

from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from tests.support.running.networks import quick, running_network, with_cometbft

ROOT = Path(__file__).parents[3]


class Gateway(NamedTuple):
    """Where the gateway listens: HOST:PORT for gRPC, an address for REST."""

    grpc: str
    rest: str


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A validator that allows a few subscriptions."""
    preset = with_cometbft(quick("demo"), rpc={"max_subscription_clients": 5})
    accounts = [
        GenesisAccount(key.address, (ROLE_CONSUMER,), 100_000_000)
        for key in (PAYER, RECEIVER, BIDDER)
    ]
    meter = GenesisMeter(
        "M-1", BIDDER.address, next(iter(preset.feeders)), 20_000, BIDDER_METER.pub_key
    )
    home = tmp_path_factory.mktemp("wallets") / "net"
    with running_network(home, 1, preset, accounts=accounts, meters=[meter]) as network:
        yield network


@pytest.fixture(scope="session")
def gateway(network: Network) -> Iterator[Gateway]:
    """The gateway as its operator starts it, on free ports."""
    command = [sys.executable, "-m", "client.cli", "gateway", "--node", network.rpc_urls[0]]
    command += ["--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--cors-origin", ORIGIN]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "proto" / "gen")])
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    try:
        assert process.stdout is not None
        grpc, rest = (process.stdout.readline().rpartition(" ")[2].strip() for _ in range(2))
        assert rest.startswith("http://127.0.0.1:")
        yield Gateway(grpc, rest)
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
