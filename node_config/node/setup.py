"""Makes the folder of a new node: keys of its own, and its settings. Everything or nothing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from client.errors import MissingError, UsageError
from client.files import private_file
from client.node import chain_pin
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, make_mnemonic
from net_address import HostPort, is_loopback
from node_config.ceremony.document import require_document
from node_config.cometbft.files import make_config, make_plan, write_secret_files
from node_config.node.home import OPERATOR_KEY, NodeHome, read_document
from node_config.node.settings import PeerAddress, add_peer, set_value
from node_config.preset import load_preset

MONIKER_BYTES_MAX = 64


class NewNode(NamedTuple):
    """What its owner has to know about a new node."""

    node_id: str
    # The account of the operator, and the words that it can be made again from.
    operator: str
    mnemonic: str


def init_node(
    home: Path,
    moniker: str,
    preset: str,
    p2p: HostPort,
    rpc: HostPort,
    passphrase: str | None,
    genesis: Path | None = None,
    peers: Sequence[PeerAddress] = (),
) -> NewNode:
    """Writes a node into `home`, which must not exist. It listens at `p2p` and `rpc`, and dials
    `peers`; without `genesis` it gets the document later. UsageError or MissingError.
    """
    if home.exists():
        raise UsageError(f"{home} already exists; choose another folder for a new node")
    if not 1 <= len(moniker.encode()) <= MONIKER_BYTES_MAX or not moniker.isprintable():
        raise UsageError(f"a moniker is a printable text of 1 to {MONIKER_BYTES_MAX} bytes")
    text = "" if genesis is None else genesis_text(genesis)
    words = make_mnemonic()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as folder:
            draft = NodeHome(Path(folder) / "home")
            draft.path.mkdir(mode=0o700)
            node_id = _write(draft, moniker, preset, p2p, rpc)
            for peer in peers:
                add_peer(draft.config, peer)
            if text:
                install_genesis(draft, text)
            key = AccountKey.from_mnemonic(words)
            Keyring(draft.keys).add(OPERATOR_KEY, key, passphrase)
            draft.path.rename(home)
    except OSError as error:
        raise MissingError(f"{home} cannot be written: {error.strerror}") from error
    return NewNode(node_id, key.address, words)


def genesis_text(path: Path) -> str:
    """The text of a genesis document that the chain takes; MissingError or UsageError."""
    document = read_document(path)
    require_document(document, str(path))
    return path.read_text()


def install_genesis(home: NodeHome, text: str) -> None:
    """Puts a genesis document in place and pins its chain id beside the operator's key."""
    private_file.replace(home.genesis, text)
    chain_pin.pin(home.keys, json.loads(text)["chain_id"])


def _write(home: NodeHome, moniker: str, preset: str, p2p: HostPort, rpc: HostPort) -> str:
    settings = load_preset(preset)
    plan = make_plan(0, p2p.port, rpc.port)._replace(name=moniker)
    write_secret_files(home.path, plan)
    text = make_config(plan, (), settings)
    text = set_value(text, "p2p", "laddr", f"tcp://{p2p}")
    text = set_value(text, "rpc", "laddr", f"tcp://{rpc}")
    # Only nodes on one machine share an address.
    text = set_value(text, "p2p", "allow_duplicate_ip", is_loopback(p2p.host))
    private_file.replace(home.config, text)
    return plan.node_id
