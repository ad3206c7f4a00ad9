"""Certificates and credits cross between chains: of this one on others, and of others here.

Promises that each is usable in one place: what leaves is locked here until it comes home, or its
life ends; that no other chain unlocks more than has left over its client, and none makes
certificates or credits of this one; and that what another chain has issued is kept apart, with
where it comes from, and matches no metered use here.
"""

from blockenergy.carbontransfer.v1 import query_pb2, tx_pb2

from chain.carbontransfer import msgs, queries
from chain.carbontransfer.batches import get_escrow_account
from chain.carbontransfer.block import end_block
from chain.carbontransfer.genesis import validate_genesis
from chain.carbontransfer.invariants import (
    credits_abroad,
    foreign_conserved,
    locked_abroad,
    routes_known,
)
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.packets import APPLICATION, PORT
from chain.carbontransfer.state import SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="carbontransfer",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    end_block=end_block,
    invariants=(locked_abroad, credits_abroad, foreign_conserved, routes_known),
    validate_genesis=validate_genesis,
)

__all__ = ["APPLICATION", "MODULE", "PORT", "CarbonTransferError", "get_escrow_account"]
