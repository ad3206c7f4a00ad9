"""Statements: what an account used in some slots, what of it is matched, and what it emitted.

Two figures, as reports of purchased energy (Scope 2) have them: by location, all use times the
factor of its zone; by market, what is not matched times the residual factor. Surplus of one slot
counts for no other, and offsets count for neither.
"""

from __future__ import annotations

from blockenergy.carbon.v1 import state_pb2 as carbon_pb2
from blockenergy.certificates.v1 import query_pb2, state_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_pb2

from chain import carbon, settlement
from chain.certificates.state import CLAIMS
from chain.runtime.state.collections import HasStore
from chain.runtime.units import MICRO, PERMILLE, ceil_div, floor_div


def make_slot_sums(state: HasStore, slot: int, account: bytes) -> query_pb2.StatementSums | None:
    """What the statement has of one slot; None if it is not settled or no longer kept."""
    line = settlement.get_line(state, slot, account)
    if line is None:
        return None
    carbon_slot = carbon.get_carbon_slot(state, slot, line.zone)
    if carbon_slot is None:
        return None
    claim = CLAIMS.get_shared(state, (slot, account)) or state_pb2.Claim()
    matched_claim_wh = settlement.get_matched_claim_wh(state, slot, line)
    claimable = settlement.get_claimable(state, slot, line)
    return compute_sums(line, carbon_slot, claim, matched_claim_wh, claimable)


def compute_sums(
    line: settlement_pb2.Line,
    carbon_slot: carbon_pb2.CarbonSlot,
    claim: state_pb2.Claim,
    matched_claim_wh: int,
    claimable: carbon.Claimable,
) -> query_pb2.StatementSums:
    """The sums of one line; nothing is rounded."""
    use_wh = line.import_wh - line.exempt_wh
    relieved_wh = claim.retired_wh
    if claimable.battery_import_wh:
        relieved_wh = use_wh - claimable.compute_unmatched_wh(claim.retired_wh)
    matched_wh = line.self_wh + matched_claim_wh + relieved_wh
    unmatched_wh = use_wh - matched_wh
    measured = carbon_slot.factor.quality == carbon_pb2.FACTOR_QUALITY_MEASURED
    free = matched_wh * PERMILLE + unmatched_wh * carbon_slot.factor.cfe_permille
    return query_pb2.StatementSums(
        slots=1,
        use_wh=use_wh,
        matched_wh=matched_wh,
        exact_use_wh=0 if line.inexact else use_wh,
        retired_wh=claim.retired_wh,
        location_ug=use_wh * carbon_slot.factor.location_g_per_mwh,
        market_ug=unmatched_wh * claimable.factor_g_per_mwh,
        carbon_free_permille_wh=free,
        charge=line.carbon_charge,
        refunded=claim.refunded,
        offset_g=claim.offset_g,
        estimated_factor_wh=0 if measured else use_wh,
    )


def add_to(sums: query_pb2.StatementSums, more: query_pb2.StatementSums) -> None:
    """Adds the sums of other slots."""
    for field in sums.DESCRIPTOR.fields:
        setattr(sums, field.name, getattr(sums, field.name) + getattr(more, field.name))


def compute_shown(sums: query_pb2.StatementSums) -> tuple[int, int, int, int]:
    """Emissions by location and by market, in g, rounded up; carbon-free and matched share of the
    use, in millionths, rounded down.
    """
    location_g, market_g = ceil_div(sums.location_ug, MICRO), ceil_div(sums.market_ug, MICRO)
    if not sums.use_wh:
        return location_g, market_g, MICRO, MICRO
    carbon_free_ppm = floor_div(sums.carbon_free_permille_wh * PERMILLE, sums.use_wh)
    return location_g, market_g, carbon_free_ppm, floor_div(sums.matched_wh * MICRO, sums.use_wh)
