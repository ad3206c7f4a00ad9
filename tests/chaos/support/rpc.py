"""Asks the nodes of a network that may be down, and waits with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from client.node.rpc import Rpc
from client.node.rpc_types import BroadcastResult
from node_config.localnet.network import Network, get_height

POLL_S = 0.05


class RecordingRpc(Rpc):
    """Remembers what was handed to the node, even if the answer is lost."""

    def __init__(self, node: str, timeout_s: float) -> None:
        super().__init__(node, timeout_s)
        self.sent: list[bytes] = []

    def broadcast_tx_sync(self, tx: bytes) -> BroadcastResult:
        self.sent.append(tx)
        return super().broadcast_tx_sync(tx)


@contextmanager
def connect(url: str, timeout_s: float = 10.0) -> Iterator[Rpc]:
    """A node, for as long as the block runs."""
    rpc = Rpc(url, timeout_s)
    try:
        yield rpc
    finally:
        rpc.close()


def get_heights(network: Network) -> dict[str, int]:
    """The latest block of every node; 0 for one that does not answer."""
    return {node.name: get_height(node) for node in network.layout.nodes}


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Fails if a condition does not come true in time."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, f"{deadline_s:g} s were not enough for {what}"
        let_pass(POLL_S)


def let_pass(seconds: float) -> None:
    """Waits while a fault lasts, or for the random moment of one: time itself is the condition."""
    threading.Event().wait(seconds)


@contextmanager
def in_background(
    works: Sequence[Callable[[threading.Event], object]],
) -> Iterator[None]:
    """Has work done on threads while the block runs; what fails there fails here at the end.

    Each is given the event that tells it to stop.
    """
    stopping = threading.Event()
    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(work, stopping) for work in works]
        try:
            yield
        finally:
            stopping.set()
    for one in running:
        one.result()
