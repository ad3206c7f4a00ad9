"""Where Prometheus asks for the numbers of the application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from abci_app.metrics import Metrics
from abci_app.protocol.listener import ListenError
from net_address import parse_host_port

JOIN_DEADLINE_S = 5.0


@contextmanager
def serve_metrics(metrics: Metrics, address: str) -> Iterator[None]:
    """Answers GET /metrics at HOST:PORT. Errors: ListenError."""
    try:
        host, port = parse_host_port(address)
    except ValueError as error:
        raise ListenError(f"{error}; write it like 127.0.0.1:26661.") from error
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise ListenError(
            f"the metrics cannot be served at {address} ({error.strerror}); choose another "
            "address with --metrics."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(JOIN_DEADLINE_S)
