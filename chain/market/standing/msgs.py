"""Messages: placing a standing order, and taking it back."""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, metering, registry
from chain.market import credit, positions
from chain.market.auction import limit_orders
from chain.market.keeper import MarketError, get_gate_closure_s, get_price_max
from chain.market.standing import rules
from chain.market.standing.keeper import end
from chain.market.state import (
    PARAMS,
    STANDING_ORDER_IDS,
    STANDING_ORDERS,
    STANDING_ORDERS_BY_OWNER,
)
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.gas import compute_message_gas


def place_standing_order(
    ctx: Context, msg: tx_pb2.MsgPlaceStandingOrder
) -> tx_pb2.MsgPlaceStandingOrderResponse:
    """Places an order that the chain carries out slot by slot."""
    require(msg.side in limit_orders.ROLES, MarketError.SIDE_INVALID)
    registry.require_permission(ctx, ctx.signer, limit_orders.ROLES[msg.side])
    credit.require_credit(ctx, ctx.signer)
    metering.require_speaking(ctx, ctx.signer)
    order = state_pb2.StandingOrder(
        owner=msg.owner,
        side=msg.side,
        left_wh=msg.quantity_wh,
        slot_max_wh=msg.slot_max_wh,
        price_limit_per_kwh=msg.price_limit_per_kwh,
        full_price_per_kwh=msg.full_price_per_kwh,
        first_slot=_find_first_slot(ctx, msg),
        last_slot=msg.last_slot,
        pool_price_min_per_kwh=msg.pool_price_min_per_kwh,
        pool_price_max_per_kwh=msg.pool_price_max_per_kwh,
        forecast_target_id=msg.forecast_target_id,
        forecast_limit=msg.forecast_limit,
        forecast_below=msg.forecast_below,
    )
    params = PARAMS.get_shared(ctx)
    _require_quantity(order, params)
    _require_prices(ctx, order, params)
    _require_condition(order)
    order.placings_left = _count_placings(ctx, msg)
    backed_wh = _require_connection(ctx, order)
    _require_not_too_many(ctx, params)
    reserve = rules.compute_worst_case(order, params, get_price_max(ctx), backed_wh)
    denom, deposit = params.settlement_denom, bank.get_deposit(ctx)
    order.hold_id = bank.reserve(ctx, ctx.signer, denom, reserve, deposit=deposit)
    order_id = STANDING_ORDER_IDS.next(ctx)
    STANDING_ORDERS.set(ctx, order_id, order)
    ctx.emit(
        events_pb2.EventStandingOrderPlaced(
            standing_order_id=order_id,
            owner=msg.owner,
            side=msg.side,
            quantity_wh=msg.quantity_wh,
            last_slot=msg.last_slot,
        )
    )
    return tx_pb2.MsgPlaceStandingOrderResponse(standing_order_id=order_id)


def cancel_standing_order(
    ctx: Context, msg: tx_pb2.MsgCancelStandingOrder
) -> tx_pb2.MsgCancelStandingOrderResponse:
    """Takes a standing order back and releases its hold."""
    order = STANDING_ORDERS.get(ctx, msg.standing_order_id)
    if order is None or order.owner != msg.owner:
        raise ChainError(MarketError.STANDING_ORDER_UNKNOWN)
    end(ctx, msg.standing_order_id, order, cancelled=True)
    return tx_pb2.MsgCancelStandingOrderResponse()


def _find_first_slot(ctx: Context, msg: tx_pb2.MsgPlaceStandingOrder) -> int:
    """The first slot that can be traded; rejects a deadline before it, past, or too far ahead."""
    params, length_s = PARAMS.get_shared(ctx), metering.get_params(ctx).slot_length_s
    now = slots.slot_at(ctx.block.time_s, length_s)
    furthest = now + params.standing_slots_max
    ahead = msg.first_slot <= msg.last_slot <= furthest
    require(ahead, MarketError.DEADLINE_INVALID, f"up to slot {furthest}")
    gate_s = get_gate_closure_s(ctx, msg.last_slot)
    require(ctx.block.time_s < gate_s, MarketError.DEADLINE_INVALID)
    return max(msg.first_slot, now + 1)


