"""Where the files of a network are, read from the files themselves.

    HOME/localnet.toml          the nodes and the bridge
    HOME/keys/                  keyring of the operators' accounts, not encrypted
    HOME/node0/config/          CometBFT: settings, genesis, keys (and node1, node2, …)
    HOME/node0/data/            CometBFT: blocks, and the last height and round signed
    HOME/node0/app-data/        the application's state
    HOME/bridge/                the bridge's spool
    HOME/logs/                  the output of every process
    HOME/lock                   held, with its process id in it, by the program that runs it
    HOME/env                    for a shell, while the network is up

Reading checks that the files are consistent, so that a mistake is reported before anything starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.errors import MissingError, UsageError
from client.files.json_input import parse_json
from client.files.private_file import warn_if_exposed
from client.files.toml_file import format_toml, read_toml
from node_config.genesis import require_valid
from node_config.localnet.address import Address, parse_address, parse_url

FILE = "localnet.toml"
KEYS, BRIDGE, LOGS, LOCK = "keys", "bridge", "logs", "lock"
# Of a node, in its folder config/.
KEY_FILES = ("node_key.json", "priv_validator_key.json")
NODES_MAX = 100
# A killed program may hold its ports for a moment after it has exited.
RELEASE_DEADLINE_S = 2.0
_COMMENT = """\
What `blockenergy localnet start` runs. Addresses, ports and timeouts of a node are in its own
config/config.toml; the chain begins with config/genesis.json, the same in every node."""


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """One validator: CometBFT and its application share a folder."""

    name: str
    home: Path
    rpc: Address
    p2p: Address
    # Where the application listens: CometBFT's `proxy_app`.
    proxy_app: str

    @property
    def rpc_url(self) -> str:
        """The address for clients."""
        return f"tcp://{self.rpc}"

    @property
    def genesis(self) -> Path:
        """Its genesis document."""
        return self.home / "config" / "genesis.json"


@dataclass(frozen=True, slots=True)
class BridgeFiles:
    """The meter bridge."""

    home: Path
    key: str
    node: str
    listen: Address


@dataclass(frozen=True, slots=True)
class Layout:
    """A network on this machine."""

    home: Path
    nodes: tuple[NodeFiles, ...]
    bridge: BridgeFiles

    @property
    def keys(self) -> Path:
        """Folder of the operators' keyring."""
        return self.home / KEYS

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return self.home / LOGS

    def get_node(self, name: str) -> NodeFiles:
        """The node of a name; raises UsageError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise UsageError(f"there is no node {name} in {self.home}; its nodes are {known}")


def format_layout(nodes: list[str], bridge_listen: str) -> str:
    """The text of a new localnet.toml."""
    bridge = {"key": BRIDGE, "node": nodes[0], "listen": bridge_listen}
    return format_toml(_COMMENT, {"nodes": nodes, "bridge": bridge})


def load_layout(home: Path) -> Layout:
    """The network in a folder; raises MissingError or UsageError."""
    path = home / FILE
    if not path.is_file():
        raise MissingError(
            f"{home} holds no network; create one with: blockenergy localnet init --home {home}"
        )
    content = read_toml(path)
    try:
        names, bridge = list(content["nodes"]), content["bridge"]
        listen = parse_address(bridge["listen"], f"the bridge, see listen in {path}")
        files = BridgeFiles(home / BRIDGE, str(bridge["key"]), str(bridge["node"]), listen)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} cannot be used: {error!r} is missing or wrong") from error
    if not 1 <= len(names) <= NODES_MAX:
        raise UsageError(f"{path}: 1 to {NODES_MAX} nodes are expected")
    layout = Layout(home, tuple(load_node(home / str(name)) for name in names), files)
    layout.get_node(files.node)
    return layout


def require_startable(layout: Layout) -> None:
    """Raises UsageError if a port is in use, or if the nodes have different genesis files.

    Keys that others can use are logged as a warning.
    """
    require_nodes_startable(layout.nodes, [layout.bridge.listen])


def require_nodes_startable(nodes: Sequence[NodeFiles], others: Sequence[Address] = ()) -> None:
    """The same for nodes, and other addresses that have to be free."""
    for node in nodes:
        for path in (node.home / "config" / name for name in KEY_FILES):
            if path.exists():
                with path.open("rb") as file:
                    warn_if_exposed(file)
    addresses = [address for node in nodes for address in (node.rpc, node.p2p)]
    for address in [*addresses, *others]:
        if not address.becomes_free(RELEASE_DEADLINE_S):
            raise UsageError(
                f"port {address.port} is in use; stop the program that uses it, or change the port "
                f"of {address.owner}"
            )
    first = nodes[0].genesis
    document = _read(first)
    for node in nodes[1:]:
        if _read(node.genesis) != document:
            raise UsageError(f"{node.genesis} differs from {first}; make them the same")
    # Only a new chain begins with it; later the state on disk counts.
    if not any((node.home / "app-data").exists() for node in nodes):
        _require_valid_genesis(first, document)


def load_node(home: Path) -> NodeFiles:
    """The node in a folder; raises MissingError or UsageError."""
    path = home / "config" / "config.toml"
    content = read_toml(path)
    try:
        return NodeFiles(
            name=home.name,
            home=home,
            rpc=parse_url(content["rpc"]["laddr"], f"rpc.laddr in {path}"),
            p2p=parse_url(content["p2p"]["laddr"], f"p2p.laddr in {path}"),
            proxy_app=str(content["proxy_app"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} cannot be used: {error!r} is missing or wrong") from error


def _require_valid_genesis(path: Path, document: bytes) -> None:
    try:
        content: Any = parse_json(document)
        state = content["app_state"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a genesis document: {error!r}") from error
    try:
        require_valid(state)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingError(f"{path} cannot be read: {error.strerror}") from error
