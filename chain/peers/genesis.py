"""Validation of the list of peers in a genesis document."""

from __future__ import annotations

from chain import registry
from chain.peers import rules
from chain.peers.state import PARAMS, PEERS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless the limit makes sense."""
    if not 0 < PARAMS.get(state).peers_max <= rules.PEERS_CEILING:
        raise GenesisError(f"peers.params.peers_max: 1 to {rules.PEERS_CEILING} is expected")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless peers make sense, whatever the limit was at their time."""
    count = 0
    for node_id, peer in PEERS.items(state):
        count += 1
        if error := rules.find_peer_error(node_id, peer):
            raise GenesisError(f"peers.peers {node_id}: not valid: {error}")
        if not registry.is_participant(state, bech32.decode(peer.operator)):
            raise GenesisError(f"peers.peers {node_id}: the operator is no participant")
    if count > rules.PEERS_CEILING:
        raise GenesisError(f"peers.peers: {count} peers, max {rules.PEERS_CEILING}")
