"""Sends transactions to a node as fast as it takes them, and counts what is committed.

The same client measures every node: JSON-RPC batches of `broadcast_tx_async` over a few
connections, wall clock from the first send until the application has committed the last
transaction. Each connection sends its transactions in their order.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BATCH = 100
# Transactions that are sent and not committed yet, at most: fewer than what a node lets wait.
IN_FLIGHT = 12_000
POLL_S = 0.02
BLOCKS_PER_ANSWER = 20
TIMEOUT_S = 60
HEADERS = {"Content-Type": "application/json"}


class Window:
    """Limits how many transactions senders may be ahead of the blocks."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        """Waits until that many more may be sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count

    def give(self, count: int) -> None:
        """Notes that that many have been committed."""
        with self._changed:
            self._free += count
            self._changed.notify_all()


@dataclass(frozen=True)
class Throughput:
    """What a node committed of what was sent."""

    sent: int
    seconds: float
    # Transactions of each block that was made meanwhile, by height.
    blocks: dict[int, int]

    @property
    def committed(self) -> int:
        """Transactions in blocks."""
        return sum(self.blocks.values())

    @property
    def per_second(self) -> float:
        """Committed transactions per second."""
        return self.committed / self.seconds


class Rpc:
    """One connection to the RPC of a node at `tcp://HOST:PORT`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT_S
        )

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """One call; raises RuntimeError with the node's sentence if it is rejected."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self.post(json.dumps(body).encode())
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def post(self, body: bytes) -> Any:
        """One request of any form."""
        self._connection.request("POST", "/", body, HEADERS)
        return json.loads(self._connection.getresponse().read())

    def height(self) -> int:
        """The height of the application, which is behind that of the blocks that are stored."""
        return int(self.call("abci_info")["response"].get("last_block_height", 0))


def measure_throughput(
    urls: Sequence[str], streams: Sequence[Sequence[bytes]], deadline_s: float
) -> Throughput:
    """Sends each stream over a connection of its own, to the nodes in turn, and waits until the
    first node has committed all.

    Raises RuntimeError if a transaction is not taken, or if the deadline passes.
    """
    rpc = Rpc(urls[0])
    sent = sum(map(len, streams))
    blocks: dict[int, int] = {}
    height = rpc.height()
    rejected: list[Any] = []
    window = Window(IN_FLIGHT)
    senders = [
        threading.Thread(
            target=send_all,
            args=(urls[number % len(urls)], make_batches(stream), window, rejected),
            daemon=True,
        )
        for number, stream in enumerate(streams)
    ]
    began_s = time.monotonic()
    for sender in senders:
        sender.start()
    while sum(blocks.values()) < sent:
        time.sleep(POLL_S)
        new = count_new(rpc, max(blocks, default=height))
        window.give(sum(new.values()))
        blocks |= new
        seconds = time.monotonic() - began_s
        if rejected:
            raise RuntimeError(f"{len(rejected)} were rejected, the first: {rejected[0]}")
        if seconds > deadline_s:
            raise RuntimeError(f"{sum(blocks.values())} of {sent} committed in {seconds:.0f} s")
    for sender in senders:
        sender.join()
    return Throughput(sent, seconds, blocks)


def count_new(rpc: Rpc, after: int) -> dict[int, int]:
    """Transactions of each block behind a height, up to the latest that is committed."""
    latest = rpc.height()
    counts: dict[int, int] = {}
    for first in range(after + 1, latest + 1, BLOCKS_PER_ANSWER):
        last = min(latest, first + BLOCKS_PER_ANSWER - 1)
        answer = rpc.call("blockchain", minHeight=str(first), maxHeight=str(last))
        for meta in answer["block_metas"]:
            counts[int(meta["header"]["height"])] = int(meta["num_txs"])
    return counts


def count_codes(url: str, heights: Sequence[int]) -> dict[int, int]:
    """How often each result code stands in the results of some blocks."""
    rpc = Rpc(url)
    counts: dict[int, int] = {}
    for height in heights:
        for result in rpc.call("block_results", height=str(height))["txs_results"] or []:
            counts[result["code"]] = counts.get(result["code"], 0) + 1
    return counts


def make_batches(txs: Sequence[bytes]) -> list[bytes]:
    """JSON-RPC batches, ready to be sent."""
    return [make_batch(txs[first : first + BATCH]) for first in range(0, len(txs), BATCH)]


def make_batch(txs: Sequence[bytes]) -> bytes:
    """One batch."""
    calls = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "broadcast_tx_async",
            "params": {"tx": base64.b64encode(tx).decode()},
        }
        for number, tx in enumerate(txs)
    ]
    return json.dumps(calls).encode()


def send_all(url: str, bodies: Sequence[bytes], window: Window, rejected: list[Any]) -> None:
    """Sends batches one after the other over one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    for body in bodies:
        window.take(BATCH)
        connection.request("POST", "/", body, HEADERS)
        content = connection.getresponse().read()
        # To read a hundred answers costs the client as much as to send them.
        if b'"error"' in content:
            rejected += [answer for answer in json.loads(content) if "error" in answer]
            return
