"""Carbon credits: classes, projects and batches, each batch a denomination of the bank.

Promises that of each batch what is there, locked, retired, cancelled and exported adds up to what
was minted; that a unit of another registry comes in once, and leaves only by its registry's word;
and that a retirement is a record that can be proven for ever.
"""

from blockenergy.credits.v1 import query_pb2, tx_pb2

from chain.credits import msgs, queries
from chain.credits.abroad import (
    bring_home,
    bring_in,
    count_foreign_batches,
    find_foreign_batch,
    get_foreign,
    is_sound,
    list_abroad,
    require_native,
    send_abroad,
    send_home,
    take_back,
)
from chain.credits.genesis import validate_genesis, validate_params
from chain.credits.invariants import conserved, counted, offers_secured, retired, serials_once
from chain.credits.keeper import (
    LOCKED,
    CreditsError,
    consume,
    get_balance,
    get_denom,
    require_offsetting,
)
from chain.credits.registries import (
    add_receipt,
    count_units,
    is_new_receipt,
    require_new_serials,
    require_operator,
    require_registry,
    require_unused_receipt,
)
from chain.credits.rules import is_word
from chain.credits.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="credits",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(conserved, counted, retired, serials_once, offers_secured),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "LOCKED",
    "MODULE",
    "CreditsError",
    "add_receipt",
    "bring_home",
    "bring_in",
    "consume",
    "count_foreign_batches",
    "count_units",
    "find_foreign_batch",
    "get_balance",
    "get_denom",
    "get_foreign",
    "is_new_receipt",
    "is_sound",
    "is_word",
    "list_abroad",
    "require_native",
    "require_new_serials",
    "require_offsetting",
    "require_operator",
    "require_registry",
    "require_unused_receipt",
    "send_abroad",
    "send_home",
    "take_back",
]
