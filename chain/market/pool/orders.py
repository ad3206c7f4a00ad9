"""Placing market orders: they wait for the end of the block, with their worst case on hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank, metering
from chain.market import credit, positions, rules
from chain.market.open_slot import (
    OpenSlot,
    require_headroom,
    require_open_slot,
    require_price_limit,
    require_quantity,
)
from chain.market.state import EXECUTED, ORDER_IDS, ORDERS, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


class Leg(NamedTuple):
    """An order to be placed; limit: the worst price per kWh, grid fees included."""

    side: state_pb2.Side
    slot: int
    quantity_wh: int
    limit: int


def place_order(
    ctx: Context,
    owner: bytes,
    side: state_pb2.Side,
    slot: int,
    quantity_wh: int,
    limit: int,
    *,
    reported: bool = False,
) -> int:
    """Places an order at no worse than a limit per kWh, grid fees included; returns its number.

    reported: `take_executed` tells at the end of the block what became of it.
    """
    leg = Leg(side, slot, quantity_wh, limit)
    [order_id] = _place(ctx, owner, [leg], link=0, reported=reported)
    return order_id


def take_executed(ctx: Context, order_id: int) -> int:
    """What was executed in this block of an order that is reported, in Wh; told once."""
    executed_wh = EXECUTED.get(ctx, order_id) or 0
    if executed_wh:
        EXECUTED.delete(ctx, order_id)
    return executed_wh


def place_linked(ctx: Context, owner: bytes, legs: Sequence[Leg]) -> list[int]:
    """Places orders that are executed all or none, and each whole; returns their numbers.

    It rejects all of them before it writes anything.
    """
    return _place(ctx, owner, legs, link=ORDER_IDS.last(ctx) + 1)


def add_order(ctx: Context, slot: int, owner: bytes, order: state_pb2.Order) -> int:
    """Locks what the order reserves and adds it to those of the block; returns its number.

    It rejects an amount that the balance does not cover, before it writes anything.
    """
    order.feeder = positions.lock_collateral(ctx, slot, owner, order.reserved)
    if not order.cancels:
        is_buy = order.side == state_pb2.SIDE_BUY
        positions.note_order(ctx, slot, owner, is_buy, order.quantity_wh)
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


def _place(
    ctx: Context, owner: bytes, legs: Sequence[Leg], link: int, reported: bool = False
) -> list[int]:
    metering.require_speaking(ctx, owner)
    slots: dict[int, OpenSlot] = {}
    orders = [_prepare(ctx, slots, owner, leg, link) for leg in legs]
    for order in orders:
        order.reported = reported
    if len(orders) > 1:
        denom = slots[legs[0].slot].params.settlement_denom
        bank.require_balance(ctx, owner, denom, sum(order.reserved for order in orders))
    order_ids = [
        add_order(ctx, leg.slot, owner, order) for leg, order in zip(legs, orders, strict=True)
    ]
    for number, slot in slots.items():
        SLOTS.set(ctx, number, slot.info)
    return order_ids


def _prepare(
    ctx: Context, slots: dict[int, OpenSlot], owner: bytes, leg: Leg, link: int
) -> state_pb2.Order:
    """The order of a leg, counted in its slot, which the caller writes; rejects an invalid one."""
    credit.require_credit(ctx, owner)
    slot = slots.get(leg.slot) or require_open_slot(ctx, leg.slot, ctx.block.time_s)
    require_quantity(slot, leg.quantity_wh)
    require_price_limit(slot, leg.limit)
    require_headroom(slot, leg.quantity_wh)
    credit.require_minimum(slot, leg.quantity_wh)
    is_buy = leg.side == state_pb2.SIDE_BUY
    unbacked_wh = credit.require_within_connections(ctx, slot, owner, is_buy, leg.quantity_wh)
    slot.info.pending_wh += leg.quantity_wh
    slots[leg.slot] = slot
    return state_pb2.Order(
        owner=bech32.encode(owner),
        side=leg.side,
        quantity_wh=leg.quantity_wh,
        price_limit_per_kwh=leg.limit,
        reserved=rules.compute_reserve(
            is_buy,
            leg.quantity_wh,
            leg.limit,
            slot.curve,
            slot.params.imbalance_collateral_permille,
            unbacked_wh,
            slot.params.carbon_cover_per_kwh,
        ),
        link=link,
        unbacked_wh=unbacked_wh,
    )
