"""A network on the next release line of CometBFT, 0.40.0, as it is released.

The application need not know which line it talks to: the ABCI of both is the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from client.account import Signer
from client.node.chain_pin import read_pin
from client.node.rpc import Rpc
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from node_config.cometbft.toolchain import BUILD_FLAGS, cometbft_binary, get_cache_folder
from node_config.localnet.network import Network, get_height
from node_config.localnet.process import Process
from tests.support.running.networks import running_network

pytestmark = pytest.mark.cometbft_next

MODULE = Path(__file__).parent.parent / "cometbft_next"
VERSION = "0.40.0"
# A constant that was not raised with the release.
REPORTED = "0.39.0"
BUILD_DEADLINE_S = 900
DEADLINE_S = 90.0
COUNT = 3


@pytest.fixture(scope="module")
def binary() -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go on PATH to build CometBFT with")
    target = get_cache_folder() / f"cometbft-{VERSION}" / "cometbft"
    package = "github.com/cometbft/cometbft/cmd/cometbft"
    built = subprocess.run(
        [go, "build", *BUILD_FLAGS, "-o", str(target), package],
        cwd=MODULE,
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"},
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE_S,
    )
    if built.returncode:
        pytest.skip(f"CometBFT {VERSION} cannot be built: {built.stderr[-300:]}")
    return target


@pytest.fixture
def network(binary: Path, tmp_path: Path) -> Iterator[Network]:
    def make_process(name: str, command: Sequence[str], folder: Path, log: Path) -> Process:
        ours = str(cometbft_binary())
        return Process(name, [str(binary) if one == ours else one for one in command], folder, log)

    home = tmp_path / "net"
    with running_network(home, COUNT, make_process=make_process) as network:
        yield network


def test_blocks_payments_and_crashes(network: Network) -> None:
    rpc = Rpc(network.rpc_urls[0])
    assert rpc.status().version == REPORTED
    keyring = Keyring(network.layout.keys)
    key = keyring.load("distributor0", str)
    assert isinstance(key, AccountKey)
    signer = Signer(rpc, key, chain_id=read_pin(network.layout.keys), wait_s=DEADLINE_S)
    target = keyring.resolve_address("distributor1")
    message = MsgSend(
        from_address=key.address, to_address=target, amount=[Coin(denom="ueur", amount="5")]
    )
    outcome = signer.send([message]).require_ok()
    # It is found again, in every node.
    for url in network.rpc_urls:
        network.wait_for_height(outcome.height, DEADLINE_S)
        found = Rpc(url).tx(outcome.hash)
        assert found is not None
        assert found.height == outcome.height

    network.kill("node1", "cometbft")
    network.kill("node2", "app")
    height = max(map(get_height, network.layout.nodes))
    network.wait_for_height(height + 5, DEADLINE_S)
    hashes = {Rpc(url).block(height + 5).hash for url in network.rpc_urls}
    assert len(hashes) == 1
