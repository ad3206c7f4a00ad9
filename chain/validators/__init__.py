"""Validators: who votes on blocks, decided by more than two thirds of those who do.

Promises that the set never becomes empty, that no key is used twice, that a light client which
follows can always verify the next set, and that who broke the rules of consensus loses all power.
What consensus was told so far is the set that it has: `power` of each record.
"""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.validators.v1 import query_pb2, tx_pb2

from chain.runtime.module import Handler, Module
from chain.validators import queries
from chain.validators.block import begin_block, end_block
from chain.validators.changes import CHANGES
from chain.validators.contents import Contents
from chain.validators.genesis import init_validators, validate_genesis, validate_params
from chain.validators.invariants import powers
from chain.validators.keeper import VOTE_ACCOUNT, ValidatorsError
from chain.validators.msgs import Msgs
from chain.validators.rules import compute_address, plan_step
from chain.validators.state import PARAMS, SCHEMA


def make_module(handlers: Mapping[str, Handler]) -> Module:
    """The module whose votes can hold the messages of these handlers, which may be added later."""
    return Module(
        name=SCHEMA.name,
        schema=SCHEMA,
        msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
        msgs=Msgs(Contents(handlers)),
        query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
        queries=queries,
        begin_block=begin_block,
        end_block=end_block,
        init_validators=init_validators,
        invariants=(powers,),
        params=PARAMS,
        validate_params=validate_params,
        validate_genesis=validate_genesis,
        packed_types=tuple(change.message_type for change in CHANGES.values()),
    )


__all__ = [
    "VOTE_ACCOUNT",
    "ValidatorsError",
    "compute_address",
    "make_module",
    "plan_step",
]
