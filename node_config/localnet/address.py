"""An address at which a process listens on this machine."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple

from net_address import HostPort, parse_host_port

_POLL_S = 0.05


class Address(NamedTuple):
    """A host and port."""

    host: str
    port: int
    # What listens there and where that is configured, for error messages.
    owner: str

    def __str__(self) -> str:
        return str(HostPort(self.host, self.port))

    def becomes_free(self, wait_s: float) -> bool:
        """Whether it is free, or becomes free within `wait_s` seconds."""
        deadline_s = time.monotonic() + wait_s
        while not self.is_free():
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(_POLL_S)
        return True

    def is_free(self) -> bool:
        """Whether a process could listen there now."""
        with socket.socket() as probe:
            # A port whose last connection has just closed can be reused at once.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return False
        return True


def parse_url(url: str, owner: str) -> Address:
    """The address of `tcp://127.0.0.1:26657`; ValueError for another form."""
    scheme, _, place = url.partition("://")
    if scheme != "tcp":
        raise ValueError(f"{url} does not begin with tcp://")
    return parse_address(place, owner)


def parse_address(text: str, owner: str) -> Address:
    """The address of `127.0.0.1:26690`; ValueError for another form."""
    host, port = parse_host_port(text)
    if not port:
        raise ValueError(f"{text!r} names no port")
    return Address(host, port, owner)
