"""A second node with the key of a validator, as an operator makes it who starts a backup."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from net_address import LOOPBACK
from node_config.cometbft.files import NodePlan
from node_config.localnet.layout import load_layout
from node_config.localnet.ports import Ports

TWIN = "twin"


def add_twin(home: Path, name: str, ports: Ports, number: int) -> None:
    """Copies a node that has not run yet, with a node key and ports of its own."""
    nodes = load_layout(home).nodes
    original = next(node for node in nodes if node.name == name)
    folder = home / TWIN
    shutil.copytree(original.home, folder)
    key = Ed25519PrivateKey.generate()
    plan = NodePlan(TWIN, key, key, ports.p2p(number), ports.rpc(number))
    node_key = json.loads((folder / "config" / "node_key.json").read_text())
    node_key["priv_key"]["value"] = encode_key(key)
    (folder / "config" / "node_key.json").write_text(json.dumps(node_key))
    config = folder / "config" / "config.toml"
    text = config.read_text()
    for place, own in ((original.p2p.port, plan.p2p_port), (original.rpc.port, plan.rpc_port)):
        text = text.replace(f"{LOOPBACK}:{place}", f"{LOOPBACK}:{own}")
    config.write_text(text)
    for node in nodes:
        add_peer(node.home / "config" / "config.toml", plan.peer)
    for genesis in [folder / "config" / "genesis.json", *(node.genesis for node in nodes)]:
        list_peer(genesis, plan)
    layout = home / "localnet.toml"
    names = json.dumps([node.name for node in nodes])
    text = layout.read_text()
    assert names in text
    layout.write_text(text.replace(names, json.dumps([*json.loads(names), TWIN])))


def add_peer(config: Path, peer: str) -> None:
    text = config.read_text()
    assert text.count('persistent_peers = "') == 1
    config.write_text(text.replace('persistent_peers = "', f'persistent_peers = "{peer},'))


def list_peer(genesis: Path, plan: NodePlan) -> None:
    """Lists a node in a genesis document, run by who runs the first one that is listed."""
    document = json.loads(genesis.read_text())
    listed = document["app_state"]["peers"]["peers"]
    listed.append({**listed[0], "key": plan.node_id})
    genesis.write_text(json.dumps(document, indent=1) + "\n")


def encode_key(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()
