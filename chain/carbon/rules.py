"""What a line owes for its emissions, and what certificates it gets. Nothing here reads state.

Energy is in Wh and factors are in g of CO2e per MWh, so that their product is in micrograms and
never rounded. Only a charge is: once, up, in favour of the carbon fund. So charges of one line may
be taken back in whatever pieces, each as the difference of two charges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from blockenergy.carbon.v1 import state_pb2
from blockenergy.registry.v1.energy_source_pb2 import EnergySource

from chain.runtime.units import MICRO, PERMILLE, ceil_div, floor_div

UG_PER_TONNE = 10**12
# Certificates are for an hour at the most.
SLOT_MAX_S = 3600
_W_S_PERMILLE_PER_WH = 3600 * PERMILLE
_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")
# The others are what the chain says of a factor that was not published.
_PUBLISHED_QUALITIES = frozenset(
    {
        state_pb2.FACTOR_QUALITY_MEASURED,
        state_pb2.FACTOR_QUALITY_ESTIMATED,
        state_pb2.FACTOR_QUALITY_FORECAST,
    }
)


class Rate(NamedTuple):
    """What emissions cost in a zone and slot.

    peak_g_per_mwh: the factor of lines that are not exact.
    """

    residual_g_per_mwh: int
    peak_g_per_mwh: int
    price_per_tonne: int

    def get_factor(self, *, exact: bool) -> int:
        """The factor of a line, in g of CO2e per MWh."""
        return self.residual_g_per_mwh if exact else self.peak_g_per_mwh


class Flows(NamedTuple):
    """What counts of one account in a slot, in Wh.

    issued_wh: made by certified devices, or green from a battery. exempt_wh: import of a battery
    that will come back. bid_wh: bought as renewable. due_wh: sold to buyers of renewable energy.
    transit_wh: import of a tie line that is used in the other region.
    """

    import_wh: int = 0
    issued_wh: int = 0
    exempt_wh: int = 0
    bid_wh: int = 0
    due_wh: int = 0
    exact: bool = True
    is_battery: bool = False
    transit_wh: int = 0


class Part(NamedTuple):
    """The carbon part of a line: Wh, and the charge.

    use_wh: import, without what is exempt or in transit. free_wh: the account's certificates.
    unmatched_wh and short_wh are what is charged.
    """

    use_wh: int
    self_wh: int
    claim_wh: int
    given_wh: int
    short_wh: int
    free_wh: int
    unmatched_wh: int
    charge: int


def compute_part(flows: Flows, rate: Rate) -> Part:
    """What an account used itself, claimed, gave and owes.

    Energy that a register shows late was used at an unknown time: it is neither own use nor claimed
    with a purchase. What flows into a battery is no own use, and no purchase relieves it. What is
    in transit is charged where it is used.
    """
    import_wh, issued_wh, exempt_wh, bid_wh, due_wh, exact, is_battery, transit_wh = flows
    taken_wh = import_wh - transit_wh
    use_wh = taken_wh - exempt_wh
    self_wh = claim_wh = 0
    if exact:
        self_wh = 0 if is_battery else min(taken_wh, issued_wh)
        claim_wh = min(bid_wh, taken_wh - self_wh)
    given_wh = min(due_wh, issued_wh - self_wh)
    short_wh = due_wh - given_wh
    free_wh = issued_wh - self_wh - given_wh
    unmatched_wh = use_wh if is_battery else use_wh - self_wh - claim_wh
    factor = rate.residual_g_per_mwh if exact else rate.peak_g_per_mwh
    charge = compute_charge((unmatched_wh + short_wh) * factor, rate.price_per_tonne)
    return Part(use_wh, self_wh, claim_wh, given_wh, short_wh, free_wh, unmatched_wh, charge)


def compute_charge(emissions_ug: int, price_per_tonne: int) -> int:
    """What emissions cost, in millionths of the settlement token."""
    return ceil_div(emissions_ug * price_per_tonne, UG_PER_TONNE)


def compute_matched_claim_wh(claim_wh: int, sum_claim_wh: int, sum_given_wh: int) -> int:
    """What is matched of a purchase of renewable energy, by the sums of its feeder."""
    if sum_given_wh >= sum_claim_wh:
        return claim_wh
    return floor_div(claim_wh * sum_given_wh, sum_claim_wh)


def split_by_source(wh: int, parts: Iterable[state_pb2.SourceWh]) -> dict[EnergySource, int]:
    """Splits energy in proportion to what sources have made, without losing a Wh."""
    parts, shares, before_wh, given = list(parts), {}, 0, 0
    total = sum(part.wh for part in parts)
    for part in parts if total else ():
        before_wh += part.wh
        until = floor_div(wh * before_wh, total)
        shares[part.energy_source], given = until - given, until
    return shares


def compute_cap_wh(power_w: int, duration_s: int, ceiling_permille: int) -> int:
    """The most that a device can have made in a slot."""
    return floor_div(power_w * duration_s * ceiling_permille, _W_S_PERMILLE_PER_WH)


class Issue(NamedTuple):
    """What is issued for the export of a device, and what its record says afterwards."""

    issued_wh: int
    grey_wh: int
    debt_wh: int


def compute_issue(
    export_wh: int, taken_wh: int, cap_wh: int, grey_wh: int, debt_wh: int, storage_behind_wh: int
) -> Issue:
    """Issues for an export: what a store behind the meter may have taken from the grid goes first,
    and what was issued in error before is withheld.

    taken_wh: import since grey_wh was brought up to date.
    """
    grey_wh = min(storage_behind_wh, grey_wh + taken_wh)
    made_wh = min(max(0, export_wh - grey_wh), cap_wh)
    withheld_wh = min(debt_wh, made_wh)
    return Issue(made_wh - withheld_wh, max(0, grey_wh - export_wh), debt_wh - withheld_wh)


class Claimable(NamedTuple):
    """A line as certificates and offsets see it.

    unmatched_wh: what was charged of its use, before any certificate. import_wh: of a battery, for
    which certificates relieve in proportion; 0 of all others.
    """

    unmatched_wh: int
    short_wh: int
    factor_g_per_mwh: int
    price_per_tonne: int
    battery_import_wh: int = 0

    def compute_unmatched_wh(self, retired_wh: int) -> int:
        """What is left of the use after certificates were retired for it."""
        if self.battery_import_wh:
            relieved = floor_div(self.unmatched_wh * retired_wh, self.battery_import_wh)
            return self.unmatched_wh - relieved
        return max(0, self.unmatched_wh - retired_wh)

    def compute_emissions_ug(self, retired_wh: int, offset_g: int = 0) -> int:
        """What is left of the emissions after certificates and offsets."""
        charged_wh = self.compute_unmatched_wh(retired_wh) + self.short_wh
        return max(0, charged_wh * self.factor_g_per_mwh - offset_g * MICRO)

    def compute_charge(self, retired_wh: int, offset_g: int = 0) -> int:
        """What is left of the charge."""
        emissions_ug = self.compute_emissions_ug(retired_wh, offset_g)
        return compute_charge(emissions_ug, self.price_per_tonne)


def is_identifier(name: str) -> bool:
    """Whether a zone, a registry or a device elsewhere can have this name."""
    return _IDENTIFIER.fullmatch(name) is not None


def find_factor_error(factor: state_pb2.Factor, most_g_per_mwh: int) -> str:
    """What is wrong with a published factor, in a few words; empty if nothing."""
    if factor.residual_g_per_mwh > most_g_per_mwh:
        return f"at most {most_g_per_mwh} g per MWh"
    if factor.residual_g_per_mwh < factor.location_g_per_mwh:
        return "the residual factor is below that of the location"
    if max(factor.cfe_permille, factor.solar_ceiling_permille) > PERMILLE:
        return "a share of at most 1000"
    if factor.quality not in _PUBLISHED_QUALITIES:
        return "measured, estimated or forecast"
    return ""
