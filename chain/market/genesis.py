"""Checks of the market's part of a genesis document."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain import bank, metering, registry
from chain.market.auction.full_book import LINEAR_ORDERS_MAX
from chain.market.pool.purse_rules import compute_cap
from chain.market.pool.purses import get_terms
from chain.market.positions.influence import TRADED_MAX_WH
from chain.market.rules import ORDERS_PER_SLOT_MAX, PRICE_MAX
from chain.market.standing.genesis import (
    STANDING_ORDERS_CEILING,
    STANDING_SLOTS_CEILING,
    validate_standing_orders,
)
from chain.market.state import (
    BOOKING,
    FLOWS,
    LAST_CLEARED,
    LAST_SLOT,
    LIMIT_ORDERS,
    OFFERS,
    ORDER_IDS,
    PARAMS,
    POSITIONS,
    PURSES,
    SLOTS,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import PERMILLE, WH_PER_KWH

_DECIMALS = 6
_STATUSES = frozenset(state_pb2.SlotStatus.values()) - {0}
_DEPTH_MAX_WH = 10**15
# All orders of a slot together stay below TRADED_MAX_WH, however low prices are.
_ORDER_MAX_WH = 10**13
_PURSES_MAX = 10_000
# Sums of money have 64 bits in state; so has what two such sums come to.
_SLOT_VALUE_MAX = 1 << 62
# Each may cost one more clearing of all orders.
_MINIMUM_QUANTITY_ORDERS_MAX = 1_000
# The gas of a curtailment stands for that many.
_CURTAILED_POSITIONS_MAX = 1_000
_LATE_MAX_S = 1 << 40
# Minimum and maximum of each parameter.
_LIMITS = {
    "depth_max_wh": (1, _DEPTH_MAX_WH),
    "purses": (1, _PURSES_MAX),
    "purse_share_permille": (1, PERMILLE),
    "surplus_share_permille": (0, PERMILLE),
    "order_max_wh": (1, _ORDER_MAX_WH),
    "imbalance_collateral_permille": (0, PERMILLE),
    "horizon_slots": (1, 10_000),
    "slots_opened_per_block_max": (1, 10_000),
    "price_rule_permille": (0, PERMILLE),
    "resting_orders_max": (1, ORDERS_PER_SLOT_MAX),
    "resting_orders_per_owner_max": (1, ORDERS_PER_SLOT_MAX),
    "minimum_quantity_orders_max": (1, _MINIMUM_QUANTITY_ORDERS_MAX),
    "bookings_per_block_max": (1, 1_000_000),
    "curtailed_positions_max": (1, _CURTAILED_POSITIONS_MAX),
    "order_min_wh": (1, _ORDER_MAX_WH),
    "order_collateral_min": (0, _SLOT_VALUE_MAX),
    "late_cancellation_s": (0, _LATE_MAX_S),
    "late_cancellation_fee_per_kwh": (0, PRICE_MAX),
    "carbon_cover_per_kwh": (0, PRICE_MAX),
    "credit_limit": (0, _SLOT_VALUE_MAX),
    "standing_orders_max": (0, STANDING_ORDERS_CEILING),
    "standing_orders_per_owner_max": (0, STANDING_ORDERS_CEILING),
    "standing_slots_max": (0, STANDING_SLOTS_CEILING),
}
# Maxima of slots, independent of the parameters when they were opened.
_SLOT_LIMITS = {
    "price_high_per_kwh": PRICE_MAX,
    "depth_wh": _DEPTH_MAX_WH,
    "resting_orders": ORDERS_PER_SLOT_MAX,
    "minimum_quantity_orders": _MINIMUM_QUANTITY_ORDERS_MAX,
    "linear_orders": LINEAR_ORDERS_MAX,
    "traded_buy_wh": TRADED_MAX_WH,
    "traded_sell_wh": TRADED_MAX_WH,
}


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless parameters make sense, those of older slots included."""
    for params in PARAMS.list_all(state):
        _validate_accounts(state, params)
        _validate_limits(state, params)


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless collections are consistent."""
    _validate_slots(state)
    _validate_purses(state)
    _validate_references(state)
    validate_standing_orders(state)


def _validate_accounts(state: HasStore, params: state_pb2.Params) -> None:
    denom = bank.get_denom(state, params.settlement_denom)
    if denom is None or denom.decimals != _DECIMALS:
        raise GenesisError("market.params.settlement_denom: not a denomination of six decimals")
    for name in ("treasury", "grid_account"):
        if not registry.is_participant(state, bech32.decode(getattr(params, name))):
            raise GenesisError(f"market.params.{name}: not a participant")


def _validate_limits(state: HasStore, params: state_pb2.Params) -> None:
    if not 0 <= params.price_low_per_kwh < params.price_high_per_kwh <= PRICE_MAX:
        raise GenesisError("market.params: price_low_per_kwh is not below price_high_per_kwh")
    for name, (lowest, highest) in _LIMITS.items():
        if not lowest <= getattr(params, name) <= highest:
            raise GenesisError(f"market.params.{name}: {lowest} to {highest} is expected")
    if params.order_min_wh > params.order_max_wh:
        raise GenesisError("market.params.order_min_wh: above order_max_wh")
    width = params.price_high_per_kwh - params.price_low_per_kwh
    if 4 * params.margin_max_per_kwh > width:
        raise GenesisError("market.params.margin_max_per_kwh: more than a quarter of the prices")
    if compute_cap(get_terms(params)) * params.purses > _SLOT_VALUE_MAX:
        raise GenesisError("market.params.depth_max_wh: the purses would hold too much")
    price = params.price_high_per_kwh + params.carbon_cover_per_kwh
    if ORDERS_PER_SLOT_MAX * params.order_max_wh * price > _SLOT_VALUE_MAX * WH_PER_KWH:
        raise GenesisError(
            "market.params: order_max_wh times price_high_per_kwh and carbon_cover_per_kwh is too "
            "large"
        )
    horizon_s = params.horizon_slots * metering.get_params(state).slot_length_s
    if params.gate_closure_s >= horizon_s:
        raise GenesisError("market.params.gate_closure_s: no slot within the horizon is ever open")


def _validate_slots(state: HasStore) -> None:
    last = LAST_SLOT.last(state)
    for slot, info in SLOTS.items(state):
        if info.status not in _STATUSES:
            raise GenesisError(f"market.slots {slot}: the status is missing")
        if slot > last:
            raise GenesisError(f"market.slots {slot}: after last_slot, it would be opened again")
        _validate_sizes(state, slot, info)
    if LAST_CLEARED.last(state) > last:
        raise GenesisError("market.last_cleared: after last_slot")
    booking = BOOKING.get(state)
    if booking.slot:
        booked = SLOTS.get(state, booking.slot)
        if booked is None or booked.status != state_pb2.SLOT_STATUS_CLEARING:
            raise GenesisError("market.booking: its slot is not being cleared")


def _validate_purses(state: HasStore) -> None:
    count = PARAMS.get(state).purses
    total = 0
    for number, purse in PURSES.items(state):
        if number >= count:
            raise GenesisError(f"market.purses {number}: there are {count}")
        total += max(getattr(purse, field.name) for field in purse.DESCRIPTOR.fields)
    if total > _SLOT_VALUE_MAX:
        raise GenesisError("market.purses: too much altogether")


def _validate_sizes(state: HasStore, slot: int, info: state_pb2.Slot) -> None:
    """The sums of a slot are within what trading could reach."""
    for name, highest in _SLOT_LIMITS.items():
        if getattr(info, name) > highest:
            raise GenesisError(f"market.slots {slot}: {name} is above {highest}")
    if info.price_low_per_kwh > info.price_high_per_kwh:
        raise GenesisError(f"market.slots {slot}: price_low_per_kwh is above price_high_per_kwh")
    if 4 * info.margin_per_kwh > info.price_high_per_kwh - info.price_low_per_kwh:
        raise GenesisError(f"market.slots {slot}: margin_per_kwh is too large for its prices")
    traded_wh = max(info.bought_wh, info.sold_wh)
    if info.status == state_pb2.SLOT_STATUS_OPEN:
        traded_wh += _add_up_resting(state, slot, info)
    if traded_wh * info.price_high_per_kwh > _SLOT_VALUE_MAX * WH_PER_KWH:
        raise GenesisError(f"market.slots {slot}: the energy that is traded is worth too much")


def _add_up_resting(state: HasStore, slot: int, info: state_pb2.Slot) -> int:
    """The Wh of all limit orders of an open slot; each can be cleared and booked."""
    total_wh = 0
    for order_id, order in LIMIT_ORDERS.under(slot).items(state):
        if not order.hold_id or not _is_clearable(order, info):
            raise GenesisError(f"market.limit_orders {slot}, {order_id}: not a resting order")
        total_wh += order.quantity_wh
    return total_wh


def _is_clearable(order: state_pb2.LimitOrder, info: state_pb2.Slot) -> bool:
    """Whether an order could have been placed as it is."""
    low, high = info.price_low_per_kwh, info.price_high_per_kwh
    limit, full = order.price_limit_per_kwh, order.full_price_per_kwh
    is_buy = order.side == state_pb2.SIDE_BUY
    if not is_buy and order.side != state_pb2.SIDE_SELL:
        return False
    if full and (order.minimum_acceptable_wh or not (full < limit if is_buy else full > limit)):
        return False
    in_range = low <= limit <= high and low <= (full or limit) <= high
    return in_range and 0 < order.quantity_wh >= order.minimum_acceptable_wh


def _validate_references(state: HasStore) -> None:
    """Feeders are registered, orders and offers belong to slots on record, numbers were given."""
    for (slot, order_id), order in LIMIT_ORDERS.items(state):
        # Numbers begin with 1: one in front of it would never be booked.
        if not 0 < order_id <= ORDER_IDS.last(state):
            raise GenesisError(f"market.limit_orders {slot}, {order_id}: no number that was given")
        if order.hold_id and not SLOTS.has(state, slot):
            raise GenesisError(f"market.limit_orders {slot}, {order_id}: the slot is not on record")
    for slot, _ in (key for key, _ in OFFERS.items(state)):
        if not SLOTS.has(state, slot):
            raise GenesisError(f"market.offers {slot}: the slot is not on record")
    named = {name for (_, name), _ in FLOWS.items(state)}
    named |= {position.feeder for _, position in POSITIONS.items(state)}
    named |= {offer.feeder for _, offer in OFFERS.items(state)}
    named |= {order.feeder for _, order in LIMIT_ORDERS.items(state)}
    for name in sorted(named - {""}):
        if registry.get_feeder(state, name) is None:
            raise GenesisError(f"market: there is no feeder {name}")
