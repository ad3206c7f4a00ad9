"""Runs a node until it is told to stop: the application and CometBFT, under one supervisor."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from client.errors import RpcError
from client.node.rpc import Rpc
from node_config.localnet.layout import NodeFiles, require_nodes_startable
from node_config.localnet.network import PROBE_TIMEOUT_S, find_cometbft, make_node
from node_config.localnet.process import Process
from node_config.localnet.supervisor import NetworkError, Supervisor, lock_home
from node_config.node.home import NodeHome

WATCH_S = 0.5
WHAT = "a node"


def start(home: Path, options: Sequence[str], say: Callable[[str], None]) -> None:
    """Runs a node until SIGINT, SIGTERM or SIGHUP; `options` are those of the application.

    Raises UsageError or MissingError before anything is started, and NetworkError once the node is
    not restarted any more.
    """
    folder = NodeHome(home.absolute())
    node = folder.load()
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        with contextlib.closing(lock_home(folder.path, WHAT)):
            require_nodes_startable([node])
            folder.logs.mkdir(exist_ok=True)
            unit = make_node(node, folder.logs, find_cometbft(), say, Process, options)
            supervisor = Supervisor(folder.logs)
            supervisor.begin([unit])
            supervisor.want([unit.name])
            say(f"Starting {node.name}; its logs are in {folder.logs}.")
            try:
                _watch(node, supervisor, stop, say)
            finally:
                supervisor.end([[stage.process] for stage in reversed(unit.stages)])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _watch(
    node: NodeFiles, supervisor: Supervisor, stop: threading.Event, say: Callable[[str], None]
) -> None:
    """Returns when the node is to stop; NetworkError when it is not restarted any more."""
    unit = supervisor.units[node.name]
    is_announced = False
    while not stop.wait(WATCH_S):
        if unit.is_given_up or not supervisor.is_running:
            raise NetworkError(unit.problem or f"{node.name} is not running; see its logs")
        if not is_announced and answers(node):
            is_announced = True
            say(f"{node.name} answers at {node.rpc_url}. Ctrl-C stops it.")


def answers(node: NodeFiles) -> bool:
    """Whether its RPC does; before the first block as well."""
    with contextlib.closing(Rpc(node.rpc_url, timeout_s=PROBE_TIMEOUT_S)) as rpc:
        try:
            rpc.status()
        except RpcError:
            return False
        return True
