"""Curtailment: after gate closure a distributor takes over a share of the positions on a feeder.

The distributor that runs the feeder stands in for the energy at the price that was agreed, and pays
its owner a compensation at once; nothing changes for all others, the pool included. An owner who
still uses or delivers the energy is in imbalance, and the compensation is what that costs. The
distributor has no meters, so that no energy of its own is settled with what it took over: it pays
in all the difference between the highest and the lowest price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, metering, registry
from chain.market import positions, renewable, rules
from chain.market.grid import feeders
from chain.market.keeper import MarketError, get_curve
from chain.market.state import (
    CURTAILMENTS,
    ORDER_IDS,
    PARAMS,
    POSITIONS,
    POSITIONS_BY_FEEDER,
    SLOTS,
)
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div, floor_div

_REASON_BYTES_MAX = 256
_GATE_OPEN = (state_pb2.SLOT_STATUS_OPEN, state_pb2.SLOT_STATUS_CLEARING)


class Part(NamedTuple):
    """What a curtailment takes of one position, which is as it is afterwards.

    due_wh: renewable energy that was sold to buyers of it, now due from the distributor.
    """

    owner: bytes
    position: state_pb2.Position
    is_buy: bool
    quantity_wh: int
    share: positions.Share
    compensation: int
    due_wh: int

    def compute_secured(self) -> int:
        """What of the owner's hold goes over to the distributor's."""
        return self.share.collateral + (self.share.amount if self.is_buy else 0)


def curtail(ctx: Context, msg: tx_pb2.MsgCurtail) -> tx_pb2.MsgCurtailResponse:
    """Takes over a share of all net positions of one side on a feeder and those below it."""
    _validate_basic(msg)
    info = _require_curtailable(ctx, msg)
    parts = _require_parts(ctx, msg, get_curve(info))
    denom = PARAMS.get_shared(ctx).settlement_denom
    needed = sum(part.compute_secured() + part.compensation for part in parts)
    bank.require_balance(ctx, ctx.signer, denom, needed)
    number = ORDER_IDS.next(ctx)
    for part in parts:
        _take_away(ctx, msg.slot, number, part)
        bank.transfer(ctx, ctx.signer, part.owner, denom, part.compensation)
    traded = positions.get_traded(info)
    _take_over(ctx, msg.slot, parts, traded)
    closes_purchase = msg.side == state_pb2.SIDE_SELL
    positions.close_both_sides(ctx, msg.slot, info, ctx.signer, traded, closes_purchase)
    positions.remove_if_empty(ctx, msg.slot, ctx.signer)
    SLOTS.set(ctx, msg.slot, info)
    record = state_pb2.Curtailment(
        distributor=msg.distributor,
        feeder=msg.feeder,
        side=msg.side,
        share_permille=msg.share_permille,
        reason=msg.reason,
        positions=len(parts),
        quantity_wh=sum(part.quantity_wh for part in parts),
        compensation=sum(part.compensation for part in parts),
    )
    CURTAILMENTS.set(ctx, (msg.slot, number), record)
    ctx.emit(
        events_pb2.EventCurtailed(
            curtailment_id=number,
            slot=msg.slot,
            feeder=msg.feeder,
            side=msg.side,
            quantity_wh=record.quantity_wh,
            compensation=record.compensation,
            reason=msg.reason,
        )
    )
    return tx_pb2.MsgCurtailResponse(
        curtailment_id=number,
        quantity_wh=record.quantity_wh,
        compensation=record.compensation,
    )


def _validate_basic(msg: tx_pb2.MsgCurtail) -> None:
    side_known = msg.side in (state_pb2.SIDE_BUY, state_pb2.SIDE_SELL)
    require(side_known, MarketError.SIDE_INVALID)
    require(0 < msg.share_permille <= PERMILLE, MarketError.SHARE_INVALID)
    require(0 < len(msg.reason.encode()) <= _REASON_BYTES_MAX, MarketError.REASON_INVALID)


def _require_curtailable(ctx: Context, msg: tx_pb2.MsgCurtail) -> state_pb2.Slot:
    """The slot; rejects one whose trades are not final or that has ended, an
    unknown feeder, and one that another runs.
    """
    info = SLOTS.get(ctx, msg.slot)
    if info is None:
        raise ChainError(MarketError.SLOT_UNKNOWN)
    end_s = slots.end_s(msg.slot, metering.get_params(ctx).slot_length_s)
    require(ctx.block.time_s < end_s, MarketError.SLOT_OVER)
    require(info.status not in _GATE_OPEN, MarketError.GATE_OPEN)
    feeder = registry.get_feeder(ctx, msg.feeder)
    if feeder is None:
        raise ChainError(registry.RegistryError.FEEDER_UNKNOWN)
    require(feeder.operator == msg.distributor, MarketError.NOT_OPERATOR)
    return info


def _require_parts(ctx: Context, msg: tx_pb2.MsgCurtail, curve: rules.Curve) -> list[Part]:
    """What is taken of each position; rejects if that is nothing."""
    is_buy = msg.side == state_pb2.SIDE_BUY
    parts: list[Part] = []
    for owner, position in _require_positions(ctx, msg.slot, msg.feeder):
        net_wh = position.bought_wh - position.sold_wh
        quantity_wh = floor_div((net_wh if is_buy else -net_wh) * msg.share_permille, PERMILLE)
        # What a distributor took over before stays.
        if quantity_wh <= 0 or owner == ctx.signer:
            continue
        share = positions.compute_share(position, is_buy, quantity_wh)
        compensation = _compute_compensation(is_buy, quantity_wh, share.amount, curve)
        due_wh = _take_share(ctx, msg.slot, position, is_buy, quantity_wh, share)
        parts.append(Part(owner, position, is_buy, quantity_wh, share, compensation, due_wh))
    require(parts, MarketError.NOTHING_TO_CURTAIL)
    return parts


def _compute_compensation(is_buy: bool, quantity_wh: int, amount: int, curve: rules.Curve) -> int:
    """What an owner loses who uses, or delivers, the energy all the same: it then costs the highest
    price, or brings the lowest, instead of what was agreed.
    """
    if is_buy:
        return max(0, ceil_div(quantity_wh * curve.price_high, WH_PER_KWH) - amount)
    return max(0, amount - floor_div(quantity_wh * curve.price_low, WH_PER_KWH))


def _take_share(
    ctx: Context,
    slot: int,
    position: state_pb2.Position,
    is_buy: bool,
    quantity_wh: int,
    share: positions.Share,
) -> int:
    """Takes a share out of a copy of a position; returns the renewable energy due with it."""
    due_wh = 0
    if is_buy:
        renewable.drop_purchases(position, position.bought_wh, quantity_wh)
    else:
        due_wh = renewable.take_sales(ctx, slot, position, position.sold_wh, quantity_wh)
    positions.take_share(position, is_buy, quantity_wh, share)
    return due_wh


def _require_positions(
    ctx: Context, slot: int, feeder: str
) -> Iterator[tuple[bytes, state_pb2.Position]]:
    """Positions at a feeder and at those below it, feeder by feeder from the top down; rejects
    more feeders, or more positions, than one curtailment may look at.
    """
    most = PARAMS.get_shared(ctx).curtailed_positions_max
    positions_seen = 0
    for feeders_seen, name in enumerate(feeders.get_feeders_below(ctx, feeder)):
        require(feeders_seen < most, MarketError.TOO_MANY_POSITIONS, f"max {most}")
        for key in POSITIONS_BY_FEEDER.keys(ctx, under=(slot, name)):
            require(positions_seen < most, MarketError.TOO_MANY_POSITIONS, f"max {most}")
            positions_seen += 1
            position = POSITIONS.get(ctx, key)
            assert position is not None, "an index points to a missing position"
            yield key[1], position


def _take_away(ctx: Context, slot: int, number: int, part: Part) -> None:
    """Takes energy, money and collateral from an owner."""
    POSITIONS.set(ctx, (slot, part.owner), part.position)
    positions.unlock_collateral(ctx, slot, part.owner, part.compute_secured())
    positions.remove_if_empty(ctx, slot, part.owner)
    ctx.emit(
        events_pb2.EventPositionCurtailed(
            curtailment_id=number,
            slot=slot,
            owner=bech32.encode(part.owner),
            quantity_wh=part.quantity_wh,
            amount=part.share.amount,
            compensation=part.compensation,
        )
    )


def _take_over(ctx: Context, slot: int, parts: Sequence[Part], traded: positions.Traded) -> None:
    """Gives the distributor what was taken from all of them, in one trade, and books it at the
    distributor's grid node instead of theirs. The sums of the slot stay as they are.
    """
    secured = sum(part.compute_secured() for part in parts)
    node = positions.lock_collateral(ctx, slot, ctx.signer, secured)
    amount, grid_fee, collateral = (
        sum(values) for values in zip(*[part.share for part in parts], strict=True)
    )
    is_buy = parts[0].is_buy
    quantity_wh = sum(part.quantity_wh for part in parts)
    due_wh = sum(part.due_wh for part in parts)
    trade = positions.Trade(
        is_buy, quantity_wh, amount, traded, grid_fee, node, collateral, due_wh=due_wh
    )
    positions.add_to_position(ctx, slot, ctx.signer, trade)
    changes_wh = {node: quantity_wh}
    for part in parts:
        feeder = part.position.feeder
        changes_wh[feeder] = changes_wh.get(feeder, 0) - part.quantity_wh
    for feeder, change_wh in sorted(changes_wh.items()):
        feeders.book_flow(ctx, slot, feeder, change_wh if is_buy else -change_wh)
