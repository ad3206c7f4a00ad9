"""Form and limits of what is listed. Nothing here reads state."""

from __future__ import annotations

import re

from blockenergy.peers.v1 import state_pb2

from chain.runtime.encoding import networks

# The most that `peers_max` can be: every new connection may be compared with all peers.
PEERS_CEILING = 1000
_NETWORKS_MAX = 16
_MONIKER_BYTES_MAX = 64
_NODE_ID = re.compile(r"[0-9a-f]{40}")


def is_node_id(text: str) -> bool:
    """Whether a text is the address of a node key, as CometBFT writes it."""
    return _NODE_ID.fullmatch(text) is not None


def find_peer_error(node_id: str, peer: state_pb2.Peer) -> str:
    """What is wrong with a node id or its record, in a few words; empty if nothing."""
    if not is_node_id(node_id):
        return "a node id has 40 hexadecimal digits in lower case"
    if len(peer.moniker.encode()) > _MONIKER_BYTES_MAX:
        return f"a moniker has at most {_MONIKER_BYTES_MAX} bytes"
    if len(peer.networks) > _NETWORKS_MAX:
        return f"at most {_NETWORKS_MAX} networks"
    for text in peer.networks:
        if networks.parse_network(text) is None:
            return f"{text[:50]!r} is neither an IP address nor a range of them"
    return ""


def may_come_from(peer: state_pb2.Peer, address: networks.Address) -> bool:
    """Whether a peer has this address, as far as the list says."""
    return not peer.networks or any(networks.is_within(address, text) for text in peer.networks)
