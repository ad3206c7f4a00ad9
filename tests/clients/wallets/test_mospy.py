"""A release of mospy, in an environment of its own, through the gateway: gRPC and REST."""

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
    """An interpreter with mospy."""
    return install("mospy", "--only-binary", ":all:")


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_a_program_pays_through_the_gateway(
    python: Path, network: Network, gateway: Any, kind: str
) -> None:
    url = gateway.grpc if kind == "grpc" else gateway.rest
    chain_id = Rpc(network.rpc_urls[0]).status().chain_id
    found = run_script(python, "mospy_payment.py", kind, url, chain_id, MNEMONIC, RECEIVER.address)
    why = found.pop("why")
    assert "balance does not cover the amount" in why
    assert found == {
        "address": PAYER.address,
        "estimated": True,
        "sent": 0,
        "in_block": True,
        "code": 0,
        "sequences": 1,
        "failed": 5,
        "nothing": "not found",
    }
