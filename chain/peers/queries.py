"""Queries of the list of peers."""

from __future__ import annotations

from blockenergy.peers.v1 import query_pb2

from chain.peers.keeper import PeersError
from chain.peers.state import PARAMS, PEERS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """The limits of the list."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def peer(ctx: Context, request: query_pb2.QueryPeerRequest) -> query_pb2.QueryPeerResponse:
    """One peer."""
    found = PEERS.get(ctx, request.node_id)
    if found is None:
        raise ChainError(PeersError.PEER_UNKNOWN)
    return query_pb2.QueryPeerResponse(node_id=request.node_id, peer=found)


def peers(ctx: Context, request: query_pb2.QueryPeersRequest) -> query_pb2.QueryPeersResponse:
    """All peers."""
    page, pagination = get_page(ctx, PEERS, request.pagination)
    entries = [query_pb2.QueryPeerResponse(node_id=key, peer=value) for key, value in page]
    return query_pb2.QueryPeersResponse(peers=entries, pagination=pagination)