def _count_placings(ctx: Context, msg: tx_pb2.MsgPlaceStandingOrder) -> int:
    """How often the gas of the message pays for placing it, beside a look at each gate."""
    now = slots.slot_at(ctx.block.time_s, metering.get_params(ctx).slot_length_s)
    gas, ahead = compute_message_gas(msg), msg.last_slot - now
    return rules.count_placings(gas, ahead, is_linear=msg.full_price_per_kwh != 0)


def _require_quantity(order: state_pb2.StandingOrder, params: state_pb2.Params) -> None:
    """Rejects quantities that no limit order may have, or that cannot be reached in time."""
    require(order.left_wh, MarketError.QUANTITY_ZERO)
    lowest, highest = params.order_min_wh, min(params.order_max_wh, order.left_wh)
    within = lowest <= order.slot_max_wh <= highest
    require(within, MarketError.SLOT_QUANTITY_INVALID, f"{lowest} to {highest} Wh")
    most_wh = order.slot_max_wh * (order.last_slot - order.first_slot + 1)
    reached = order.left_wh <= most_wh
    require(reached, MarketError.SLOT_QUANTITY_INVALID, f"{most_wh} Wh by the deadline")


def _require_prices(ctx: Context, order: state_pb2.StandingOrder, params: state_pb2.Params) -> None:
    """Rejects limits outside the prices of new slots, and a linear order where there is none."""
    low, high = params.price_low_per_kwh, params.price_high_per_kwh
    limit, full = order.price_limit_per_kwh, order.full_price_per_kwh
    in_range = low <= limit <= high
    detail = f"{low} to {high} millionths per kWh"
    require(in_range, MarketError.PRICE_LIMIT_INVALID, detail)
    if full:
        beyond = full < limit if order.side == state_pb2.SIDE_BUY else full > limit
        require(beyond and low <= full <= high, MarketError.LINEAR_ORDER_INVALID)
    sample = state_pb2.LimitOrder(
        side=order.side,
        full_price_per_kwh=full,
        feeder=positions.get_grid_node(ctx, order.first_slot, ctx.signer),
    )
    limit_orders.require_valid_attributes(ctx, sample)


def _require_condition(order: state_pb2.StandingOrder) -> None:
    highest = order.pool_price_max_per_kwh
    possible = not highest or order.pool_price_min_per_kwh <= highest
    has_target = order.forecast_target_id or not (order.forecast_limit or order.forecast_below)
    require(possible and has_target, MarketError.CONDITION_INVALID)


def _require_connection(ctx: Context, order: state_pb2.StandingOrder) -> int:
    """Rejects more per slot than the owner's connections carry; returns what its energy sources
    back.
    """
    connections = registry.get_connections(ctx, ctx.signer)
    most_wh = metering.compute_slot_energy_wh(ctx, connections.capacity_w)
    carried = order.slot_max_wh <= most_wh
    require(carried, MarketError.BEYOND_CONNECTION, f"{most_wh} Wh in a slot")
    return metering.compute_slot_energy_wh(ctx, connections.source_capacity_w)


def _require_not_too_many(ctx: Context, params: state_pb2.Params) -> None:
    """Rejects one more than there may be, in all and of the signer."""
    most, most_own = params.standing_orders_max, params.standing_orders_per_owner_max
    count = sum(1 for _ in STANDING_ORDERS.items(ctx))
    require(count < most, MarketError.TOO_MANY_ORDERS, f"max {most} standing orders")
    own = sum(1 for _ in STANDING_ORDERS_BY_OWNER.keys(ctx, ctx.signer))
    require(own < most_own, MarketError.TOO_MANY_ORDERS, f"max {most_own} of one account")
