"""A node that is not on the list of peers, with a real CometBFT: it is let in by nobody."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from blockenergy.peers.v1.tx_pb2 import MsgRemovePeer, MsgSetPeer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from client.account import Signer
from client.chain_pin import read_pin
from client.errors import RpcError
from client.keyring import Keyring
from client.keys import AccountKey
from client.rpc import Rpc
from node_config.cometbft.files import NodePlan, make_plan, write_node
from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.localnet.layout import NodeFiles
from node_config.localnet.network import Network, get_height
from node_config.localnet.ports import Ports, find_free_ports
from node_config.localnet.process import Process
from node_config.localnet.setup import init_network
from node_config.preset import Preset, load_preset
from tests.chaos.support.rpc import connect, wait_until

pytestmark = pytest.mark.network

VALIDATORS = 3
DEADLINE_S = 60.0
# Of one node: our CometBFT dials again every two seconds.
REJECTIONS = 2


class Newcomer:
    """A node with keys of its own, which knows the validators; they do not know it."""

    def __init__(self, network: Network, ports: Ports, preset: Preset) -> None:
        plan = make_plan(VALIDATORS, ports.p2p(VALIDATORS), ports.rpc(VALIDATORS))
        home = network.layout.home / plan.name
        nodes = network.layout.nodes
        document = nodes[0].genesis.read_text()
        write_node(home, plan, [plan, *map(read_plan, nodes)], preset, document)
        self.node_id, self.url = plan.node_id, f"tcp://127.0.0.1:{plan.rpc_port}"
        app = [sys.executable, "-m", "abci_app", "--home", ".", "--address", "unix://app.sock"]
        comet = [str(cometbft_binary()), "start", "--home", "."]
        self._processes = [
            Process(f"{plan.name}-{what}", command, home, network.layout.logs / f"new-{what}.log")
            for what, command in (("app", app), ("cometbft", comet))
        ]

    def start(self) -> None:
        for process in self._processes:
            process.start()
        wait_until(self.is_up, DEADLINE_S, "the new node to answer")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.end(DEADLINE_S)

    def is_up(self) -> bool:
        """Whether its RPC answers; CometBFT waits for the application by itself."""
        with connect(self.url) as rpc:
            try:
                return rpc.call("net_info", {}) is not None
            except RpcError:
                return False

    def get_height(self) -> int:
        with connect(self.url) as rpc:
            return rpc.status().latest_height


def read_plan(node: NodeFiles) -> NodePlan:
    """How others reach a node that has its files already."""
    content = json.loads((node.home / "config" / "node_key.json").read_text())
    seed = base64.b64decode(content["priv_key"]["value"])[:32]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return NodePlan(node.name, key, key, node.p2p.port, node.rpc.port)


@contextmanager
def running(folder: Path) -> Iterator[tuple[Network, Newcomer]]:
    """Validators with one inbound place each for whom they do not know, and a node beside them."""
    try:
        cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    preset = load_preset("demo")
    sections = dict(preset.cometbft)
    sections["base"] = {**sections["base"], "log_level": "p2p:info,*:error"}
    sections["p2p"] = {**sections["p2p"], "max_num_inbound_peers": 1}
    preset = replace(preset, cometbft=sections)
    ports = find_free_ports(VALIDATORS + 1)
    init_network(folder / "net", VALIDATORS, preset=preset, base_port=ports.base)
    network = Network(folder / "net", lambda line: None)
    network.start(DEADLINE_S)
    newcomer = Newcomer(network, ports, preset)
    try:
        newcomer.start()
        yield network, newcomer
    finally:
        newcomer.stop()
        network.stop()


def get_peers(url: str) -> set[str]:
    """The node ids of those whom a node is connected with."""
    with connect(url) as rpc:
        return {peer["node_info"]["id"] for peer in rpc.call("net_info", {})["peers"]}


def count_rejections(network: Network, newcomer: Newcomer) -> list[int]:
    """How often each validator has closed a connection because its node is not listed."""
    logs = [network.layout.logs / f"{node.name}-cometbft.log" for node in network.layout.nodes]
    return [
        sum(
            "error while adding peer" in line and newcomer.node_id in line
            for line in log.read_text().splitlines()
        )
        for log in logs
    ]


def wait_for_rejections(network: Network, newcomer: Newcomer, more: int) -> None:
    """Waits until every validator has rejected the node so many times more."""
    before = count_rejections(network, newcomer)
    wait_until(
        lambda: all(
            now >= then + more
            for now, then in zip(count_rejections(network, newcomer), before, strict=True)
        ),
        DEADLINE_S,
        "every validator to reject the node",
    )


def send(network: Network, name: str, message: Message) -> None:
    key = Keyring(network.layout.keys).load(name, str)
    assert isinstance(key, AccountKey)
    signer = Signer(Rpc(network.rpc_urls[0]), key, chain_id=read_pin(network.layout.keys))
    signer.send([message]).require_ok()


def test_only_a_listed_node_is_let_in(tmp_path: Path) -> None:
    with running(tmp_path) as (network, newcomer):
        keys = Keyring(network.layout.keys)
        registrar, operator = (keys.resolve_address(name) for name in ("registrar", "distributor1"))
        validators = {read_plan(node).node_id for node in network.layout.nodes}

        # It has the genesis document, the right keys of all others, and tries again and again.
        wait_for_rejections(network, newcomer, REJECTIONS)
        assert newcomer.get_height() == 0, "it has read a block"
        assert not any(newcomer.node_id in get_peers(url) for url in network.rpc_urls)

        listing = MsgSetPeer(
            registrar=registrar,
            node_id=newcomer.node_id,
            operator=operator,
            moniker="new",
            networks=["127.0.0.0/8"],
        )
        send(network, "registrar", listing)
        wait_until(lambda: get_peers(newcomer.url) == validators, DEADLINE_S, "it to be let in")
        target = max(map(get_height, network.layout.nodes)) + 2
        wait_until(lambda: newcomer.get_height() >= target, DEADLINE_S, "it to catch up")

        # Off the list, it keeps what it has, until it has to ask again.
        removal = MsgRemovePeer(sender=operator, node_id=newcomer.node_id)
        send(network, "distributor1", removal)
        assert get_peers(newcomer.url) == validators
        newcomer.stop()
        newcomer.start()
        wait_for_rejections(network, newcomer, REJECTIONS)
        assert not any(newcomer.node_id in get_peers(url) for url in network.rpc_urls)
