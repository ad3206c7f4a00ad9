"""The whitelist: who takes part, in which roles, and with which meters.

Promises that only the registrar changes it, that an address outside it can neither send a
transaction nor receive a transfer, and that a meter id always means the same meter.
"""

from blockenergy.registry.v1 import query_pb2, tx_pb2

from chain.registry import msgs, queries
from chain.registry.genesis import validate_genesis
from chain.registry.invariants import accounts, owners
from chain.registry.keeper import (
    RegistryError,
    close_if_removed,
    get_capacity_max_w,
    get_meter,
    get_meters_after,
    is_participant,
    require_active,
    require_permission,
    require_role,
)
from chain.registry.state import SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="registry",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(owners, accounts),
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "RegistryError",
    "close_if_removed",
    "get_capacity_max_w",
    "get_meter",
    "get_meters_after",
    "is_participant",
    "require_active",
    "require_permission",
    "require_role",
]
