"""Ports of a network: their offsets from a base port, and how a free range is found."""

from __future__ import annotations

import os
from typing import NamedTuple

from client.errors import MissingError
from net_address import LOOPBACK
from node_config.localnet.address import Address

DEFAULT_BASE_PORT = 26656
# Below Linux's ephemeral ports, so that no other program is given one by chance.
LOWEST, HIGHEST = 20_000, 32_000
STEP = 10
# After the ports of nodes 0 to 3; no node's port ends with this digit.
_BRIDGE_OFFSET = 34


class Ports(NamedTuple):
    """The ports from a base port on."""

    base: int

    def p2p(self, number: int) -> int:
        """Where other nodes reach node `number`."""
        return self.base + STEP * number

    def rpc(self, number: int) -> int:
        """Where clients reach node `number`."""
        return self.base + STEP * number + 1

    @property
    def bridge(self) -> int:
        """Where meters reach the bridge."""
        return self.base + _BRIDGE_OFFSET

    def get_all(self, validators: int) -> list[int]:
        """Every port of a network with this many validators."""
        numbers = range(validators)
        return [*map(self.p2p, numbers), *map(self.rpc, numbers), self.bridge]


def find_free_ports(validators: int) -> Ports:
    """A range of free ports; raises MissingError if there is none."""
    width = max(Ports(0).get_all(validators)) // STEP * STEP + STEP
    rows = (HIGHEST - LOWEST) // width
    for attempt in range(rows):
        # Programs that search at the same time start at different ports.
        ports = Ports(LOWEST + (os.getpid() + attempt) % rows * width)
        if all(Address(LOOPBACK, port, "").is_free() for port in ports.get_all(validators)):
            return ports
    raise MissingError(
        f"there are no free ports between {LOWEST} and {HIGHEST}; stop some programs"
    )
