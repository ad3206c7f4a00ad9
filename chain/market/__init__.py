"""The market: energy of future slots, bought from and sold to the distribution network's pool.

Promises that the price of a slot falls when more is produced than consumed in it and rises in the
other case, that all orders of a block have one price, that no order is executed beyond its limit,
and that the pool can never lose more than it was funded with.
"""

from blockenergy.market.v1 import query_pb2, tx_pb2

from chain.market import clearing, msgs, queries
from chain.market.auction_invariants import (
    bookings,
    clearings,
    gates,
    resting_accounts,
    resting_orders,
)
from chain.market.block import begin_block, end_block
from chain.market.clearing_proof import verify_record
from chain.market.genesis import validate_genesis, validate_params
from chain.market.invariants import (
    flows,
    funded,
    no_orders_left,
    offers_secured,
    one_place,
    own_holds,
    secured,
    slot_sums,
    solvency,
)
from chain.market.keeper import (
    POOL,
    MarketError,
    get_curve,
    get_first_slot_from,
    get_last_opened,
    get_net_wh,
    get_params,
    get_position,
    get_positions,
    get_price_max,
    get_slot_params,
    iter_slots,
    mark_settled,
    prune,
    remove_slot,
)
from chain.market.orders import Leg, place_linked, place_order
from chain.market.plan import get_plan
from chain.market.pool_money import (
    collect_into_pool,
    get_pool_balance,
    pay_from_pool,
    settle_position,
)
from chain.market.rules import Curve, compute_close_cost
from chain.market.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="market",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    begin_block=begin_block,
    end_block=end_block,
    invariants=(
        no_orders_left,
        slot_sums,
        solvency,
        funded,
        secured,
        offers_secured,
        own_holds,
        flows,
        one_place,
        gates,
        resting_orders,
        resting_accounts,
        clearings,
        bookings,
    ),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "POOL",
    "Curve",
    "Leg",
    "MarketError",
    "clearing",
    "collect_into_pool",
    "compute_close_cost",
    "get_curve",
    "get_first_slot_from",
    "get_last_opened",
    "get_net_wh",
    "get_params",
    "get_plan",
    "get_pool_balance",
    "get_position",
    "get_positions",
    "get_price_max",
    "get_slot_params",
    "iter_slots",
    "mark_settled",
    "pay_from_pool",
    "place_linked",
    "place_order",
    "prune",
    "remove_slot",
    "settle_position",
    "verify_record",
]
