"""A node that wants to join a running network, with a real CometBFT."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from collections.abc import Sequence

from blockenergy.peers.v1.tx_pb2 import MsgSetPeer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from client.account import Signer
from client.errors import RpcError
from client.node.chain_pin import read_pin
from client.node.rpc import Rpc
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from node_config.cometbft.files import NodePlan, make_plan, write_node
from node_config.cometbft.toolchain import cometbft_binary
from node_config.localnet.layout import NodeFiles
from node_config.localnet.network import Network
from node_config.localnet.ports import Ports
from node_config.localnet.process import Process
from node_config.preset import Preset
from tests.chaos.support.rpc import connect, wait_until

DEADLINE_S = 60.0


class Newcomer:
    """A node with keys of its own, which knows the validators of a network; they do not know it.
    ports: one for it behind those of the validators. options: of the application.
    """

    def __init__(
        self, network: Network, ports: Ports, preset: Preset, options: Sequence[str] = ()
    ) -> None:
        nodes = network.layout.nodes
        number = len(nodes)
        plan = make_plan(number, ports.p2p(number), ports.rpc(number))
        home = network.layout.home / plan.name
        document = nodes[0].genesis.read_text()
        write_node(home, plan, [plan, *map(read_plan, nodes)], preset, document)
        self.home = home
        self.node_id, self.url = plan.node_id, f"tcp://127.0.0.1:{plan.rpc_port}"
        app = [sys.executable, "-m", "abci_app", "--home", ".", "--address", "unix://app.sock"]
        app += options
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

    def kill(self) -> None:
        """As if its machine lost power."""
        for process in self._processes:
            os.kill(process.pid, signal.SIGKILL)
        for process in self._processes:
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


def send(network: Network, name: str, message: Message) -> None:
    key = Keyring(network.layout.keys).load(name, str)
    assert isinstance(key, AccountKey)
    signer = Signer(Rpc(network.rpc_urls[0]), key, chain_id=read_pin(network.layout.keys))
    signer.send([message]).require_ok()


def list_peer(network: Network, newcomer: Newcomer) -> None:
    """Puts a node on the list of those that are let in."""
    keys = Keyring(network.layout.keys)
    registrar, operator = (keys.resolve_address(name) for name in ("registrar", "distributor1"))
    listing = MsgSetPeer(
        registrar=registrar,
        node_id=newcomer.node_id,
        operator=operator,
        moniker="new",
        networks=["127.0.0.0/8"],
    )
    send(network, "registrar", listing)
