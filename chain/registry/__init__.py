"""The whitelist: participants, their roles and their meters, and the feeders of the grid.

Promises that only the registrar changes it, that an address outside it can neither send a
transaction nor receive a transfer, that a meter id means one meter at a time, that no two meters
have the same key, that feeders form a tree, and that all meters of an account are at one grid node
of it.
"""

from blockenergy.registry.v1 import query_pb2, tx_pb2

from chain.registry import lifecycle, msgs, queries
from chain.registry.check_meters import get_check_meters
from chain.registry.connections import (
    Connections,
    get_connections,
    get_export_capacity_w,
)
from chain.registry.genesis import validate_genesis, validate_params
from chain.registry.invariants import (
    accounts,
    check_meters,
    connections,
    grid,
    grid_nodes,
    meter_keys,
    owners,
)
from chain.registry.keeper import (
    RegistryError,
    close_meter,
    exchange_meter,
    get_branches,
    get_capacity_max_w,
    get_feeder,
    get_feeder_of,
    get_feeders,
    get_meter,
    get_meters_after,
    get_meters_of,
    get_path,
    get_register_size_wh,
    has_renewable_meter,
    is_participant,
    is_registrar,
    remove_meter,
    require_active,
    require_free_key,
    require_installed,
    require_permission,
    require_registrar,
    require_role,
)
from chain.registry.rules import is_renewable
from chain.registry.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="registry",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(owners, accounts, connections, check_meters, grid, grid_nodes, meter_keys),
    lifecycles=(lifecycle.PARTICIPANT, lifecycle.METER),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "Connections",
    "RegistryError",
    "close_meter",
    "exchange_meter",
    "get_branches",
    "get_capacity_max_w",
    "get_check_meters",
    "get_connections",
    "get_export_capacity_w",
    "get_feeder",
    "get_feeder_of",
    "get_feeders",
    "get_meter",
    "get_meters_after",
    "get_meters_of",
    "get_path",
    "get_register_size_wh",
    "has_renewable_meter",
    "is_participant",
    "is_registrar",
    "is_renewable",
    "remove_meter",
    "require_active",
    "require_free_key",
    "require_installed",
    "require_permission",
    "require_registrar",
    "require_role",
]
