"""A release of cosmpy, in an environment of its own, through the gateway: gRPC and REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from python_clients import install, run_script
from wallet_keys import MNEMONIC, PAYER, RECEIVER

from client.node.rpc import Rpc
from node_config.localnet.network import Network

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter with cosmpy."""
    return install("cosmpy", "--only-binary", ":all:")


@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_a_program_pays_through_the_gateway(
    python: Path, network: Network, gateway: Any, kind: str
) -> None:
    url = f"grpc+http://{gateway.grpc}" if kind == "grpc" else f"rest+{gateway.rest}"
    chain_id = Rpc(network.rpc_urls[0]).status().chain_id
    found = run_script(python, "cosmpy_payment.py", url, chain_id, MNEMONIC, RECEIVER.address)
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
