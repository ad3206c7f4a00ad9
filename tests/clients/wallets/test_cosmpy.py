"""A release of cosmpy, in an environment of its own, through the gateway: gRPC and REST."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wallet_keys import DEADLINE_S, MNEMONIC, PAYER, RECEIVER

from client.rpc import Rpc
from node_config.localnet.network import Network

pytestmark = pytest.mark.network

SOURCE = Path(__file__).parent
INSTALLED = SOURCE.parents[2] / ".cache" / "cosmpy"
INSTALL_DEADLINE_S = 300


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter with cosmpy."""
    wanted = (SOURCE / "cosmpy.txt").read_bytes()
    done, python = INSTALLED / "installed.txt", INSTALLED / "bin" / "python"
    if done.exists() and done.read_bytes() == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", INSTALLED], check=True, timeout=120)
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", SOURCE / "cosmpy.txt"]
    install = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S
    )
    if install.returncode:
        pytest.skip(f"cosmpy cannot be installed: {install.stderr[-300:]}")
    done.write_bytes(wanted)
    return python


@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_a_program_pays_through_the_gateway(
    python: Path, network: Network, gateway: Any, kind: str
) -> None:
    url = f"grpc+http://{gateway.grpc}" if kind == "grpc" else f"rest+{gateway.rest}"
    chain_id = Rpc(network.rpc_urls[0]).status().chain_id
    run = subprocess.run(
        [python, SOURCE / "cosmpy_payment.py", url, chain_id, MNEMONIC, RECEIVER.address],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert "balance does not cover the amount" in found.pop("rejected")
    assert found == {
        "address": PAYER.address,
        "chain_id": chain_id,
        "received": 12345,
        "sequences": 1,
        "code": 0,
        "transfer": "12345ueur",
        "timestamp": True,
        "in_block": True,
        "denoms": ["ueur"],
        "sdk": "0.50.0",
        "app": "blockenergy",
    }
