"""One network in containers for all tests that need one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import LINKS, PRESET

from node_config.localnet.ports import find_free_ports
from node_config.testnet import images
from node_config.testnet.engine import Engine, EngineError
from node_config.testnet.network import NODES, Testnet

BUILD_LOG = "build.log"


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return Engine()
    except EngineError as error:
        pytest.skip(error.sentence)


@pytest.fixture(scope="session")
def net(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testnet]:
    with (tmp_path_factory.mktemp("images") / BUILD_LOG).open("wb") as log:
        images.build(engine, log)
    ports = find_free_ports(NODES + 2)
    variables = {f"RPC_PORT_{number}": str(ports.rpc(number)) for number in range(NODES)}
    others = {"PROMETHEUS_PORT": ports.p2p(4), "GRAFANA_PORT": ports.p2p(5)}
    variables |= {name: str(port) for name, port in others.items()}
    variables |= {"DASHBOARD_PORT": str(ports.rpc(4)), "BRIDGE_PORT": str(ports.rpc(5))}
    variables |= {"LINKS": LINKS, "PRESET": PRESET, "HOMES": "3"}
    net = Testnet(engine, "blockenergy-test", variables)
    net.down(volumes=True)
    try:
        net.up()
        yield net
    finally:
        net.down(volumes=True)


@pytest.fixture(scope="session")
def operators(net: Testnet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("operators") / "files"
    net.copy_keys(folder)
    return folder
