"""Whether a peer is let in: what CometBFT asks when `filter_peers` is true.

It asks for every connection, in either direction, and takes an error for a no.
"""

from __future__ import annotations

from blockenergy.peers.v1 import errors_pb2

from chain.peers import rules
from chain.peers.state import PEERS
from chain.runtime.encoding import networks
from chain.runtime.errors import ChainError, ErrorCodes, SdkError, require
from chain.runtime.state.collections import HasStore

PeersError = ErrorCodes("peers", errors_pb2.Error.DESCRIPTOR)


def require_allowed(state: HasStore, question: str) -> None:
    """Rejects a peer that is not on the list.

    question: `addr/IP:PORT` as soon as there is a connection, `id/ID` when the node at its other
    end has proven its node key.
    """
    kind, _, value = question.partition("/")
    if kind == "id":
        listed = rules.is_node_id(value) and PEERS.has(state, value)
        require(listed, PeersError.PEER_UNKNOWN, value)
    elif kind == "addr":
        require(_is_address_of_a_peer(state, value), PeersError.ADDRESS_NOT_ALLOWED, value)
    else:
        raise ChainError(SdkError.UNKNOWN_REQUEST, question)


def _is_address_of_a_peer(state: HasStore, remote: str) -> bool:
    address = networks.parse_remote(remote)
    return address is not None and any(
        rules.may_come_from(peer, address) for _, peer in PEERS.items(state)
    )
