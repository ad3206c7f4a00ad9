"""What CometBFT is told when it asks whether it may connect with a peer."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain import app
from chain.runtime.encoding import networks
from chain.runtime.errors import ChainError
from tests.support.world import World

LISTED, OTHER = "a" * 40, "b" * 40


def listing(*all_networks: list[str]) -> dict[str, Any]:
    """Peers with these networks each, of whom the first is LISTED."""
    return {
        f"peers.peers[{digit * 40}]": {"operator": "distributor", "networks": own}
        for digit, own in zip("acd", all_networks, strict=False)
    }


def is_allowed(world: World, question: str) -> bool:
    try:
        return app.query(world.store, world.block_info, f"/p2p/filter/{question}", b"") == b""
    except ChainError:
        return False


def test_ids_are_compared_with_the_list() -> None:
    world = World(listing([]))
    assert is_allowed(world, f"id/{LISTED}")
    for wrong in (OTHER, "", LISTED.upper(), LISTED[:-1], f"{LISTED}/", f"{LISTED}@192.0.2.7"):
        assert not is_allowed(world, f"id/{wrong}")


def test_an_empty_list_lets_nobody_in() -> None:
    world = World()
    assert not is_allowed(world, f"id/{LISTED}")
    assert not is_allowed(world, "addr/192.0.2.7:26656")


@pytest.mark.parametrize(
    ("remote", "allowed"),
    [
        ("192.0.2.7:26656", True),
        ("192.0.2.8:26656", False),
        ("10.20.255.1:1", True),
        ("10.21.0.1:1", False),
        ("[2001:db8::5]:26656", True),
        ("[2001:db9::5]:26656", False),
        ("[fe80::1%eth0]:26656", True),
        ("nonsense", False),
        ("", False),
    ],
)
def test_addresses_are_compared_with_the_networks_of_all_peers(remote: str, allowed: bool) -> None:
    world = World(listing(["192.0.2.7", "10.20.0.0/16"], ["2001:db8::/32", "fe80::/10"]))
    assert is_allowed(world, f"addr/{remote}") == allowed
    # One peer that may come from anywhere opens the first door; the second stays closed.
    world = World(listing(["192.0.2.7"], []))
    assert is_allowed(world, "addr/203.0.113.9:26656")
    assert not is_allowed(world, f"id/{OTHER}")


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@given(ADDRESSES, ADDRESSES, st.integers(0, 128))
def test_a_network_has_the_addresses_with_its_first_bits(
    address: Any, other: Any, bits: int
) -> None:
    length = min(bits, address.max_prefixlen)
    network = str(ip_network((address, length), strict=False))
    # Versions of the library differ in how they write these.
    if "." in network and ":" in network:
        return
    assert networks.is_within(address, network)
    shared = address.max_prefixlen - length
    same = address.version == other.version and int(address) >> shared == int(other) >> shared
    assert networks.is_within(other, network) == same


@pytest.mark.parametrize(
    "text",
    [
        "", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "010.0.0.1", "10.0.0.0/255.0.0.0", "10.0.0.0/",
        "2001:db8::/129", "2001:DB8::/32", "fe80::1%eth0", "::ffff:192.0.2.7", "localhost",
        "\u0661.1.1.1", "10.0.0.0/8\n", ":::", "::1::",
    ],
)  # fmt: skip
def test_what_is_no_network(text: str) -> None:
    assert networks.parse_network(text) is None


def test_remote_addresses_as_cometbft_writes_them() -> None:
    assert networks.parse_remote("192.0.2.7:26656") == ip_address("192.0.2.7")
    assert networks.parse_remote("[::1]:26656") == ip_address("::1")
    assert networks.parse_remote("192.0.2.7") is None
