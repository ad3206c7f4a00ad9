"""Certificates: of each Wh of renewable energy one, in the slot in which it was made.

Promises that of each series what is held, locked, exported, abroad, retired, cancelled, withdrawn
and expired adds up to what was issued; that what another registry issued comes in once, and leaves
once and for good; that a Wh of use is claimed once, and only if exact readings show it; that
refunds are never more than the charge; and that nothing is claimed once the window of a slot has
closed.
"""

from blockenergy.certificates.v1 import query_pb2, tx_pb2

from chain.certificates import msgs, queries
from chain.certificates.abroad import (
    bring_home,
    has_series,
    list_abroad,
    require_leaving,
    send_abroad,
)
from chain.certificates.block import end_block
from chain.certificates.genesis import validate_genesis, validate_params
from chain.certificates.invariants import (
    claims_covered,
    conserved,
    held,
    issued_once,
    locked,
    refunds,
)
from chain.certificates.keeper import CertificatesError, Taken, get_expiry_s
from chain.certificates.state import PARAMS, SCHEMA
from chain.certificates.statement import Shown, Sums, add_up, compute_shown
from chain.runtime.module import Module

MODULE: Module = Module(
    name="certificates",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    end_block=end_block,
    invariants=(conserved, held, issued_once, locked, claims_covered, refunds),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "CertificatesError",
    "Shown",
    "Sums",
    "Taken",
    "add_up",
    "bring_home",
    "compute_shown",
    "get_expiry_s",
    "has_series",
    "list_abroad",
    "require_leaving",
    "send_abroad",
]
