"""What a standing order needs on hold. Nothing here reads state."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.runtime.units import ceil_div

# The gas of looking at a standing order at a gate, and of placing, clearing and booking its limit
# order, by itself and as steps of a linear one. tests/unit/chain/test_work_has_a_price.py.
LOOK_GAS, PLACE_GAS, PLACE_LINEAR_GAS = 2_000, 20_000, 45_000


def compute_worst_case(
    order: state_pb2.StandingOrder, params: state_pb2.Params, price_high: int, backed_wh: int
) -> int:
    """What a new standing order puts on hold: all of it at its limit, with collateral.

    price_high: the highest price of any slot. backed_wh: what the owner's energy sources produce
    at most in one slot; a sale of more is secured in full, and no split over slots makes that part
    larger.
    """
    unbacked_wh = 0
    if order.side == state_pb2.SIDE_SELL:
        beyond_wh = max(0, order.slot_max_wh - backed_wh)
        unbacked_wh = ceil_div(order.left_wh * beyond_wh, order.slot_max_wh)
    reserve = rules.compute_reserve(
        order.side == state_pb2.SIDE_BUY,
        order.left_wh,
        order.price_limit_per_kwh,
        rules.Curve(0, price_high, 0),
        params.imbalance_collateral_permille,
        unbacked_wh,
        params.carbon_cover_per_kwh,
    )
    # In every slot price and collateral are rounded up, by less than one each.
    slots = order.last_slot - order.first_slot + 1
    return max(reserve + 2 * slots, params.order_collateral_min)


def count_placings(gas: int, slots: int, *, is_linear: bool) -> int:
    """In how many slots it can be placed for the gas of its message, which pays for that as well,
    and for looking at it at the gates of all `slots` until the deadline.
    """
    each = PLACE_LINEAR_GAS if is_linear else PLACE_GAS
    return max(0, gas - PLACE_GAS - slots * LOOK_GAS) // each


def is_met(order: state_pb2.StandingOrder, pool_price: rules.Price, median: int | None) -> bool:
    """Whether a slot fits the condition. pool_price: on the line of the pool. median: of the
    forecast of the target, or None if there is none.
    """
    lowest, highest = order.pool_price_min_per_kwh, order.pool_price_max_per_kwh
    if pool_price.floor() < lowest or (highest and pool_price.ceil() > highest):
        return False
    if not order.forecast_target_id:
        return True
    if median is None:
        return False
    limit = order.forecast_limit
    return median <= limit if order.forecast_below else median >= limit
