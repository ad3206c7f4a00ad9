"""Releases of cosmjs, which most wallets are made of, against a real node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from wallet_keys import BIDDER_MNEMONIC, DEADLINE_S, MNEMONIC, PAYER, RECEIVER

from client.node.rpc import Rpc
from node_config.localnet.network import Network

pytestmark = pytest.mark.network

SOURCE = Path(__file__).parent
INSTALLED = SOURCE.parents[2] / ".cache" / "wallets"
VERSIONS = ["0.33.1", "0.36.2", "0.38.1", "0.39.0"]
INSTALL_DEADLINE_S = 300


@pytest.fixture(scope="module")
def scripts() -> Path:
    """The folder of the scripts, beside the packages that their lock file names."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on PATH to run cosmjs with")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    lock = (SOURCE / "package-lock.json").read_bytes()
    done = INSTALLED / "installed-lock.json"
    for name in ("package.json", "package-lock.json", "cosmjs.mjs", "cosmjs_more.mjs"):
        shutil.copy(SOURCE / name, INSTALLED / name)
    if not done.exists() or done.read_bytes() != lock:
        install = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=INSTALLED,
            check=False,
            capture_output=True,
            text=True,
            timeout=INSTALL_DEADLINE_S,
        )
        if install.returncode:
            pytest.skip(f"cosmjs cannot be installed: {install.stderr[-300:]}")
        done.write_bytes(lock)
    return INSTALLED


def run_script(script: Path, *arguments: str) -> Any:
    """What it has printed."""
    run = subprocess.run(
        ["node", script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("mode", ["direct", "amino"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_cosmos_wallet_pays_through_a_node(
    scripts: Path, network: Network, version: str, mode: str
) -> None:
    url = network.rpc_urls[0].replace("tcp://", "http://")
    script = scripts / "cosmjs.mjs"
    assert run_script(script, version, mode, url, MNEMONIC, RECEIVER.address) == {
        "address": PAYER.address,
        "chainId": Rpc(network.rpc_urls[0]).status().chain_id,
        "code": 0,
        "foundCode": 0,
        "searched": 1,
        "inBlock": True,
        "heard": True,
        "received": 12345,
        "rejectedCode": 5,
        "ownCode": 0,
        "ownLog": "",
        "simulated": True,
        "sequences": 3,
        "nobody": None,
        "display": "EUR",
        "exponents": {"ueur": 0, "EUR": 6},
        "denoms": ["ueur"],
    }


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_a_bot_sends_many_at_its_own_pace_and_at_anothers_expense(
    scripts: Path, network: Network, version: str
) -> None:
    url = network.rpc_urls[0].replace("tcp://", "http://")
    script = scripts / "cosmjs_more.mjs"
    found = run_script(script, version, url, MNEMONIC, BIDDER_MNEMONIC, RECEIVER.address)
    assert "timeout height" in found.pop("expired")
    assert "allowance" in found.pop("refused")
    assert found == {
        "several": 0,
        "late": 0,
        "granted": 0,
        "paidWithoutFee": 10,
        "free": 0,
        "revoked": 0,
        # Of a hundred in a row, all.
        "codes": [0],
        "atLeastOneTaken": True,
        "reasons": [],
        "supply": True,
    }
