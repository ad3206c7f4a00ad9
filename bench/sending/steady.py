"""Sends transactions at a steady rate and notes when each stands in a committed block.

The same client measures every network: one connection to each node that takes transactions, each
transaction sent at its time whether or not the ones before are committed, and one connection that
asks a node for new blocks every few milliseconds. The time of a transaction ends when the
application of that node has committed its block and the client has read the block.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from bench.sending.at_full_speed import Rpc

POLL_S = 0.005
DRAIN_S = 30.0


@dataclass(frozen=True)
class Latency:
    """Seconds from send to finality, of all transactions."""

    seconds: tuple[float, ...]
    rate_per_s: float
    blocks: int

    def quantile(self, percent: int) -> float:
        """The time within which that percentage was final."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


def measure_latency(urls: Sequence[str], txs: Sequence[bytes], rate_per_s: float) -> Latency:
    """Sends transactions to the nodes in turn; raises RuntimeError if one is not committed."""
    sent_s: dict[bytes, float] = {}
    rejected: list[str] = []
    senders = [
        threading.Thread(
            target=_send,
            args=(url, txs[part :: len(urls)], part, len(urls), rate_per_s, sent_s, rejected),
            daemon=True,
        )
        for part, url in enumerate(urls)
    ]
    rpc = Rpc(urls[0])
    height = rpc.height()
    for sender in senders:
        sender.start()
    deadline_s = time.monotonic() + len(txs) / rate_per_s + DRAIN_S
    # Others may send as well.
    ours = {hashlib.sha256(tx).digest() for tx in txs}
    done_s: dict[bytes, float] = {}
    blocks = 0
    while len(done_s) < len(txs):
        if rejected or time.monotonic() > deadline_s:
            raise RuntimeError(f"{len(done_s)} of {len(txs)} are final; rejected: {rejected[:1]}")
        time.sleep(POLL_S)
        latest = rpc.height()
        while height < latest:
            height += 1
            found = rpc.call("block", height=str(height))["block"]["data"]["txs"] or []
            now_s = time.monotonic()
            blocks += bool(found)
            hashes = {hashlib.sha256(base64.b64decode(text)).digest() for text in found}
            done_s |= dict.fromkeys(hashes & ours, now_s)
    for sender in senders:
        sender.join()
    return Latency(tuple(done_s[key] - sent_s[key] for key in sent_s), rate_per_s, blocks)


def _send(
    url: str,
    txs: Sequence[bytes],
    part: int,
    parts: int,
    rate_per_s: float,
    sent_s: dict[bytes, float],
    rejected: list[str],
) -> None:
    rpc = Rpc(url)
    began_s = time.monotonic()
    for number, tx in enumerate(txs):
        at_s = began_s + (number * parts + part) / rate_per_s
        time.sleep(max(0.0, at_s - time.monotonic()))
        # A late client must not make the network look quick: the time runs from the plan.
        sent_s[hashlib.sha256(tx).digest()] = at_s
        try:
            answer = rpc.call("broadcast_tx_async", tx=base64.b64encode(tx).decode())
        except (OSError, RuntimeError) as error:
            rejected.append(str(error))
            return
        if answer["code"]:
            rejected.append(answer["log"])
            return
