"""The market: energy of future slots, traded with the distribution network's pool and others.

Promises that the price of a slot falls when production exceeds consumption and rises otherwise,
that all market orders of a slot in one block have one price, that no order executes beyond its
limit, and that the pool loses no more than it has earned before or was given as a seed.

Each way to trade has a room of its own: market orders with the pool (pool), limit orders in a call
auction (auction), orders that the chain places there slot by slot (standing), offers (offers). They
meet in positions, over the feeders of the grid (grid).
"""

from blockenergy.market.v1 import query_pb2, tx_pb2

from chain.market import clearing, lifecycle, msgs, queries
from chain.market.auction.invariants import (
    bookings,
    clearings,
    gates,
    resting_accounts,
    resting_orders,
)
from chain.market.auction.proof import verify_record
from chain.market.block import begin_block, end_block
from chain.market.genesis import validate_genesis, validate_params
from chain.market.keeper import (
    POOL,
    MarketError,
    get_curve,
    get_gate_closure_s,
    get_last_opened,
    get_net_wh,
    get_params,
    get_position,
    get_positions,
    get_price_max,
    get_slot,
    get_slot_params,
    iter_slots,
    mark_settled,
    note_forecast,
    prune,
    remove_slot,
)
from chain.market.offers.invariants import no_purchases_left, offers_secured
from chain.market.pool.invariants import (
    add_up_purses,
    funded,
    no_orders_left,
    purse_sums,
    solvency,
)
from chain.market.pool.money import (
    collect_into_pool,
    get_pool_balance,
    pay_from_pool,
    settle_position,
)
from chain.market.pool.orders import Leg, place_linked, place_order, take_executed
from chain.market.pool.purse_rules import split_surplus
from chain.market.pool.purses import PURSES_ACCOUNT, get_restored, note_restored, refill_purse
from chain.market.positions.influence import get_opposite_half_wh
from chain.market.positions.invariants import (
    flows,
    one_grid_node,
    one_side,
    own_holds,
    secured,
    slot_sums,
    starts,
)
from chain.market.positions.plan import get_plan
from chain.market.renewable import compute_due_wh, get_due_wh, renewable_trades
from chain.market.rules import (
    Curve,
    compute_close_cost,
    compute_influence_charge,
    compute_reserve,
)
from chain.market.standing.invariants import standing_orders
from chain.market.standing.rules import compute_worst_case as compute_standing_reserve
from chain.market.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE: Module = Module(
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
        purse_sums,
        secured,
        one_side,
        starts,
        offers_secured,
        no_purchases_left,
        own_holds,
        flows,
        one_grid_node,
        gates,
        resting_orders,
        resting_accounts,
        clearings,
        bookings,
        standing_orders,
        renewable_trades,
    ),
    lifecycles=(lifecycle.SLOT, lifecycle.MARKET_ORDER, lifecycle.LIMIT_ORDER),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "POOL",
    "PURSES_ACCOUNT",
    "Curve",
    "Leg",
    "MarketError",
    "add_up_purses",
    "clearing",
    "collect_into_pool",
    "compute_close_cost",
    "compute_due_wh",
    "compute_influence_charge",
    "compute_reserve",
    "compute_standing_reserve",
    "get_curve",
    "get_due_wh",
    "get_gate_closure_s",
    "get_last_opened",
    "get_net_wh",
    "get_opposite_half_wh",
    "get_params",
    "get_plan",
    "get_pool_balance",
    "get_position",
    "get_positions",
    "get_price_max",
    "get_restored",
    "get_slot",
    "get_slot_params",
    "iter_slots",
    "mark_settled",
    "note_forecast",
    "note_restored",
    "pay_from_pool",
    "place_linked",
    "place_order",
    "prune",
    "refill_purse",
    "remove_slot",
    "settle_position",
    "split_surplus",
    "take_executed",
    "verify_record",
]
