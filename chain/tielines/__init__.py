"""Tie lines: regions, each a chain with a market of its own, trade energy of a slot.

What one region buys the other sells, each at its own price, in its own money, with the account and
the meter that the line has there. Promises that a line never carries more than its capacity,
whatever is pending; that what the other region does not take is traded back, or settled with the
line's own money; and that the other chain can neither hold up this one nor spend what is not the
line's.
"""

from blockenergy.tielines.v1 import query_pb2, tx_pb2

from chain.runtime.module import Module
from chain.tielines import msgs, queries
from chain.tielines.block import begin_block, end_block
from chain.tielines.genesis import validate_genesis
from chain.tielines.invariants import no_placed_orders_left, schedules_traded
from chain.tielines.keeper import TieLinesError, get_account, list_exports
from chain.tielines.packets import APPLICATION, PORT
from chain.tielines.state import SCHEMA

MODULE = Module(
    name="tielines",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    begin_block=begin_block,
    end_block=end_block,
    invariants=(no_placed_orders_left, schedules_traded),
    validate_genesis=validate_genesis,
)

__all__ = ["APPLICATION", "MODULE", "PORT", "TieLinesError", "get_account", "list_exports"]
