"""What an operator can watch of a bridge, in the form of Prometheus.

blockenergy_bridge_healthy              1, or 0 where `blockenergy meter health` has a reason
blockenergy_bridge_backlog              readings that wait for the chain
blockenergy_bridge_backlog_age_seconds  how long the oldest of them has waited
blockenergy_bridge_done                 readings in the spool that the chain has accepted
blockenergy_bridge_rejected             those that it has rejected
blockenergy_bridge_conflicts            second readings with other content
blockenergy_bridge_chain_height         the block that the bridge has seen last
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from blockenergy.bridge.v1.bridge_pb2 import HealthResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

# Names, the fields of the health response, and what they mean.
GAUGES = (
    ("healthy", "healthy", "Whether the bridge works."),
    ("backlog", "backlog", "Readings that wait for the chain."),
    ("backlog_age_seconds", "backlog_age_s", "How long the oldest has waited."),
    ("done", "done", "Readings in the spool that the chain has accepted."),
    ("rejected", "rejected", "Readings in the spool that the chain has rejected."),
    ("conflicts", "conflicts", "Second readings with other content."),
    ("chain_height", "chain_height", "The block that was seen last."),
)


class HealthCollector(Collector):
    """Asks for the health whenever somebody asks for the figures."""

    def __init__(self, get_health: Callable[[], HealthResponse]) -> None:
        self._get_health = get_health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called by Prometheus' library."""
        health = self._get_health()
        for name, field, text in GAUGES:
            value = float(getattr(health, field))
            yield GaugeMetricFamily(f"blockenergy_bridge_{name}", text, value=value)


def make_registry(get_health: Callable[[], HealthResponse]) -> CollectorRegistry:
    """The figures of a bridge."""
    registry = CollectorRegistry()
    registry.register(HealthCollector(get_health))
    return registry
