"""Every expression of the dashboard, evaluated by a real Prometheus that watches a real network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from blockenergy.market.v1.tx_pb2 import MsgBuy
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER

from client.account import Signer
from client.node.rpc import Rpc
from client.signing.keys import AccountKey, MeterKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.process import Process
from node_config.localnet.setup import init_network
from node_config.preset import load_preset
from tests.support.running.networks import require_cometbft

pytestmark = pytest.mark.monitoring

MONITORING = Path(__file__).parents[3] / "node_config" / "testnet" / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "blockenergy.json"
NODES = 2
DEADLINE_S = 90
BUYER, METER = AccountKey(b"b" * 32), MeterKey(b"m" * 32)


class Watched(Network):
    """A network whose processes serve their figures, each node at an address of its own."""

    def __init__(self, home: Path, base: int) -> None:
        self.targets: dict[str, str] = {}
        for number in range(NODES):
            host = f"127.0.1.{number + 1}"
            self.targets[f"node{number}:26660"] = comet = f"{host}:{base + 5}"
            self.targets[f"node{number}:26661"] = f"{host}:{base + 6}"
            config = home / f"node{number}" / "config" / "config.toml"
            text = re.sub(r"(?m)^prometheus = .*$", "prometheus = true", config.read_text())
            text = re.sub(r"(?m)^(prometheus_listen_addr = ).*$", rf'\g<1>"{comet}"', text)
            config.write_text(text)
        self.targets["bridge:26661"] = f"127.0.2.1:{base + 6}"
        super().__init__(home, lambda line: None, self._make)

    def _make(self, name: str, command: Sequence[str], folder: Path, log: Path) -> Process:
        unit, _, process = name.partition("-")
        address = self.targets[f"{unit}:26661"] if process != "cometbft" else ""
        return Process(name, [*command, *(["--metrics", address] if address else [])], folder, log)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    require_cometbft()
    home = tmp_path_factory.mktemp("monitoring") / "net"
    base = find_free_ports(NODES).base
    preset = load_preset("demo")
    account = GenesisAccount(BUYER.address, (ROLE_CONSUMER,), 2_000_000_000)
    feeder = next(iter(preset.feeders))
    meter = GenesisMeter("M-1", BUYER.address, feeder, 17_000, METER.pub_key)
    init_network(home, NODES, preset=preset, base_port=base, accounts=[account], meters=[meter])
    network = Watched(home, base)
    network.start(DEADLINE_S)
    try:
        buy(Rpc(network.rpc_urls[0]), preset.params["metering"]["slot_length_s"])
        yield network
    finally:
        network.stop()


def buy(rpc: Rpc, slot_length_s: int) -> None:
    """A transaction, and an order."""
    slot = rpc.status().latest_time_ns // 10**9 // slot_length_s + 3
    order = MsgBuy(buyer=BUYER.address, slot=slot, quantity_wh=1_000, price_limit_per_kwh=300_000)
    signer = Signer(rpc, BUYER, chain_id=rpc.status().chain_id, wait_s=DEADLINE_S)
    signer.send([order]).require_ok()


@pytest.fixture(scope="module")
def prometheus(network: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that runs with our settings, and asks every second."""
    program = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on PATH, and PROMETHEUS names none")
    folder = tmp_path_factory.mktemp("prometheus")
    settings = (MONITORING / "prometheus.yml").read_text()
    settings = re.sub(r"(scrape_\w+): \ds", r"\1: 1s", settings)
    # Those nodes of the containers that are not here.
    settings = re.sub(r', "node[^01]:\d+"', "", settings)
    for name, address in network.targets.items():
        assert f'"{name}"' in settings
        settings = settings.replace(f'"{name}"', f'"{address}"')
    (folder / "prometheus.yml").write_text(settings)
    address = f"127.0.0.1:{find_free_ports(1).base + 8}"
    command = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=log
        )
    try:
        yield f"http://{address}/api/v1"
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def ask(url: str, path: str, **parameters: str) -> Any:
    """What Prometheus answers; None while it does not."""
    try:
        with urllib.request.urlopen(
            f"{url}/{path}?{urllib.parse.urlencode(parameters)}", timeout=10
        ) as answer:
            content = json.load(answer)
    except OSError:
        return None
    assert content["status"] == "success"
    return content["data"]


def get_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_process_is_heard(prometheus: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    states: list[str] = []
    while states != ["up"] * (2 * NODES + 1):
        assert time.monotonic() < deadline_s, states
        time.sleep(0.2)
        found = ask(prometheus, "targets")
        states = [target["health"] for target in found["activeTargets"]] if found else []


@pytest.mark.parametrize("expression", get_expressions())
def test_every_panel_has_something_to_show(prometheus: str, expression: str) -> None:
    # Of codes and events there are as many figures as kinds, of the bridge there is one.
    is_of_nodes = not any(word in expression for word in ("code", "event", "bridge"))
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        found = ask(prometheus, "query", query=expression) or {"result": []}
        values = [float(one["value"][1]) for one in found["result"]]
        numbers = [value for value in values if value == value]
        if len(numbers) == NODES if is_of_nodes else numbers:
            return
        assert time.monotonic() < deadline_s, found
        time.sleep(0.2)
