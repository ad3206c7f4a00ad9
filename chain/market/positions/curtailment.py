"""Curtailment: after gate closure a distributor takes over a share of the positions on a feeder.

The distributor stands in for the energy at the price that was agreed, and pays its owner a
compensation at once; nothing changes for all others, the pool included. An owner who still uses or
delivers the energy is in imbalance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, metering, registry
from chain.market import positions, rules
from chain.market.grid import feeders
from chain.market.keeper import MarketError
from chain.market.state import (
    CURTAILMENTS,
    ORDER_IDS,
    PARAMS,
    POSITIONS,
    POSITIONS_BY_FEEDER,
    SLOTS,
)
from chain.runtime import bech32, slots
from chain.runtime.collections import HasStore
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div, floor_div

_REASON_BYTES_MAX = 256
_GATE_OPEN = (state_pb2.SLOT_STATUS_OPEN, state_pb2.SLOT_STATUS_CLEARING)


class Part(NamedTuple):
    """What a curtailment takes of one position."""

    owner: bytes
    is_buy: bool
    quantity_wh: int
    share: positions.Share
    compensation: int

    def compute_secured(self) -> int:
        """What of the owner's hold goes over to the distributor's."""
        return self.share.collateral + (self.share.amount if self.is_buy else 0)


def curtail(ctx: Context, msg: tx_pb2.MsgCurtail) -> tx_pb2.MsgCurtailResponse:
    """Takes over a share of all net positions of one side on a feeder and those below it."""
    _validate_basic(msg)
    _require_curtailable(ctx, msg)
    parts = _require_parts(ctx, msg)
    denom = PARAMS.get_shared(ctx).settlement_denom
    needed = sum(part.compute_secured() + part.compensation for part in parts)
    bank.require_balance(ctx, ctx.signer, denom, needed)
    number = ORDER_IDS.next(ctx)
    for part in parts:
        _take_over(ctx, msg.slot, number, part)
        bank.transfer(ctx, ctx.signer, part.owner, denom, part.compensation)
    record = state_pb2.Curtailment(
        distributor=msg.distributor,
        feeder=msg.feeder,
        side=msg.side,
        share_permille=msg.share_permille,
        compensation_per_kwh=msg.compensation_per_kwh,
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
    price_fits = msg.compensation_per_kwh <= rules.PRICE_MAX
    require(price_fits, MarketError.COMPENSATION_INVALID, f"max {rules.PRICE_MAX}")


def _require_curtailable(ctx: Context, msg: tx_pb2.MsgCurtail) -> None:
    """Rejects a slot whose trades are not final or that has ended, and an unknown feeder."""
    info = SLOTS.get_shared(ctx, msg.slot)
    if info is None:
        raise ChainError(MarketError.SLOT_UNKNOWN)
    end_s = slots.end_s(msg.slot, metering.get_params(ctx).slot_length_s)
    require(ctx.block.time_s < end_s, MarketError.SLOT_OVER)
    require(info.status not in _GATE_OPEN, MarketError.GATE_OPEN)
    known = registry.get_feeder(ctx, msg.feeder) is not None
    require(known, registry.RegistryError.FEEDER_UNKNOWN)


def _require_parts(ctx: Context, msg: tx_pb2.MsgCurtail) -> list[Part]:
    """What is taken of each position; rejects if that is nothing, or too many positions."""
    max_parts = PARAMS.get_shared(ctx).curtailed_positions_max
    is_buy = msg.side == state_pb2.SIDE_BUY
    parts: list[Part] = []
    for owner, position in _iter_positions(ctx, msg.slot, msg.feeder):
        net_wh = position.bought_wh - position.sold_wh
        quantity_wh = floor_div((net_wh if is_buy else -net_wh) * msg.share_permille, PERMILLE)
        # A distributor's own position stays.
        if quantity_wh <= 0 or owner == ctx.signer:
            continue
        require(len(parts) < max_parts, MarketError.TOO_MANY_POSITIONS, f"max {max_parts}")
        share = positions.compute_share(position, is_buy, quantity_wh)
        compensation = ceil_div(msg.compensation_per_kwh * quantity_wh, WH_PER_KWH)
        parts.append(Part(owner, is_buy, quantity_wh, share, compensation))
    require(parts, MarketError.NOTHING_TO_CURTAIL)
    return parts


def _iter_positions(
    state: HasStore, slot: int, feeder: str
) -> Iterator[tuple[bytes, state_pb2.Position]]:
    """Positions at a feeder and at those below it, feeder by feeder from the top down."""
    for name in feeders.get_feeders_below(state, feeder):
        for key in POSITIONS_BY_FEEDER.keys(state, under=(slot, name)):
            position = POSITIONS.get(state, key)
            assert position is not None, "an index points to a missing position"
            yield key[1], position


def _take_over(ctx: Context, slot: int, number: int, part: Part) -> None:
    """Moves energy, money and collateral from an owner to the distributor. The sums of the slot
    stay as they are.
    """
    position = positions.require_position(ctx, slot, part.owner)
    positions.take_share(position, part.is_buy, part.quantity_wh, part.share)
    POSITIONS.set(ctx, (slot, part.owner), position)
    secured = part.compute_secured()
    positions.unlock_collateral(ctx, slot, part.owner, secured)
    positions.remove_if_empty(ctx, slot, part.owner)
    node = positions.lock_collateral(ctx, slot, ctx.signer, secured)
    amount, grid_fee, collateral = part.share
    trade = positions.Trade(part.is_buy, part.quantity_wh, amount, grid_fee, node, collateral)
    positions.add_to_position(ctx, slot, ctx.signer, trade)
    change_wh = part.quantity_wh if part.is_buy else -part.quantity_wh
    feeders.book_flow(ctx, slot, position.feeder, -change_wh)
    feeders.book_flow(ctx, slot, node, change_wh)
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
