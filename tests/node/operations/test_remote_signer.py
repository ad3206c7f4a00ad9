"""A validator whose key is in another process: CometBFT's own signer, by its privval protocol."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from node_config.cometbft.toolchain import ToolchainError, signer_binary
from node_config.localnet.address import Address
from node_config.localnet.network import Network, get_height
from node_config.localnet.ports import find_free_ports
from node_config.localnet.process import Process
from node_config.localnet.setup import init_network
from node_config.localnet.supervisor import Supervisor
from node_config.localnet.unit import Stage, Unit
from node_config.node.settings import set_value
from tests.support.running.networks import require_cometbft

pytestmark = pytest.mark.network

DEADLINE_S = 90.0


def make_signer(network: Network, keys: Path, port: int) -> Unit:
    """It dials the node for a second only, so it is started when the node listens for it."""
    listens = Address("127.0.0.1", port, "")
    address = f"tcp://{listens}"
    node = network.layout.nodes[0]
    chain_id = json.loads(node.genesis.read_text())["chain_id"]
    config, data = node.home / "config", node.home / "data"
    keys.mkdir(mode=0o700)
    for path in (config / "priv_validator_key.json", data / "priv_validator_state.json"):
        path.rename(keys / path.name)
    settings = config / "config.toml"
    # Before the first section.
    line = f'priv_validator_laddr = "{address}"\n'
    settings.write_text(line + set_value(settings.read_text(), "p2p", "pex", False))
    command = [
        *[str(signer_binary()), "-addr", address, "-chain-id", chain_id],
        *["-priv-key", str(keys / "priv_validator_key.json")],
        *["-priv-state", str(keys / "priv_validator_state.json")],
    ]
    process = Process("signer", command, keys, keys / "signer.log")
    wait = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    waiter = Process("waiter", wait, keys, keys / "waiter.log")
    stages = [Stage(waiter, lambda: not listens.is_free()), Stage(process, process.is_running)]
    return Unit("signer", stages, lambda line: None)


def test_a_validator_signs_by_a_remote_signer(tmp_path: Path) -> None:
    require_cometbft()
    try:
        signer_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    ports = find_free_ports(2)
    init_network(tmp_path / "net", 1, preset="demo", base_port=ports.base)
    network = Network(tmp_path / "net", lambda line: None)
    keys = tmp_path / "signer"
    unit = make_signer(network, keys, ports.p2p(1))
    own_key = json.loads((keys / "priv_validator_key.json").read_text())["address"]
    supervisor = Supervisor(keys)
    supervisor.begin([unit])
    supervisor.want(["signer"])
    try:
        network.start(DEADLINE_S)
        network.wait_for_height(3, DEADLINE_S)
        # Without the signer there is no block, and with it they go on.
        supervisor.stop_unit("signer")
        node = network.layout.nodes[0]
        signed = json.loads((keys / "priv_validator_state.json").read_text())
        assert int(signed["height"]) >= 3
        supervisor.want(["signer"])
        network.wait_for_height(get_height(node) + 3, DEADLINE_S)
        made = json.loads((node.home / "config" / "priv_validator_key.json").read_text())
        assert made["address"] != own_key
    finally:
        network.stop()
        supervisor.end([[stage.process for stage in unit.stages]])
