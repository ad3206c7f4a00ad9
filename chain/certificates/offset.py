"""Offsetting carbon charges with credits: a share of them, and never a figure of a statement."""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.certificates.v1 import events_pb2, state_pb2, tx_pb2

from chain import carbon, credits, settlement
from chain.certificates.keeper import CertificatesError, is_open
from chain.certificates.state import CLAIMS, PARAMS
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import MICRO, PERMILLE, floor_div

_SLOTS_MAX = 100


class _Piece(NamedTuple):
    """What is offset in one slot. claim: a copy, as it is before."""

    slot: int
    claimable: carbon.Claimable
    claim: state_pb2.Claim
    grams: int

    def compute_refund(self) -> int:
        """The difference of two charges."""
        retired_wh, offset_g = self.claim.retired_wh, self.claim.offset_g
        before = self.claimable.compute_charge(retired_wh, offset_g)
        return before - self.claimable.compute_charge(retired_wh, offset_g + self.grams)


def offset(ctx: Context, msg: tx_pb2.MsgOffset) -> tx_pb2.MsgOffsetResponse:
    """Retires credits of the signer against the charges of its lines, the oldest first."""
    in_range = msg.first_slot <= msg.last_slot < msg.first_slot + _SLOTS_MAX
    require(in_range, CertificatesError.TOO_MANY_SLOTS, f"max {_SLOTS_MAX}")
    require(is_open(ctx, msg.first_slot), CertificatesError.WINDOW_CLOSED)
    settled = msg.last_slot < settlement.get_next_slot(ctx)
    require(settled, CertificatesError.SLOT_NOT_SETTLED)
    credits.require_offsetting(ctx, msg.batch, ctx.block.time_s)
    most_g = min(msg.grams_max, credits.get_balance(ctx, ctx.signer, msg.batch))
    pieces = _plan(ctx, ctx.signer, range(msg.first_slot, msg.last_slot + 1), most_g)
    grams = sum(piece.grams for piece in pieces)
    require(grams, CertificatesError.NOTHING_TO_OFFSET)
    number = credits.consume(ctx, ctx.signer, msg.batch, grams, "offset")
    refund = 0
    for piece in pieces:
        amount = piece.compute_refund()
        piece.claim.offset_g += piece.grams
        piece.claim.refunded += amount
        CLAIMS.set(ctx, (piece.slot, ctx.signer), piece.claim)
        settlement.pay_refund(ctx, piece.slot, ctx.signer, amount)
        refund += amount
    ctx.emit(
        events_pb2.EventChargeOffset(
            consumer=msg.consumer,
            batch=msg.batch,
            grams=grams,
            refund=refund,
            retirement=number,
        )
    )
    return tx_pb2.MsgOffsetResponse(grams=grams, refund=refund)


def _plan(state: HasStore, consumer: bytes, slots: range, most_g: int) -> list[_Piece]:
    share = PARAMS.get_shared(state).offset_share_permille
    pieces = []
    for slot in slots:
        line = settlement.get_line(state, slot, consumer)
        if line is None or not line.carbon_charge or not most_g:
            continue
        claimable = settlement.get_claimable(state, slot, line)
        claim = CLAIMS.get(state, (slot, consumer)) or state_pb2.Claim()
        emissions_ug = claimable.compute_emissions_ug(claim.retired_wh)
        allowed_g = floor_div(emissions_ug * share, PERMILLE * MICRO)
        grams = min(most_g, max(0, allowed_g - claim.offset_g))
        if grams:
            pieces.append(_Piece(slot, claimable, claim, grams))
            most_g -= grams
    return pieces
