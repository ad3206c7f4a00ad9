"""Positions: what an account has bought and sold for a slot, and the one hold that secures it.

Promises that between blocks the hold has exactly what the account has to pay for what it bought,
the cover against using more, and the bond against delivering less; while orders wait for the end
of the block, it has what they put on it as well.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain import bank, registry
from chain.market import feeders
from chain.market.state import OFFERS, PARAMS, POSITIONS, RESTING
from chain.runtime.collections import HasStore
from chain.runtime.context import Context
from chain.runtime.units import ceil_div, floor_div


class Trade(NamedTuple):
    """What one side of a trade comes to.

    amount: to pay or to receive on delivery, grid fee included. feeder: where the energy is used
    or made; empty: at the head of the grid. collateral: what of the hold stands for it, the amount
    to pay left aside.
    """

    is_buy: bool
    quantity_wh: int
    amount: int
    grid_fee: int = 0
    feeder: str = ""
    collateral: int = 0


class Share(NamedTuple):
    """What belongs to a part of the energy that was bought, or sold, in a position."""

    amount: int
    grid_fee: int
    collateral: int


def lock_collateral(ctx: Context, slot: int, owner: bytes, amount: int) -> None:
    """Puts money on the one hold that secures all positions of an account in a slot.

    Refuses if the balance does not cover it.
    """
    position = POSITIONS.get_shared(ctx, (slot, owner))
    if position is None:
        feeder = get_place(ctx, slot, owner)
        hold_id = bank.reserve(ctx, owner, PARAMS.get_shared(ctx).settlement_denom, amount)
        POSITIONS.set(ctx, (slot, owner), state_pb2.Position(hold_id=hold_id, feeder=feeder))
    else:
        bank.extend(ctx, owner, position.hold_id, amount)


def unlock_collateral(ctx: Context, slot: int, owner: bytes, amount: int) -> None:
    """Gives part of that hold back to its owner."""
    bank.release(ctx, owner, require_position(ctx, slot, owner).hold_id, amount)


def get_place(state: HasStore, slot: int, owner: bytes) -> str:
    """The feeder at which an account trades in a slot; empty: at the head of the grid.

    All that it has in a slot stands at one place: its position's, its orders' or its offer's, and
    if it has nothing yet, that of its meters.
    """
    position = POSITIONS.get_shared(state, (slot, owner))
    if position is not None:
        return position.feeder
    offer = OFFERS.get_shared(state, (slot, owner))
    if offer is not None:
        return offer.feeder
    resting = RESTING.get_shared(state, (slot, owner))
    if resting is not None:
        return resting.feeder
    return registry.get_feeder_of(state, owner)


def book_trade(ctx: Context, slot: int, info: state_pb2.Slot, owner: bytes, trade: Trade) -> None:
    """Takes a trade into its owner's position, which is secured, into the sums of the slot, which
    the caller keeps, and into the flows over the feeders.
    """
    add_to_position(ctx, slot, owner, trade)
    add_to_slot(info, trade)
    change_wh = trade.quantity_wh if trade.is_buy else -trade.quantity_wh
    feeders.book_flow(ctx, slot, trade.feeder, change_wh)


def add_to_position(ctx: Context, slot: int, owner: bytes, trade: Trade) -> None:
    """Takes a trade into its owner's position alone, which is secured."""
    position = require_position(ctx, slot, owner)
    assert position.feeder == trade.feeder, "a position is at two places"
    if trade.is_buy:
        position.bought_wh += trade.quantity_wh
        position.cost += trade.amount
        position.grid_fees += trade.grid_fee
        position.buy_collateral += trade.collateral
    else:
        position.sold_wh += trade.quantity_wh
        position.revenue += trade.amount
        position.sold_grid_fees += trade.grid_fee
        position.sell_collateral += trade.collateral
    POSITIONS.set(ctx, (slot, owner), position)


def add_to_slot(info: state_pb2.Slot, trade: Trade) -> None:
    """Takes a trade into the sums of a slot alone."""
    if trade.is_buy:
        info.bought_wh += trade.quantity_wh
        info.cost += trade.amount
    else:
        info.sold_wh += trade.quantity_wh
        info.revenue += trade.amount
    info.grid_fees += trade.grid_fee


def compute_share(position: state_pb2.Position, is_buy: bool, quantity_wh: int) -> Share:
    """The pro-rata part of what was bought, or sold, for some of its energy.

    Rounded down, but for the grid fee, which nobody gets back: rounded up. Taken one after the
    other, the parts of a position add up to it exactly.
    """
    if is_buy:
        whole = position.cost, position.grid_fees, position.buy_collateral
        of_wh = position.bought_wh
    else:
        whole = position.revenue, position.sold_grid_fees, position.sell_collateral
        of_wh = position.sold_wh
    amount, grid_fee, collateral = (part * quantity_wh for part in whole)
    return Share(floor_div(amount, of_wh), ceil_div(grid_fee, of_wh), floor_div(collateral, of_wh))


def take_share(position: state_pb2.Position, is_buy: bool, quantity_wh: int, share: Share) -> None:
    """Takes a part out of a position; the caller keeps the position, its hold and the slot."""
    if is_buy:
        position.bought_wh -= quantity_wh
        position.cost -= share.amount
        position.grid_fees -= share.grid_fee
        position.buy_collateral -= share.collateral
    else:
        position.sold_wh -= quantity_wh
        position.revenue -= share.amount
        position.sold_grid_fees -= share.grid_fee
        position.sell_collateral -= share.collateral


def is_empty(position: state_pb2.Position) -> bool:
    """Whether nothing is bought or sold in a position."""
    return not position.bought_wh and not position.sold_wh


def remove_if_empty(ctx: Context, slot: int, owner: bytes) -> None:
    """Removes a position, and its hold, if nothing is bought or sold in it."""
    position = require_position(ctx, slot, owner)
    if is_empty(position):
        bank.void(ctx, owner, position.hold_id)
        POSITIONS.delete(ctx, (slot, owner))


def require_position(ctx: Context, slot: int, owner: bytes) -> state_pb2.Position:
    """The position of an account; that there is one is a promise of the caller."""
    position = POSITIONS.get(ctx, (slot, owner))
    assert position is not None, "there is no position to secure this trade"
    return position
