"""A new node joins a network by state sync, with real processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from node_config.localnet.network import Network, get_height
from node_config.localnet.ports import Ports, find_free_ports
from node_config.localnet.process import Process
from node_config.preset import Preset, load_preset
from tests.chaos.support.rpc import connect, wait_until
from tests.node.operations.newcomer import DEADLINE_S, Newcomer, list_peer
from tests.support.running.networks import running_network

pytestmark = pytest.mark.network

VALIDATORS = 3
INTERVAL = 4
# CometBFT's light client needs two headers behind that of the snapshot.
HEADERS_BEHIND = 2


def make_process(name: str, command: Sequence[str], folder: Path, log: Path) -> Process:
    """Applications make snapshots often."""
    options = ["--snapshot-interval", str(INTERVAL)]
    return Process(name, [*command, *options] if "abci_app" in command else command, folder, log)


@contextmanager
def running(home: Path) -> Iterator[tuple[Network, Ports, Preset]]:
    preset = load_preset("demo")
    ports = find_free_ports(VALIDATORS + 1)
    with running_network(
        home, VALIDATORS, preset, ports=ports, make_process=make_process
    ) as network:
        yield network, ports, preset


def find_block(url: str, height: int) -> tuple[str, str]:
    """The hash of a block, and the app hash in it."""
    with connect(url) as rpc:
        found = rpc.call("commit", {"height": str(height)})["signed_header"]
    return found["commit"]["block_id"]["hash"], found["header"]["app_hash"]


def get_earliest_height(url: str) -> int:
    with connect(url) as rpc:
        return int(rpc.call("status", {})["sync_info"]["earliest_block_height"])


def wait_for_snapshot(network: Network) -> int:
    """The height of a snapshot that all validators offer and that can be verified."""
    height = max(map(get_height, network.layout.nodes)) // INTERVAL * INTERVAL + INTERVAL
    folders = [node.home / "snapshots" / str(height) for node in network.layout.nodes]
    wait_until(lambda: all(map(Path.exists, folders)), DEADLINE_S, "a snapshot")
    behind = height + HEADERS_BEHIND
    wait_until(
        lambda: all(get_height(node) >= behind for node in network.layout.nodes),
        DEADLINE_S,
        "the headers behind it",
    )
    return height


def make_newcomer(network: Network, ports: Ports, preset: Preset, trusted: int) -> Newcomer:
    settings = {
        "enable": True,
        "rpc_servers": ",".join(network.rpc_urls[:2]),
        "trust_height": trusted,
        "trust_hash": find_block(network.rpc_urls[0], trusted)[0],
        "trust_period": "24h0m0s",
        "discovery_time": "5s",
    }
    sections = {**preset.cometbft, "statesync": settings}
    return Newcomer(network, ports, replace(preset, cometbft=sections))


def test_a_node_joins_by_state_sync_and_goes_on_after_a_crash(tmp_path: Path) -> None:
    with running(tmp_path / "net") as (network, ports, preset):
        joined_from = wait_for_snapshot(network)
        newcomer = make_newcomer(network, ports, preset, joined_from)
        list_peer(network, newcomer)
        newcomer.start()
        try:
            wait_until(lambda: newcomer.get_height() > joined_from, DEADLINE_S, "it to catch up")
            assert get_earliest_height(newcomer.url) > 1, "it has executed all blocks"
            newcomer.kill()
            newcomer.start()
            target = max(map(get_height, network.layout.nodes)) + INTERVAL
            wait_until(lambda: newcomer.get_height() >= target, DEADLINE_S, "it to follow")
            assert find_block(newcomer.url, target) == find_block(network.rpc_urls[0], target)
        finally:
            newcomer.stop()
