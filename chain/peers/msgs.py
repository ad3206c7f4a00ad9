"""Messages of the registrar and of those who run nodes."""

from __future__ import annotations

from blockenergy.peers.v1 import events_pb2, state_pb2, tx_pb2

from chain import registry
from chain.peers import rules
from chain.peers.keeper import PeersError
from chain.peers.state import PARAMS, PEERS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address


def set_peer(ctx: Context, msg: tx_pb2.MsgSetPeer) -> tx_pb2.MsgSetPeerResponse:
    """Lists a node, or replaces what is listed of it."""
    registry.require_registrar(ctx, msg.registrar)
    peer = state_pb2.Peer(operator=msg.operator, moniker=msg.moniker, networks=msg.networks)
    error = rules.find_peer_error(msg.node_id, peer)
    require(not error, PeersError.PEER_INVALID, error)
    registry.require_active(ctx, decode_address(msg.operator))
    if not PEERS.has(ctx, msg.node_id):
        most = PARAMS.get_shared(ctx).peers_max
        count = sum(1 for _ in PEERS.items(ctx))
        require(count < most, PeersError.TOO_MANY_PEERS, f"{most} in all")
    PEERS.set(ctx, msg.node_id, peer)
    ctx.emit(events_pb2.EventPeerSet(node_id=msg.node_id, peer=peer))
    return tx_pb2.MsgSetPeerResponse()


def remove_peer(ctx: Context, msg: tx_pb2.MsgRemovePeer) -> tx_pb2.MsgRemovePeerResponse:
    """Takes a node off the list."""
    peer = PEERS.get_shared(ctx, msg.node_id)
    if peer is None:
        raise ChainError(PeersError.PEER_UNKNOWN)
    if msg.sender != peer.operator:
        registry.require_registrar(ctx, msg.sender)
    PEERS.delete(ctx, msg.node_id)
    ctx.emit(events_pb2.EventPeerRemoved(node_id=msg.node_id))
    return tx_pb2.MsgRemovePeerResponse()
