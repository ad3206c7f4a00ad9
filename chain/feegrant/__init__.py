"""Fee grants: an account pays the fees of another, as far as it allows.

Promises that no fee is taken from an account that has not allowed it, or beyond what it allowed.
"""

from cosmos.feegrant.v1beta1 import feegrant_pb2, query_pb2, tx_pb2

from chain.feegrant import msgs, queries
from chain.feegrant.genesis import validate_genesis
from chain.feegrant.keeper import require_allowance, use
from chain.feegrant.state import SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name=SCHEMA.name,
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    validate_genesis=validate_genesis,
    packed_types=(feegrant_pb2.BasicAllowance,),
)

__all__ = ["MODULE", "require_allowance", "use"]
