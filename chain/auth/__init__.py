"""Accounts: every transaction is signed by one registered account, in its order.

Promises that an account's sequence goes up by exactly one with each of its transactions that
passes the ante handler in a block, so that no transaction is executed twice.
"""

from blockenergy.auth.v1 import query_pb2
from cosmos.auth.v1beta1 import query_pb2 as cosmos_query_pb2
from cosmos.base.node.v1beta1 import query_pb2 as node_query_pb2

from chain.auth import queries
from chain.auth.genesis import validate_genesis, validate_params
from chain.auth.invariants import account_numbers
from chain.auth.keeper import (
    authenticate,
    compute_gas,
    create_account,
    get_account,
    get_params,
    get_signer_data,
    put_account,
    require_account,
    validate_basic,
    validate_limits,
)
from chain.auth.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="auth",
    schema=SCHEMA,
    query_services=(
        query_pb2.DESCRIPTOR.services_by_name["Query"],
        cosmos_query_pb2.DESCRIPTOR.services_by_name["Query"],
        node_query_pb2.DESCRIPTOR.services_by_name["Service"],
    ),
    queries=queries,
    invariants=(account_numbers,),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "authenticate",
    "compute_gas",
    "create_account",
    "get_account",
    "get_params",
    "get_signer_data",
    "put_account",
    "require_account",
    "validate_basic",
    "validate_limits",
]
