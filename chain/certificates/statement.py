"""Statements: what an account used in some slots, what of it is matched, and what it emitted.

Two figures, as reports of purchased energy (Scope 2) have them: by location, all use times the
factor of its zone; by market, what is not matched times the residual factor. Surplus of one slot
counts for no other, and offsets count for neither. Nothing is rounded before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from blockenergy.carbon.v1 import state_pb2 as carbon_pb2
from blockenergy.certificates.v1 import state_pb2
from blockenergy.registry.v1.energy_source_pb2 import (
    ENERGY_SOURCE_BIOMASS,
    ENERGY_SOURCE_GEOTHERMAL,
    ENERGY_SOURCE_HYDRO,
    ENERGY_SOURCE_SOLAR,
    ENERGY_SOURCE_STORAGE,
    ENERGY_SOURCE_WIND,
)
from blockenergy.settlement.v1 import state_pb2 as settlement_pb2

from chain import carbon, settlement
from chain.certificates.state import CLAIMS
from chain.runtime.state.collections import HasStore
from chain.runtime.units import MICRO, PERMILLE, ceil_div, floor_div

_NO_CLAIM = state_pb2.Claim()
# The field of what is matched with energy from a source.
_MATCHED = {
    ENERGY_SOURCE_SOLAR: "matched_solar_wh",
    ENERGY_SOURCE_WIND: "matched_wind_wh",
    ENERGY_SOURCE_HYDRO: "matched_hydro_wh",
    ENERGY_SOURCE_GEOTHERMAL: "matched_geothermal_wh",
    ENERGY_SOURCE_BIOMASS: "matched_biomass_wh",
    ENERGY_SOURCE_STORAGE: "matched_storage_wh",
}


class Sums(NamedTuple):
    """The fields of StatementSums, as numbers of any size."""

    slots: int = 0
    use_wh: int = 0
    matched_wh: int = 0
    exact_use_wh: int = 0
    retired_wh: int = 0
    location_ug: int = 0
    market_ug: int = 0
    carbon_free_permille_wh: int = 0
    charge: int = 0
    refunded: int = 0
    offset_g: int = 0
    estimated_factor_wh: int = 0
    matched_solar_wh: int = 0
    matched_wind_wh: int = 0
    matched_hydro_wh: int = 0
    matched_geothermal_wh: int = 0
    matched_biomass_wh: int = 0
    matched_storage_wh: int = 0


def compute_slot_sums(state: HasStore, slot: int, account: bytes) -> Sums | None:
    """What the statement has of one slot; None if it is not settled or no longer kept."""
    line = settlement.get_line(state, slot, account)
    carbon_slot = carbon.get_carbon_slot(state, slot, line.zone) if line else None
    if line is None or carbon_slot is None:
        return None
    claim = CLAIMS.get_shared(state, (slot, account)) or _NO_CLAIM
    use_wh = settlement.get_use_wh(line)
    claimable = settlement.get_claimable(state, slot, line)
    relieved_wh = claim.retired_wh
    if claimable.battery_import_wh:
        relieved_wh = use_wh - claimable.compute_unmatched_wh(claim.retired_wh)
    bought_wh = settlement.get_matched_claim_wh(state, slot, line)
    matched_wh = line.self_wh + bought_wh + relieved_wh
    unmatched_wh = use_wh - matched_wh
    factor = carbon_slot.factor
    measured = factor.quality == carbon_pb2.FACTOR_QUALITY_MEASURED
    return Sums(
        slots=1,
        use_wh=use_wh,
        matched_wh=matched_wh,
        exact_use_wh=0 if line.inexact else use_wh,
        retired_wh=claim.retired_wh,
        location_ug=use_wh * factor.location_g_per_mwh,
        market_ug=unmatched_wh * claimable.factor_g_per_mwh,
        carbon_free_permille_wh=matched_wh * PERMILLE + unmatched_wh * factor.cfe_permille,
        charge=line.carbon_charge,
        refunded=claim.refunded,
        offset_g=claim.offset_g,
        estimated_factor_wh=0 if measured else use_wh,
        **_split_matched(state, slot, line, claim, bought_wh, relieved_wh),
    )


def _split_matched(
    state: HasStore,
    slot: int,
    line: settlement_pb2.Line,
    claim: state_pb2.Claim,
    bought_wh: int,
    relieved_wh: int,
) -> dict[str, int]:
    """What the matched use of a line was made from, by the field of its source."""
    shares = [
        {line.energy_source: line.self_wh},
        carbon.split_matched_claim(state, slot, line.claim_feeder, bought_wh),
        carbon.split_by_source(relieved_wh, claim.retired_by_source),
    ]
    return {
        name: sum(share.get(source, 0) for share in shares) for source, name in _MATCHED.items()
    }


def add_up(parts: Iterable[Sums]) -> Sums:
    """The sums of several slots."""
    columns = zip(*parts, strict=True)
    return Sums(*map(sum, columns))


class Shown(NamedTuple):
    """What people read: emissions in g, rounded up; carbon-free and matched share of the use in
    millionths, rounded down; all of it where nothing was used.
    """

    location_g: int
    market_g: int
    carbon_free_ppm: int
    matched_ppm: int


def compute_shown(sums: Sums) -> Shown:
    """What people read of a statement."""
    location_g, market_g = ceil_div(sums.location_ug, MICRO), ceil_div(sums.market_ug, MICRO)
    if not sums.use_wh:
        return Shown(location_g, market_g, MICRO, MICRO)
    carbon_free_ppm = floor_div(sums.carbon_free_permille_wh * PERMILLE, sums.use_wh)
    matched_ppm = floor_div(sums.matched_wh * MICRO, sums.use_wh)
    return Shown(location_g, market_g, carbon_free_ppm, matched_ppm)
