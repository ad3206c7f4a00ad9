"""Placing market orders: they wait for the end of the block, with their worst case on hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blockenergy.market.v1 import events_pb2, state_pb2

from chain.market import positions, rules
from chain.market.keeper import (
    MarketError,
    get_curve,
    get_position,
    require_headroom,
    require_price_limit,
    require_quantity,
    require_takes_orders,
)
from chain.market.state import ORDER_IDS, ORDERS, PARAMS, SLOTS
from chain.runtime import bech32
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.units import WH_PER_KWH, ceil_div


class Leg(NamedTuple):
    """One of several orders that are executed all or none; the limit is per kWh."""

    is_buy: bool
    slot: int
    quantity_wh: int
    limit: int


def place_order(
    ctx: Context, owner: bytes, is_buy: bool, slot: int, quantity_wh: int, limit: int
) -> int:
    """Places an order at no worse than a limit per kWh, grid fees included; returns its number."""
    return _place(ctx, owner, Leg(is_buy, slot, quantity_wh, limit), link=0)


def place_linked(ctx: Context, owner: bytes, legs: Sequence[Leg]) -> list[int]:
    """Places orders that are executed all or none, and each whole; returns their numbers."""
    first = ORDER_IDS.last(ctx) + 1
    return [_place(ctx, owner, leg, link=first) for leg in legs]


def place_cancellation(
    ctx: Context, owner: bytes, is_bought: bool, slot: int, quantity_wh: int, limit: int
) -> int:
    """Places an order that takes back part of what was bought, or sold; returns its number."""
    _require_order(ctx, PARAMS.get_shared(ctx), slot, quantity_wh, limit)
    position = get_position(ctx, slot, owner)
    if position is None:
        raise ChainError(MarketError.POSITION_UNKNOWN)
    in_position_wh = position.bought_wh if is_bought else position.sold_wh
    enough = quantity_wh <= in_position_wh
    require(enough, MarketError.POSITION_TOO_SMALL, f"{in_position_wh} Wh")
    order = state_pb2.Order(
        owner=bech32.encode(owner),
        # Who takes back what was bought sells it.
        side=state_pb2.SIDE_SELL if is_bought else state_pb2.SIDE_BUY,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        reserved=compute_largest_loss(position, is_bought, quantity_wh, limit),
        cancels=True,
    )
    return _add(ctx, owner, slot, order)


def compute_largest_loss(
    position: state_pb2.Position, is_bought: bool, quantity_wh: int, limit: int
) -> int:
    """What cancelling can cost beyond what is on hold for the position.

    What was bought is on hold, and there is no more to lose. What was sold may have to be bought
    back at the limit, and its grid fee is paid in any case.
    """
    if is_bought:
        return 0
    share = positions.compute_share(position, False, quantity_wh)
    payment = ceil_div(quantity_wh * limit, WH_PER_KWH)
    return max(share.grid_fee, payment - share.amount)


def _place(ctx: Context, owner: bytes, leg: Leg, link: int) -> int:
    params = PARAMS.get_shared(ctx)
    info = _require_order(ctx, params, leg.slot, leg.quantity_wh, leg.limit)
    require_headroom(params, info, leg.quantity_wh)
    reserved = rules.compute_reserve(
        leg.is_buy,
        leg.quantity_wh,
        leg.limit,
        get_curve(info),
        params.imbalance_collateral_permille,
    )
    order = state_pb2.Order(
        owner=bech32.encode(owner),
        side=state_pb2.SIDE_BUY if leg.is_buy else state_pb2.SIDE_SELL,
        quantity_wh=leg.quantity_wh,
        price_limit_per_kwh=leg.limit,
        reserved=reserved,
        link=link,
    )
    order_id = _add(ctx, owner, leg.slot, order)
    info.pending_wh += leg.quantity_wh
    SLOTS.set(ctx, leg.slot, info)
    return order_id


def _require_order(
    ctx: Context, params: state_pb2.Params, slot: int, quantity_wh: int, limit: int
) -> state_pb2.Slot:
    """The slot of an order that can be placed; refuses any other."""
    require_quantity(params, quantity_wh)
    info = require_takes_orders(ctx, slot, ctx.block.time_s)
    require_price_limit(get_curve(info), limit)
    return info


def _add(ctx: Context, owner: bytes, slot: int, order: state_pb2.Order) -> int:
    """Reserves what the order needs and adds it to those of the block."""
    positions.lock_collateral(ctx, slot, owner, order.reserved)
    order.feeder = positions.get_place(ctx, slot, owner)
    order_id = ORDER_IDS.next(ctx)
    ORDERS.set(ctx, (slot, order_id), order)
    ctx.emit(
        events_pb2.EventOrderPlaced(
            order_id=order_id,
            slot=slot,
            owner=order.owner,
            side=order.side,
            quantity_wh=order.quantity_wh,
            price_limit_per_kwh=order.price_limit_per_kwh,
            cancels=order.cancels,
            link=order.link,
        )
    )
    return order_id
