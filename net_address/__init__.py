"""Network addresses written HOST:PORT: one form for every part of the project.

It imports nothing of ours, so that every part but the rules may use it.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_PORT_MAX = (1 << 16) - 1
_PORT_DIGITS_MAX = 5


class HostPort(NamedTuple):
    """A host, without brackets, and a port; `socket` takes it as it is."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(text: str) -> HostPort:
    """The parts of `host:port` or `[ipv6]:port`, port 0 to 65535. Errors: ValueError."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        is_host = ":" in host
    else:
        is_host = bool(host) and not set(host) & set(":/[]@")
    is_port = port.isascii() and port.isdigit() and len(port) <= _PORT_DIGITS_MAX
    if not (is_host and is_port and int(port) <= _PORT_MAX):
        raise ValueError(f"{text!r} is not HOST:PORT")
    return HostPort(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
