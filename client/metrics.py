"""Answers Prometheus with the figures of a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from client.errors import UsageError
from net_address import parse_host_port

_JOIN_DEADLINE_S = 5.0


@contextmanager
def serve_metrics(registry: CollectorRegistry, address: str) -> Iterator[None]:
    """Answers GET /metrics at HOST:PORT; at none if the address is empty. Errors: UsageError."""
    if not address:
        yield
        return
    try:
        host, port = parse_host_port(address)
        server, thread = start_http_server(port, host, registry)
    except (OSError, ValueError) as error:
        raise UsageError(f"--metrics {address}: {error}; choose another HOST:PORT") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_JOIN_DEADLINE_S)
