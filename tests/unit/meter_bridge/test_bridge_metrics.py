"""What Prometheus sees of a bridge."""

from __future__ import annotations

import urllib.request

import pytest
from blockenergy.bridge.v1.bridge_pb2 import HealthResponse
from prometheus_client.parser import text_string_to_metric_families

from client.errors import UsageError
from client.metrics import serve_metrics
from meter_bridge.metrics import GAUGES, make_registry
from node_config.localnet.ports import find_free_ports


def test_the_figures_are_those_of_its_health() -> None:
    health = HealthResponse(healthy=True, backlog=7, backlog_age_s=30, done=5, rejected=1)
    port = find_free_ports(1).base
    with serve_metrics(make_registry(lambda: health), f"127.0.0.1:{port}"):
        for backlog in (7, 8):
            health.backlog = backlog
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
            found = {family.name: family.samples for family in text_string_to_metric_families(text)}
            assert found["blockenergy_bridge_backlog"][0].value == backlog
            assert found["blockenergy_bridge_healthy"][0].value == 1
            assert len(found) == len(GAUGES)


def test_an_address_that_cannot_be_is_a_sentence() -> None:
    for address in ("26661", "127.0.0.1:70000", "192.0.2.1:1"):
        with (
            pytest.raises(UsageError, match="--metrics"),
            serve_metrics(make_registry(HealthResponse), address),
        ):
            pass
    with serve_metrics(make_registry(HealthResponse), ""):
        pass
