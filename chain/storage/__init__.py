"""Batteries: the state of charge of each, as metered, and as projected from its trades.

Promises that the state of charge is between zero and the capacity, that no more is discharged than
the efficiencies leave of what was charged, and that an order of a battery is accepted only if the
battery can follow it together with all that it has agreed to.
"""

from blockenergy.storage.v1 import query_pb2, tx_pb2

from chain.runtime.module import Module
from chain.storage import msgs, queries
from chain.storage.genesis import validate_genesis, validate_params
from chain.storage.invariants import green, owners, state_of_charge
from chain.storage.keeper import (
    Flow,
    StorageError,
    add_green,
    get_last_discharge_slot,
    read_batteries_ahead,
    track,
)
from chain.storage.state import PARAMS, SCHEMA

MODULE = Module(
    name="storage",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(state_of_charge, green, owners),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "Flow",
    "StorageError",
    "add_green",
    "get_last_discharge_slot",
    "read_batteries_ahead",
    "track",
]
