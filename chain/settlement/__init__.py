"""Settlement: after its reading deadline every slot is paid by metered energy.

Promises that each account's slot is settled exactly once, that the lines of a slot and the payments
of the pool, the backstop, the purses, the funds and the treasury add up to zero, that imbalance
payments always cover the cost of the energy outside, that what cannot be collected is owed, not
lost, and that it falls on the default fund, never on what the pool keeps.
"""

from blockenergy.settlement.v1 import query_pb2

from chain.runtime.module import Module
from chain.settlement import lifecycle, queries
from chain.settlement.genesis import validate_genesis, validate_params
from chain.settlement.invariants import (
    carbon_fund,
    carbon_sums,
    deferred_sums,
    emissions_charged,
    feeders,
    in_hand,
    line_sums,
    lines_in_hand,
    lines_rooted,
    pool_cash,
    purses_owed,
    traded,
    transit_agreed,
)
from chain.settlement.keeper import FUND, SettlementError
from chain.settlement.slot.block import end_block
from chain.settlement.slot.emissions import get_use_wh
from chain.settlement.slot.reading import (
    close_window,
    get_claimable,
    get_history_from,
    get_history_slots,
    get_line,
    get_matched_claim_wh,
    get_next_slot,
    make_line_key,
    make_root_key,
    pay_refund,
    read_line_key,
    require_line,
    write_line,
)
from chain.settlement.state import PARAMS, SCHEMA

MODULE = Module(
    name="settlement",
    schema=SCHEMA,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    end_block=end_block,
    invariants=(
        *(pool_cash, purses_owed, line_sums, lines_in_hand, deferred_sums, traded, in_hand),
        *(carbon_fund, carbon_sums, emissions_charged, transit_agreed, lines_rooted, feeders),
    ),
    lifecycles=(lifecycle.STAGE,),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "FUND",
    "MODULE",
    "SettlementError",
    "close_window",
    "get_claimable",
    "get_history_from",
    "get_history_slots",
    "get_line",
    "get_matched_claim_wh",
    "get_next_slot",
    "get_use_wh",
    "make_line_key",
    "make_root_key",
    "pay_refund",
    "read_line_key",
    "require_line",
    "write_line",
]
