"""Parameters: one account, the authority, changes those of every module by one message.

Promises that parameters are changed only by the authority and only to what a genesis document could
have, alone and beside all others; that what slots are opened with holds for them until the end; and
that what is fixed at genesis stays; and that nobody can take the authority's right away.
"""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.params.v1 import query_pb2, tx_pb2

from chain.params.genesis import validate_genesis, validate_params
from chain.params.keeper import (
    Changeable,
    ParamsError,
    is_authority,
    is_change_by_authority,
    require_authority,
)
from chain.params.msgs import Msgs
from chain.params.queries import Queries
from chain.params.state import PARAMS, SCHEMA
from chain.runtime.module import Module


def make_module(modules: Sequence[Module]) -> Module:
    """The module that changes the parameters of these modules, and its own."""
    changeable = [
        Changeable(module.name, module.params, module.validate_params)
        for module in modules
        if module.params and module.validate_params
    ]
    changeable.append(Changeable(SCHEMA.name, PARAMS, validate_params))
    return Module(
        name=SCHEMA.name,
        schema=SCHEMA,
        msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
        msgs=Msgs(changeable),
        query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
        queries=Queries(changeable),
        params=PARAMS,
        validate_params=validate_params,
        validate_genesis=lambda state: validate_genesis(state, changeable),
    )


__all__ = [
    "ParamsError",
    "is_authority",
    "is_change_by_authority",
    "make_module",
    "require_authority",
]
