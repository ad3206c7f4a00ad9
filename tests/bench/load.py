"""Sends transactions to a node as fast as it takes them, and counts what is committed.

The same client measures every node: JSON-RPC batches of `broadcast_tx_async` over a few
connections, wall clock from the first send to the block with the last transaction.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

BATCH = 100
CONNECTIONS = 2
POLL_S = 0.05
BLOCKS_PER_ANSWER = 20


@dataclass(frozen=True)
class Throughput:
    """What a node committed of what was sent."""

    sent: int
    committed: int
    seconds: float
    blocks: int
    largest_block: int

    @property
    def per_second(self) -> float:
        """Committed transactions per second."""
        return self.committed / self.seconds

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "per_second": round(self.per_second, 1)}


class Rpc:
    """One connection to the RPC of a node."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """One call; raises RuntimeError with the node's sentence if it is refused."""
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def post(self, body: object) -> Any:
        """One request of any form."""
        self._connection.request(
            "POST", "/", json.dumps(body), {"Content-Type": "application/json"}
        )
        return json.loads(self._connection.getresponse().read())

    def height(self) -> int:
        """The latest height."""
        return int(self.call("status")["sync_info"]["latest_block_height"])


def measure_throughput(url: str, txs: Sequence[bytes], deadline_s: float) -> Throughput:
    """Sends all transactions and waits until all are committed, or the deadline passes."""
    rpc = Rpc(url)
    height = rpc.height()
    bodies = [make_batch(txs[first : first + BATCH]) for first in range(0, len(txs), BATCH)]
    refused: list[Any] = []
    senders = [
        threading.Thread(target=send_all, args=(url, bodies[part::CONNECTIONS], refused))
        for part in range(CONNECTIONS)
    ]
    began_s = time.monotonic()
    for sender in senders:
        sender.start()
    blocks: list[int] = []
    committed_s = began_s
    while sum(blocks) < len(txs) and time.monotonic() < began_s + deadline_s:
        time.sleep(POLL_S)
        if new := count_new(rpc, height):
            height += len(new)
            blocks += new
            if any(new):
                committed_s = time.monotonic()
    for sender in senders:
        sender.join()
    if refused:
        raise RuntimeError(f"{len(refused)} were refused, the first: {refused[0]}")
    return Throughput(
        len(txs), sum(blocks), committed_s - began_s, sum(map(bool, blocks)), max(blocks)
    )


def count_new(rpc: Rpc, after: int) -> list[int]:
    """Transactions of each block behind a height, up to the latest."""
    latest = rpc.height()
    counts: dict[int, int] = {}
    for first in range(after + 1, latest + 1, BLOCKS_PER_ANSWER):
        last = min(latest, first + BLOCKS_PER_ANSWER - 1)
        answer = rpc.call("blockchain", minHeight=str(first), maxHeight=str(last))
        for meta in answer["block_metas"]:
            counts[int(meta["header"]["height"])] = int(meta["num_txs"])
    return [counts[height] for height in sorted(counts)]


def make_batch(txs: Sequence[bytes]) -> bytes:
    """A JSON-RPC batch, ready to be sent."""
    return json.dumps(
        [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "broadcast_tx_async",
                "params": {"tx": base64.b64encode(tx).decode()},
            }
            for number, tx in enumerate(txs)
        ]
    ).encode()


def send_all(url: str, bodies: Sequence[bytes], refused: list[Any]) -> None:
    """Sends batches one after the other over one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    for body in bodies:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answers = json.loads(connection.getresponse().read())
        refused += [answer for answer in answers if "error" in answer]
