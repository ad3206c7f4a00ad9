"""What a node's folder holds, read from its files.

HOME/config/     CometBFT: settings, genesis, keys
HOME/data/       CometBFT: blocks, and the last height and round signed
HOME/app-data/   the application's state
HOME/keys/       keyring of who operates it, encrypted
HOME/logs/       the output of both processes
HOME/lock        held, with its process id in it, by the program that runs the node
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.errors import MissingError, UsageError
from client.files.bounded import read_bytes
from client.files.json_input import parse_json
from node_config.cometbft.files import compute_address
from node_config.localnet.layout import NodeFiles, load_node

OPERATOR_KEY = "operator"
FILE_BYTES_MAX = 1 << 30
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class NodeHome:
    """The folder of a node."""

    path: Path

    @property
    def config(self) -> Path:
        """CometBFT's settings."""
        return self.path / "config" / "config.toml"

    @property
    def genesis(self) -> Path:
        """What the chain begins with."""
        return self.path / "config" / "genesis.json"

    @property
    def node_key(self) -> Path:
        """What other nodes know it by."""
        return self.path / "config" / "node_key.json"

    @property
    def validator_key(self) -> Path:
        """What signs blocks."""
        return self.path / "config" / "priv_validator_key.json"

    @property
    def signing_state(self) -> Path:
        """The last height and round that was signed."""
        return self.path / "data" / "priv_validator_state.json"

    @property
    def app_data(self) -> Path:
        """The state of the chain."""
        return self.path / "app-data"

    @property
    def keys(self) -> Path:
        """Keyring of the operator."""
        return self.path / "keys"

    @property
    def logs(self) -> Path:
        """The output of the processes."""
        return self.path / "logs"

    def load(self) -> NodeFiles:
        """Its addresses; MissingError or UsageError."""
        if not self.config.is_file():
            raise MissingError(
                f"{self.path} holds no node; make one with: blockenergy node init --home "
                f"{self.path} --moniker NAME"
            )
        return load_node(self.path)

    def read_node_key(self) -> Ed25519PrivateKey:
        """The key of the node; MissingError or UsageError."""
        return _read_private(self.node_key)

    def read_validator_key(self) -> Ed25519PrivateKey:
        """The key that signs blocks; MissingError or UsageError."""
        return _read_private(self.validator_key)

    @property
    def node_id(self) -> str:
        """The address of the node key."""
        return compute_address(self.read_node_key().public_key().public_bytes_raw()).hex()

    def read_genesis(self) -> dict[str, Any]:
        """The genesis document; MissingError or UsageError."""
        return read_document(self.genesis)


def read_document(path: Path, bytes_max: int = FILE_BYTES_MAX) -> dict[str, Any]:
    """The object in a JSON file; MissingError, or UsageError if it is longer or something else."""
    try:
        content = parse_json(read_bytes(path, bytes_max))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no JSON object; is it the right file?")
    return content


def hash_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; MissingError."""
    return hashlib.sha256(read_bytes(path, FILE_BYTES_MAX)).hexdigest()


def _read_private(path: Path) -> Ed25519PrivateKey:
    """CometBFT stores the seed followed by the public key."""
    try:
        content = base64.b64decode(read_document(path)["priv_key"]["value"], validate=True)
        key = Ed25519PrivateKey.from_private_bytes(content[:SEED_BYTES])
        if key.public_key().public_bytes_raw() != content[SEED_BYTES:]:
            raise ValueError("its two halves do not belong together")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not a key file of CometBFT: {error}") from error
    return key
