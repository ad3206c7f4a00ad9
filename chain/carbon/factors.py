"""Which factor, peak and price a slot has, and freezing them when its settlement begins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from blockenergy.carbon.v1 import state_pb2

from chain.carbon import rules
from chain.carbon.state import CARBON_SLOTS, FACTORS, LAST_BEGUN, PARAMS, PRICES, ZONES
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE

# Max factors and prices removed per zone and slot; two come in at the most for each one that goes.
_REMOVED_MAX = 100


def begin_slot(ctx: Context, slot: int) -> None:
    """Freezes factors, peaks and price of a slot: its settlement begins."""
    LAST_BEGUN.set(ctx, slot)
    for zone, _ in ZONES.items(ctx):
        CARBON_SLOTS.set(ctx, (slot, zone), find_rates(ctx, slot, zone))
    _remove_old(ctx, slot)


def find_rates(state: HasStore, slot: int, zone: int) -> state_pb2.CarbonSlot:
    """Factor, peak and price that a slot has by what is published now, without sums."""
    factor = _find_factor(state, slot, zone)
    peak = max([factor.residual_g_per_mwh, *_list_recent(state, slot, zone)])
    return state_pb2.CarbonSlot(
        factor=factor, peak_g_per_mwh=peak, price_per_tonne=_find_price(state, slot)
    )


def get_rates(state: HasStore, slot: int) -> dict[int, state_pb2.CarbonSlot]:
    """Factors and sums of a slot by zone; its settlement has begun."""
    return dict(CARBON_SLOTS.under(slot).items(state))


def make_rate(carbon_slot: state_pb2.CarbonSlot) -> rules.Rate:
    """What emissions cost."""
    return rules.Rate(
        carbon_slot.factor.residual_g_per_mwh,
        carbon_slot.peak_g_per_mwh,
        carbon_slot.price_per_tonne,
    )


def _find_factor(state: HasStore, slot: int, zone: int) -> state_pb2.Factor:
    """The published factor; else the last one, if that is not too old; else the default."""
    oldest = max(0, slot - PARAMS.get_shared(state).stale_slots_max)
    published = FACTORS.under(zone).items(state, start=oldest, before=slot + 1, reverse=True)
    for at, factor in published:
        if at != slot:
            factor.quality = state_pb2.FACTOR_QUALITY_STALE
        return factor
    info = ZONES.get_shared(state, zone)
    assert info is not None, "a zone is settled that was never set"
    return state_pb2.Factor(
        location_g_per_mwh=info.default_g_per_mwh,
        residual_g_per_mwh=info.default_g_per_mwh,
        solar_ceiling_permille=PERMILLE,
        quality=state_pb2.FACTOR_QUALITY_DEFAULT,
    )


def _list_recent(state: HasStore, slot: int, zone: int) -> Iterator[int]:
    """The residual factors that were published for the last slots, this one included."""
    first = max(0, slot + 1 - PARAMS.get_shared(state).peak_slots)
    recent = FACTORS.under(zone).items(state, start=first, before=slot + 1)
    return (factor.residual_g_per_mwh for _, factor in recent)


def _find_price(state: HasStore, slot: int) -> int:
    found = next(PRICES.items(state, before=slot + 1, reverse=True), None)
    return found[1].price_per_tonne if found else 0


def _remove_old(ctx: Context, slot: int) -> None:
    """Removes factors that no slot to come needs, and the prices before the one in force."""
    params = PARAMS.get_shared(ctx)
    before = max(0, slot - max(params.stale_slots_max, params.peak_slots))
    for zone, _ in ZONES.items(ctx):
        old = islice(FACTORS.under(zone).items(ctx, before=before), _REMOVED_MAX)
        for at in [at for at, _ in old]:
            FACTORS.delete(ctx, (zone, at))
    in_force = next(PRICES.items(ctx, before=slot + 1, reverse=True), None)
    if in_force:
        PRICES.prune(ctx, in_force[0], _REMOVED_MAX)
