"""IBC v2: clients of other chains, packets between them and this one, and money in these.

Promises that nothing of another chain is believed without a proof from a header that its
validators have signed; that a packet is taken once and ended once, whatever relayers do; that what
is ours and elsewhere waits in escrow, and what is another chain's and here is never more than has
come; and that money moves only over clients, in denominations and up to amounts that the authority
has named.
"""

from blockenergy.ibc.v1 import query_pb2, tx_pb2
from ibc.applications.transfer.v1 import query_pb2 as transfer_query_pb2
from ibc.applications.transfer.v1 import tx_pb2 as transfer_tx_pb2
from ibc.core.channel.v2 import query_pb2 as channel_query_pb2
from ibc.core.channel.v2 import tx_pb2 as channel_tx_pb2
from ibc.core.client.v1 import query_pb2 as client_query_pb2
from ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from ibc.core.client.v2 import query_pb2 as client_v2_query_pb2
from ibc.core.client.v2 import tx_pb2 as client_v2_tx_pb2

from chain.ibc import queries
from chain.ibc.applications import Application, Applications
from chain.ibc.channel import TIMEOUT_MAX_S, send, write_answer
from chain.ibc.forms import PROOF_SPECS
from chain.ibc.genesis import validate_genesis, validate_params
from chain.ibc.identifiers import parse_revision
from chain.ibc.invariants import client_count, escrow, receipts, vouchers
from chain.ibc.keeper import STORE, IbcError, require_client, require_connected
from chain.ibc.msgs import Msgs
from chain.ibc.packets import ERROR_ACKNOWLEDGEMENT, Kind, make_key
from chain.ibc.queries import SEQUENCES_MAX
from chain.ibc.state import PARAMS, SCHEMA
from chain.ibc.transfer_data import SUCCESS, get_denom, get_escrow_account
from chain.runtime.module import Module

_QUERIES = (
    query_pb2,
    client_query_pb2,
    client_v2_query_pb2,
    channel_query_pb2,
    transfer_query_pb2,
)
_MESSAGES = (tx_pb2, client_tx_pb2, client_v2_tx_pb2, channel_tx_pb2, transfer_tx_pb2)


def make_module(applications: Applications) -> Module:
    """The module that brings these applications their packets, beside transfers."""
    return Module(
        name="ibc",
        schema=SCHEMA,
        msg_services=tuple(file.DESCRIPTOR.services_by_name["Msg"] for file in _MESSAGES),
        msgs=Msgs(applications),
        query_services=tuple(file.DESCRIPTOR.services_by_name["Query"] for file in _QUERIES),
        queries=queries,
        invariants=(escrow, vouchers, receipts, client_count),
        params=PARAMS,
        validate_params=validate_params,
        validate_genesis=validate_genesis,
    )


__all__ = [
    "ERROR_ACKNOWLEDGEMENT",
    "PROOF_SPECS",
    "SEQUENCES_MAX",
    "STORE",
    "SUCCESS",
    "TIMEOUT_MAX_S",
    "Application",
    "IbcError",
    "Kind",
    "get_denom",
    "get_escrow_account",
    "make_key",
    "make_module",
    "parse_revision",
    "require_client",
    "require_connected",
    "send",
    "write_answer",
]
