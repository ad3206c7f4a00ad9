"""What an operator can watch of a relayer, in the form of Prometheus.

    blockenergy_relay_carried_total{kind}         packets, answers, timeouts, and updates: headers
                                                  that only kept a client from expiring
    blockenergy_relay_rejected_total              transactions that a chain has rejected
    blockenergy_relay_failed_passes_total         passes that a node or a chain has ended
    blockenergy_relay_height{chain}               the latest block of a chain
    blockenergy_relay_read_height{chain}          and up to which one it was read
    blockenergy_relay_open_packets{chain}         that were sent there, and have not ended
    blockenergy_relay_open_answers{chain}         that were written there, and not brought back
    blockenergy_relay_client_left_seconds{chain}  until the client there expires, if nobody tells it
                                                  of a header

Counters begin with 0 when the process starts, gauges are of the last pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from client.relay.carrier import Progress, Standing

_GAUGES = {
    "height": "Latest block of a chain.",
    "read_height": "Block up to which it was read.",
    "open_packets": "Packets sent there that have not ended.",
    "open_answers": "Acknowledgements written there and not brought back.",
    "client_left_seconds": "Until the client there expires.",
}


class Metrics:
    """The numbers of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._carried = self._count("carried", "What was carried, by its kind.", "kind")
        self._rejected = self._count("rejected", "Transactions that a chain has rejected.")
        self._failed = self._count("failed_passes", "Passes that a node or a chain has ended.")
        self._gauges = {
            name: Gauge(f"blockenergy_relay_{name}", text, ("chain",), registry=self.registry)
            for name, text in _GAUGES.items()
        }

    def note_pass(self, progress: Progress, standings: Iterable[Standing]) -> None:
        """Counts what a pass has done, and notes where the chains are now."""
        counts = progress.list_counts()
        self._rejected.inc(counts.pop("rejected"))
        for kind, count in counts.items():
            self._carried.labels(kind).inc(count)
        for standing in standings:
            chain_id, *values = standing
            for gauge, value in zip(self._gauges.values(), values, strict=True):
                gauge.labels(chain_id).set(value)

    def note_failure(self) -> None:
        """Counts a pass that did not get to its end."""
        self._failed.inc()

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"blockenergy_relay_{name}", text, labels, registry=self.registry)
