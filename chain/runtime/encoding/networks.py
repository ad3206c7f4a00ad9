"""IP addresses and ranges of them, as they are written in records and by CometBFT."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PARSED = 1 << 14
# Only what every version of the library reads in the same way.
_NETWORK = re.compile(r"(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]{2,39})(/\d{1,3})?", re.ASCII)


@lru_cache(_PARSED)
def parse_network(text: str) -> Network | None:
    """`192.0.2.7`, `10.20.0.0/16` or `2001:db8::/32`; None for anything else.

    A range begins with its first address: `10.20.1.0/16` is none.
    """
    if not _NETWORK.fullmatch(text):
        return None
    try:
        return ip_network(text)
    except ValueError:
        return None


def parse_remote(text: str) -> Address | None:
    """The address of `192.0.2.7:26656` or `[2001:db8::7]:26656`; None for anything else."""
    host = text.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        # A zone is a name for an interface of this machine.
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def is_within(address: Address, network: str) -> bool:
    """Whether an address is one of a network's, given as text."""
    parsed = parse_network(network)
    return parsed is not None and address in parsed
