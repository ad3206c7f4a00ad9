"""Follows the chain block by block and updates the ledger."""

from __future__ import annotations

import threading

from client.errors import RpcError
from client.rpc import Rpc
from client.watch import watch_blocks
from node_config.demo.ledger import Ledger

RETRY_S = 0.5


class Watcher:
    """A ledger that follows one node."""

    def __init__(self, rpc_url: str) -> None:
        self._ledger = Ledger()
        self._lock = threading.Lock()
        self._rpc = Rpc(rpc_url)

    def get_ledger(self) -> Ledger:
        """A snapshot of the ledger."""
        with self._lock:
            return self._ledger.copy()

    def run(self, stop: threading.Event) -> None:
        """Adds every block from the first one on until `stop` is set."""
        while not stop.is_set():
            try:
                for block in watch_blocks(self._rpc, self._ledger.height + 1, stop=stop):
                    with self._lock:
                        self._ledger.apply(block)
            except RpcError:
                # The node is restarting; the next block is requested again.
                stop.wait(RETRY_S)
