"""Peers: the nodes that the nodes of the network connect with.

Promises that only the registrar lists a node, that a node which is not listed is let in by no node
that asks, and that the list of genesis counts from the start.
"""

from blockenergy.peers.v1 import query_pb2, tx_pb2

from chain.peers import msgs, queries
from chain.peers.genesis import validate_genesis, validate_params
from chain.peers.invariants import operators
from chain.peers.keeper import PeersError, require_allowed
from chain.peers.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="peers",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(operators,),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = ["MODULE", "PeersError", "require_allowed"]
