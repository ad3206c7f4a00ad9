"""Delegated keys: a key trades for the account of another, within limits and until an end.

Promises that whoever has such a right orders no more than it says for a slot, sets aside no more
than it says on a day, and moves money to nobody but by trades; that an owner takes it back at any
time; and that what the owner may not send, nobody sends for the owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from blockenergy.authz.v1 import state_pb2
from cosmos.authz.v1beta1 import query_pb2, tx_pb2

from chain.authz import queries
from chain.authz.execution import Execution
from chain.authz.genesis import validate_genesis
from chain.authz.msgs import Msgs
from chain.authz.state import SCHEMA
from chain.runtime.module import Handler, Module

_EXEC = f"/{tx_pb2.MsgExec.DESCRIPTOR.full_name}"


def make_module(handlers: Mapping[str, Handler]) -> Module:
    """The module whose rights are to these messages."""
    module = Module(
        name=SCHEMA.name,
        schema=SCHEMA,
        msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
        msgs=Msgs(handlers),
        query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
        queries=queries,
        validate_genesis=lambda state: validate_genesis(state, handlers),
        packed_types=(state_pb2.TradeAuthorization,),
    )
    count_gas = Execution(handlers).count_gas
    module.handlers[_EXEC] = replace(module.handlers[_EXEC], count_gas=count_gas)
    return module


__all__ = ["make_module"]
