"""Retiring certificates for metered use: what may be claimed, and what it refunds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blockenergy.certificates.v1 import state_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_pb2

from chain import carbon, settlement, storage
from chain.certificates.keeper import CertificatesError, Taken, is_open, take
from chain.certificates.state import CLAIMS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore


class SlotClaim(NamedTuple):
    """What an account can claim, or claims more, in a slot.

    claim: a copy, of what was claimed so far. limit_wh: of what is retired for its use in total.
    """

    slot: int
    line: settlement_pb2.Line
    claimable: carbon.Claimable
    claim: state_pb2.Claim
    limit_wh: int
    # Claimed more: in total, and of each certificate with its series.
    more_wh: int = 0
    parts: Sequence[tuple[state_pb2.Series, int]] = ()

    def compute_refund(self) -> int:
        """What is refunded for what is claimed more: the difference of two charges."""
        retired_wh, offset_g = self.claim.retired_wh, self.claim.offset_g
        before = self.claimable.compute_charge(retired_wh, offset_g)
        return before - self.claimable.compute_charge(retired_wh + self.more_wh, offset_g)


def require_claimable(state: HasStore, slot: int, consumer: bytes) -> SlotClaim:
    """What an account can claim in a settled slot; rejects one that it cannot claim in."""
    require(is_open(state, slot), CertificatesError.WINDOW_CLOSED, f"slot {slot}")
    line = settlement.require_line(state, slot, consumer)
    require(not line.inexact, CertificatesError.LINE_INEXACT, f"slot {slot}")
    claimable = settlement.get_claimable(state, slot, line)
    if claimable.battery_import_wh:
        limit_wh = line.import_wh
    else:
        matched_wh = line.self_wh + settlement.get_matched_claim_wh(state, slot, line)
        limit_wh = settlement.get_use_wh(line) - matched_wh
    claim = CLAIMS.get(state, (slot, consumer)) or state_pb2.Claim()
    return SlotClaim(slot, line, claimable, claim, limit_wh)


def plan_retirement(ctx: Context, consumer: bytes, taken: Sequence[Taken]) -> list[SlotClaim]:
    """What retiring certificates for the use of an account claims in each slot; rejects what it
    cannot claim. Writes nothing.
    """
    by_slot: dict[int, list[Taken]] = {}
    for one in taken:
        by_slot.setdefault(one.slot, []).append(one)
    return [_plan_slot(ctx, consumer, slot, found) for slot, found in sorted(by_slot.items())]


def retire(ctx: Context, consumer: bytes, taken: Sequence[Taken], plan: Sequence[SlotClaim]) -> int:
    """Retires certificates as planned; returns what was refunded to the consumer."""
    total = 0
    for one in taken:
        one.series.retired_wh += one.wh
        take(ctx, one)
    for one_slot in plan:
        refund = one_slot.compute_refund()
        before_wh = one_slot.claim.retired_wh
        one_slot.claim.retired_wh += one_slot.more_wh
        for series, wh in one_slot.parts:
            carbon.add_source(one_slot.claim.retired_by_source, series.energy_source, wh)
        one_slot.claim.refunded += refund
        CLAIMS.set(ctx, (one_slot.slot, consumer), one_slot.claim)
        if one_slot.claimable.battery_import_wh:
            line, after_wh = one_slot.line, one_slot.claim.retired_wh
            storage.add_green(ctx, consumer, line.exempt_wh, line.import_wh, before_wh, after_wh)
        settlement.pay_refund(ctx, one_slot.slot, consumer, refund)
        total += refund
    return total


def _plan_slot(ctx: Context, consumer: bytes, slot: int, taken: Sequence[Taken]) -> SlotClaim:
    found = require_claimable(ctx, slot, consumer)
    if found.claimable.battery_import_wh:
        discharged = storage.get_last_discharge_slot(ctx, consumer)
        kept = discharged is not None and discharged <= slot
        require(kept, CertificatesError.DISCHARGED_SINCE, f"slot {slot}")
    parts = [(one.series, _require_delivered_wh(ctx, one, found.line.zone)) for one in taken]
    more_wh = sum(wh for _, wh in parts)
    left_wh = max(0, found.limit_wh - found.claim.retired_wh)
    require(more_wh <= left_wh, CertificatesError.USE_EXCEEDED, f"slot {slot}: {left_wh} Wh")
    return found._replace(more_wh=more_wh, parts=parts)


def _require_delivered_wh(state: HasStore, taken: Taken, zone: int) -> int:
    """What certificates are worth in a zone; rejects a zone that they do not come to."""
    wh = carbon.compute_delivered_wh(state, taken.wh, taken.series.zone, zone)
    if wh is None:
        detail = f"from zone {taken.series.zone} to {zone}"
        raise ChainError(CertificatesError.ZONE_DIFFERS, detail)
    return wh
