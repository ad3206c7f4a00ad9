"""Emissions: zones, factors, the carbon price, devices, and the carbon fund.

Promises that a factor and the price of a slot never change once its settlement has begun, that a
charge is that of what was used and not matched, rounded up once, that no more is issued than
certified devices exported by exact readings, and that the carbon fund has exactly what open slots
paid in and was not refunded.

It lies below the settlement, which charges; what is done with certificates lies above it.
"""

from blockenergy.carbon.v1 import query_pb2, tx_pb2
from blockenergy.carbon.v1.state_pb2 import CarbonSlot

from chain.carbon import lifecycle, msgs, queries
from chain.carbon.factors import begin_slot, make_rate
from chain.carbon.fund import FUND, close_slot, fill, refund
from chain.carbon.genesis import validate_genesis, validate_params
from chain.carbon.invariants import begun, charged, claimed_once, sources_known
from chain.carbon.keeper import (
    BookedLine,
    Books,
    CarbonError,
    add_source,
    announce_slot,
    book_lines,
    get_charge_max_per_kwh,
    has_rates,
    issue,
    list_devices_of,
    read_books,
    require_authority,
)
from chain.carbon.reading import (
    add_debt,
    compute_backed_cap_wh,
    compute_delivered_wh,
    find_slot_after,
    get_carbon_slot,
    get_free_wh,
    get_fund_sum,
    get_matched_claim_wh,
    is_in_force,
    list_refunded,
    list_slots,
    prune,
    require_device,
    split_matched_claim,
    withhold,
)
from chain.carbon.rules import (
    Claimable,
    Flows,
    Part,
    Rate,
    compute_charge,
    compute_part,
    split_by_source,
)
from chain.carbon.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="carbon",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(claimed_once, charged, begun, sources_known),
    lifecycles=(lifecycle.DEVICE,),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "FUND",
    "MODULE",
    "BookedLine",
    "Books",
    "CarbonError",
    "CarbonSlot",
    "Claimable",
    "Flows",
    "Part",
    "Rate",
    "add_debt",
    "add_source",
    "announce_slot",
    "begin_slot",
    "book_lines",
    "close_slot",
    "compute_backed_cap_wh",
    "compute_charge",
    "compute_delivered_wh",
    "compute_part",
    "fill",
    "find_slot_after",
    "get_carbon_slot",
    "get_charge_max_per_kwh",
    "get_free_wh",
    "get_fund_sum",
    "get_matched_claim_wh",
    "has_rates",
    "is_in_force",
    "issue",
    "list_devices_of",
    "list_refunded",
    "list_slots",
    "make_rate",
    "prune",
    "read_books",
    "refund",
    "require_authority",
    "require_device",
    "split_by_source",
    "split_matched_claim",
    "withhold",
]
