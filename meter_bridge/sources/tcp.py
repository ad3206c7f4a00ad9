"""A meter behind a TCP port: a serial server, or a head that sends what it receives."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from meter_bridge.sources.source import Delivery, SourceError, deliver_bursts
from net_address import is_loopback, parse_host_port

SILENCE_S, CONNECT_S = 0.3, 10.0
CHUNK_BYTES = 4096


@dataclass(frozen=True)
class Tcp:
    """A TCP connection to `address`, such as 192.0.2.7:2001."""

    address: str
    # A connection that is silent for longer is opened anew.
    silence_s: int = 900

    is_protected = False

    def validate(self) -> None:
        parse_host_port(self.address)
        if not 1 <= self.silence_s <= 86_400:
            raise ValueError("silence_s is 1 to 86400")

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        host, port = parse_host_port(self.address)
        try:
            with socket.create_connection((host, port), CONNECT_S) as connection:
                connection.settimeout(SILENCE_S)
                deliver_bursts(self._make_read(connection), delivery, stop, time.time)
        except OSError as error:
            raise SourceError(f"{self.address} cannot be read: {error}.") from error

    def _make_read(self, connection: socket.socket) -> Callable[[], bytes]:
        last_s = time.monotonic()

        def read() -> bytes:
            nonlocal last_s
            try:
                chunk = connection.recv(CHUNK_BYTES)
            except TimeoutError:
                if time.monotonic() - last_s > self.silence_s:
                    raise SourceError(f"{self.address} has been silent for too long.") from None
                return b""
            if not chunk:
                raise SourceError(f"{self.address} has closed the connection.")
            last_s = time.monotonic()
            return chunk

        return read


def require_private(host: str, *, is_tls: bool) -> None:
    """ValueError unless a connection is encrypted, or stays on this machine."""
    if not is_tls and not is_loopback(host):
        raise ValueError(f"{host} is another machine, so TLS is required")
