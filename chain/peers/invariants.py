"""Invariants of the list of peers."""

from __future__ import annotations

from chain import registry
from chain.peers.state import PEERS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def operators(state: HasStore) -> list[str]:
    """Every peer is run by a participant."""
    return [
        f"the operator of {node_id} is no participant"
        for node_id, peer in PEERS.items(state)
        if not registry.is_participant(state, bech32.decode(peer.operator))
    ]
