"""Positions and the hold of each: locking collateral, booking trades, taking shares."""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain import bank, registry
from chain.market.grid import feeders
from chain.market.positions.influence import Traded, note_start
from chain.market.state import OFFERS, PARAMS, POSITIONS, RESTING
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.runtime.units import ceil_div, floor_div


class Trade(NamedTuple):
    """One side of a trade.

    amount: to pay or to receive on delivery, grid fee included. feeder: where the energy is used
    or produced; empty: the grid supply point. collateral: the part of the hold that secures it,
    beside the amount to pay. renewable: by a renewable order. due_wh: renewable energy that is due
    with a sale that was curtailed. traded: in the slot until then.
    """

    is_buy: bool
    quantity_wh: int
    amount: int
    traded: Traded
    grid_fee: int = 0
    feeder: str = ""
    collateral: int = 0
    renewable: bool = False
    due_wh: int = 0


class Share(NamedTuple):
    """What belongs to a part of the energy that was bought, or sold, in a position."""

    amount: int
    grid_fee: int
    collateral: int


def lock_collateral(ctx: Context, slot: int, owner: bytes, amount: int) -> str:
    """Adds to the hold that secures the position of an account in a slot, and makes both if they
    are not there; returns the grid node of the account.

    It rejects an amount that the balance does not cover, before it writes anything.
    """
    position = POSITIONS.get_shared(ctx, (slot, owner))
    if position is not None:
        bank.extend(ctx, owner, position.hold_id, amount)
        return position.feeder
    feeder = _get_grid_node_without_position(ctx, slot, owner)
    hold_id = bank.reserve(ctx, owner, PARAMS.get_shared(ctx).settlement_denom, amount)
    POSITIONS.set(ctx, (slot, owner), state_pb2.Position(hold_id=hold_id, feeder=feeder))
    return feeder


def lock_from_hold(ctx: Context, slot: int, owner: bytes, hold_id: int, amount: int) -> None:
    """Adds part of another hold of the account to the one that secures its position, and makes
    both if they are not there.
    """
    position = POSITIONS.get_shared(ctx, (slot, owner))
    if position is not None:
        bank.move_hold(ctx, owner, hold_id, position.hold_id, amount)
        return
    feeder = _get_grid_node_without_position(ctx, slot, owner)
    own_id = bank.move_hold(ctx, owner, hold_id, 0, amount)
    POSITIONS.set(ctx, (slot, owner), state_pb2.Position(hold_id=own_id, feeder=feeder))


def note_order(ctx: Context, slot: int, owner: bytes, is_buy: bool, change_wh: int) -> None:
    """Counts what is in the orders of this block in the position that secures them."""
    position = require_position(ctx, slot, owner)
    if is_buy:
        position.pending_buy_wh += change_wh
    else:
        position.pending_sell_wh += change_wh
    POSITIONS.set(ctx, (slot, owner), position)


def unlock_collateral(ctx: Context, slot: int, owner: bytes, amount: int) -> None:
    """Releases part of that hold to its owner."""
    bank.release(ctx, owner, require_position(ctx, slot, owner).hold_id, amount)


def get_grid_node(state: HasStore, slot: int, owner: bytes) -> str:
    """The feeder at which an account trades in a slot; empty: the grid supply point.

    An account has one grid node in a slot: that of its position, its offer or its limit orders,
    and if it has none of these, that of its meters.
    """
    position = POSITIONS.get_shared(state, (slot, owner))
    if position is not None:
        return position.feeder
    return _get_grid_node_without_position(state, slot, owner)


def book_trade(ctx: Context, slot: int, info: state_pb2.Slot, owner: bytes, trade: Trade) -> None:
    """Books a trade in its owner's position, which is secured, in the flows over the feeders, and
    in the sums of the slot, which the caller writes.
    """
    add_to_position(ctx, slot, owner, trade)
    add_to_slot(info, trade)
    change_wh = trade.quantity_wh if trade.is_buy else -trade.quantity_wh
    feeders.book_flow(ctx, slot, trade.feeder, change_wh)


def add_to_position(ctx: Context, slot: int, owner: bytes, trade: Trade) -> None:
    """Books a trade in its owner's position alone, which is secured."""
    position = require_position(ctx, slot, owner)
    assert position.feeder == trade.feeder, "a position is at two grid nodes"
    if trade.is_buy:
        position.bought_wh += trade.quantity_wh
        position.cost += trade.amount
        position.grid_fees += trade.grid_fee
        position.buy_collateral += trade.collateral
        position.renewable_bid_wh += trade.quantity_wh if trade.renewable else 0
    else:
        position.sold_wh += trade.quantity_wh
        position.revenue += trade.amount
        position.sold_grid_fees += trade.grid_fee
        position.sell_collateral += trade.collateral
        position.renewable_ask_wh += trade.quantity_wh if trade.renewable else 0
        position.renewable_due_wh += trade.due_wh
    if not (position.bought_wh and position.sold_wh):
        note_start(position, trade.is_buy, trade.quantity_wh, trade.traded)
    POSITIONS.set(ctx, (slot, owner), position)


def add_to_slot(info: state_pb2.Slot, trade: Trade) -> None:
    """Adds a trade to the sums of a slot alone; the caller writes them."""
    if trade.is_buy:
        info.bought_wh += trade.quantity_wh
        info.cost += trade.amount
    else:
        info.sold_wh += trade.quantity_wh
        info.revenue += trade.amount
    info.grid_fees += trade.grid_fee


def compute_share(position: state_pb2.Position, is_buy: bool, quantity_wh: int) -> Share:
    """The pro-rata share of a part of what was bought, or sold.

    Rounded down; the grid fee, which is not refunded, up. Taken one after the other, the shares of
    a position add up to it exactly.
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
    """Subtracts a share from a position; the caller writes position, hold and slot."""
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
    """Whether nothing is bought or sold in a position, nor ordered in this block, nor due of what
    it had sold as renewable.
    """
    traded = position.bought_wh or position.sold_wh
    due = position.renewable_ask_wh or position.renewable_due_wh
    return not (traded or due or position.pending_buy_wh or position.pending_sell_wh)


def remove_if_empty(ctx: Context, slot: int, owner: bytes) -> None:
    """Removes a position, and voids its hold, if there is one and it is empty."""
    position = POSITIONS.get_shared(ctx, (slot, owner))
    if position is not None and is_empty(position):
        bank.void(ctx, owner, position.hold_id)
        POSITIONS.delete(ctx, (slot, owner))


def require_position(ctx: Context, slot: int, owner: bytes) -> state_pb2.Position:
    """The position of an account; that there is one is a promise of the caller."""
    position = POSITIONS.get(ctx, (slot, owner))
    assert position is not None, "there is no position to secure this trade"
    return position


def _get_grid_node_without_position(state: HasStore, slot: int, owner: bytes) -> str:
    offer = OFFERS.get_shared(state, (slot, owner))
    if offer is not None:
        return offer.feeder
    resting = RESTING.get_shared(state, (slot, owner))
    if resting is not None:
        return resting.feeder
    return registry.get_feeder_of(state, owner)
