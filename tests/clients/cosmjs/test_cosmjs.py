"""A wallet library that nobody here wrote sends a payment through a real node: cosmjs."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER

from client.keys import AccountKey
from client.rpc import Rpc
from node_config.accounts import GenesisAccount
from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import load_preset

pytestmark = pytest.mark.network

SOURCE = Path(__file__).parent
INSTALLED = SOURCE.parents[2] / ".cache" / "cosmjs"
MNEMONIC = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)
# Nobody else pays to or from it meanwhile.
RECEIVER = AccountKey(b"r" * 32)
DEADLINE_S = 60


@pytest.fixture(scope="module")
def script() -> Path:
    """The script, beside the packages that its lock file names."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on PATH to run cosmjs with")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "transfer.mjs"):
        shutil.copy(SOURCE / name, INSTALLED / name)
    install = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=INSTALLED,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if install.returncode:
        pytest.skip(f"cosmjs cannot be installed: {install.stderr[-300:]}")
    return INSTALLED / "transfer.mjs"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    try:
        cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    payer = AccountKey.from_mnemonic(MNEMONIC)
    accounts = [
        GenesisAccount(key.address, (ROLE_CONSUMER,), 1_000_000) for key in (payer, RECEIVER)
    ]
    init_network(
        tmp_path / "net",
        1,
        preset=load_preset("demo"),
        base_port=find_free_ports(1).base,
        accounts=accounts,
    )
    network = Network(tmp_path / "net", lambda line: None)
    network.start(DEADLINE_S)
    try:
        yield network
    finally:
        network.stop()


def test_a_cosmos_wallet_pays_through_a_node(script: Path, network: Network) -> None:
    url = network.rpc_urls[0].replace("tcp://", "http://")
    run = subprocess.run(
        ["node", script, url, MNEMONIC, RECEIVER.address],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "address": AccountKey.from_mnemonic(MNEMONIC).address,
        "chainId": Rpc(network.rpc_urls[0]).status().chain_id,
        "code": 0,
        "foundCode": 0,
        "received": 12345,
        "refusedCode": 5,
        "sequence": 2,
        "nobody": None,
        "display": "EUR",
        "exponents": {"ueur": 0, "EUR": 6},
        "denoms": ["ueur"],
    }
