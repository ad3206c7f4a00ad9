"""The files of a CometBFT node: its two keys, its configuration, and its signing state.

The formats are those of CometBFT 0.38; a node is identified by the address of its node key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.files.toml_file import format_toml
from net_address import LOOPBACK
from node_config.genesis import GenesisValidator
from node_config.preset import Preset

SOCKET = "app.sock"
_CONFIG_COMMENT = """\
Configuration of this CometBFT node; everything else has CometBFT's own default
(`cometbft init` writes all of them, each with an explanation).
The node is started in its own folder, so the path of the application's socket is short."""


class NodePlan(NamedTuple):
    """A new validator: its name, keys and ports."""

    name: str
    validator_key: Ed25519PrivateKey
    node_key: Ed25519PrivateKey
    p2p_port: int
    rpc_port: int

    @property
    def validator(self) -> GenesisValidator:
        """Its entry in the genesis document."""
        pub_key = self.validator_key.public_key().public_bytes_raw()
        return GenesisValidator(self.name, compute_address(pub_key).hex().upper(), pub_key)

    @property
    def peer(self) -> str:
        """How other nodes reach it: id@host:port."""
        return f"{self.node_id}@{LOOPBACK}:{self.p2p_port}"

    @property
    def node_id(self) -> str:
        """The address of its node key."""
        return compute_address(self.node_key.public_key().public_bytes_raw()).hex()


def compute_address(pub_key: bytes) -> bytes:
    """The first 20 bytes of sha256 of an Ed25519 key."""
    return hashlib.sha256(pub_key).digest()[:20]


def make_plan(number: int, p2p_port: int, rpc_port: int) -> NodePlan:
    """Node `number`, with new keys."""
    return NodePlan(
        name=f"node{number}",
        validator_key=Ed25519PrivateKey.generate(),
        node_key=Ed25519PrivateKey.generate(),
        p2p_port=p2p_port,
        rpc_port=rpc_port,
    )


def write_node(
    home: Path, plan: NodePlan, plans: Sequence[NodePlan], preset: Preset, document: str
) -> None:
    """Writes every file of a node; `document` is the text of genesis.json."""
    write_secret_files(home, plan)
    config = home / "config"
    others = [other for other in plans if other.name != plan.name]
    (config / "config.toml").write_text(make_config(plan, others, preset))
    (config / "genesis.json").write_text(document)


def write_secret_files(home: Path, plan: NodePlan) -> None:
    """Writes the two keys of a node, and that it has signed nothing yet."""
    config, data = home / "config", home / "data"
    for folder in (config, data):
        folder.mkdir(mode=0o700, parents=True)
    write_secret(config / "node_key.json", {"priv_key": _private(plan.node_key)})
    write_secret(config / "priv_validator_key.json", _make_validator_key(plan))
    write_secret(data / "priv_validator_state.json", {"height": "0", "round": 0, "step": 0})


def make_config(plan: NodePlan, others: Sequence[NodePlan], preset: Preset) -> str:
    """The text of config.toml."""
    sections: dict[str, Mapping[str, Any]] = {
        name: dict(section) for name, section in preset.cometbft.items() if name != "base"
    }
    ids = ",".join(other.node_id for other in others)
    own: Mapping[str, Mapping[str, Any]] = {
        "rpc": {"laddr": f"tcp://{LOOPBACK}:{plan.rpc_port}"},
        "p2p": {
            "laddr": f"tcp://{LOOPBACK}:{plan.p2p_port}",
            "persistent_peers": ",".join(other.peer for other in others),
            "unconditional_peer_ids": ids,
            "private_peer_ids": ids,
        },
    }
    for name, section in own.items():
        sections[name] = {**section, **sections.get(name, {})}
    base = {"moniker": plan.name, "proxy_app": f"unix://{SOCKET}"}
    return format_toml(_CONFIG_COMMENT, base | dict(preset.cometbft.get("base", {})) | sections)


def write_secret(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")


def _make_validator_key(plan: NodePlan) -> dict[str, Any]:
    validator = plan.validator
    return {
        "address": validator.address,
        "pub_key": {
            "type": "tendermint/PubKeyEd25519",
            "value": base64.b64encode(validator.pub_key).decode(),
        },
        "priv_key": _private(plan.validator_key),
    }


def _private(key: Ed25519PrivateKey) -> dict[str, str]:
    """CometBFT stores the seed followed by the public key."""
    content = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return {
        "type": "tendermint/PrivKeyEd25519",
        "value": base64.b64encode(content).decode(),
    }
