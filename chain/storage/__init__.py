"""Batteries: what is in each of them, by its meter, and what will be, by its trades.

Promises that the energy in a battery is never below nothing or above its capacity, that no more
comes out of it than its efficiencies leave of what went in, and that an order of a battery is taken
only if, with all that is agreed, the battery can follow it.
"""

from blockenergy.storage.v1 import query_pb2, tx_pb2

from chain.runtime.module import Module
from chain.storage import msgs, queries
from chain.storage.genesis import validate_genesis, validate_params
from chain.storage.invariants import law, owners
from chain.storage.keeper import StorageError, read_batteries_ahead, track
from chain.storage.state import PARAMS, SCHEMA

MODULE = Module(
    name="storage",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(law, owners),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = ["MODULE", "StorageError", "read_batteries_ahead", "track"]
