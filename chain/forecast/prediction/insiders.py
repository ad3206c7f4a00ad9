"""Who may not trade in a prediction market: who can bring its outcome about, or that there is none,
which would save the loser of a bet.
"""

from __future__ import annotations

from blockenergy.forecast.v1 import state_pb2
from blockenergy.registry.v1.role_pb2 import (
    ROLE_BRIDGE,
    ROLE_CONSUMER,
    ROLE_PRODUCER,
    ROLE_PROSUMER,
    ROLE_STORAGE,
)

from chain import metering, params, registry
from chain.forecast.keeper import ForecastError, get_params
from chain.forecast.scoring import rules
from chain.forecast.scoring.targets import is_below
from chain.forecast.state import OUTCOMES, TARGETS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE

# Who may trade energy, and so move its price.
_ENERGY_TRADERS = frozenset({ROLE_PRODUCER, ROLE_CONSUMER, ROLE_PROSUMER, ROLE_STORAGE})


def require_outsider(ctx: Context, market: state_pb2.PredictionMarket, trader: bytes) -> None:
    """Rejects the creator, who states the outcome, and who has a hand in the metered energy."""
    states_it = bech32.encode(trader) in (market.creator, market.reporter)
    require(not states_it, ForecastError.MAY_NOT_TRADE)
    require(not params.is_authority(ctx, trader), ForecastError.MAY_NOT_TRADE)
    if not market.target_id:
        return
    target = TARGETS.get_shared(ctx, market.target_id)
    assert target is not None, "a market without its target"
    roles = registry.require_active(ctx, trader).roles
    # Readings that do not come, or not from a meter that is removed, make a slot void.
    has_readings = ROLE_BRIDGE in roles or registry.is_registrar(ctx, trader)
    require(not has_readings, ForecastError.MAY_NOT_TRADE)
    if target.quantity == state_pb2.QUANTITY_PRICE:
        require(_ENERGY_TRADERS.isdisjoint(roles), ForecastError.MAY_NOT_TRADE)
    else:
        _require_small_owner(ctx, market.target_id, target, trader)


def _require_small_owner(
    ctx: Context, target_id: int, target: state_pb2.Target, trader: bytes
) -> None:
    """Rejects an owner of more than the allowed share of the target's energy in the last day, or
    as much of it as is known; of more meters than may be estimated; and any owner while nothing is
    known.
    """
    meter_ids = list(registry.get_meters_of(ctx, trader))
    if not meter_ids or not is_below(ctx, registry.get_feeder_of(ctx, trader), target.feeder):
        return
    last = metering.get_last_settled(ctx)
    if outcome := OUTCOMES.get_shared(ctx, (last, target_id)):
        most = outcome.meters * get_params(ctx).estimated_permille
        require(len(meter_ids) * PERMILLE <= most, ForecastError.MAY_NOT_TRADE)
    day = rules.compute_day_slots(metering.get_params(ctx).represented_duration_s)
    for span in (day, 1):
        total_wh = _get_energy_wh(ctx, target_id, last - span, last)
        if not total_wh:
            continue
        own = [metering.get_energy_wh(ctx, one, last - span, last) for one in meter_ids]
        known = [energy_wh for energy_wh in own if energy_wh is not None]
        if len(known) == len(own):
            most = total_wh * get_params(ctx).owner_share_permille
            require(sum(known) * PERMILLE <= most, ForecastError.MAY_NOT_TRADE)
            return
    raise ChainError(ForecastError.MAY_NOT_TRADE, "what you use is not known yet")


def _get_energy_wh(state: HasStore, target_id: int, after_slot: int, slot: int) -> int:
    """Import and export of a target from the end of one slot to the end of another; 0 if it is not
    known.
    """
    if after_slot < 0:
        return 0
    before = OUTCOMES.get_shared(state, (after_slot, target_id))
    after = OUTCOMES.get_shared(state, (slot, target_id))
    return after.energy_total_wh - before.energy_total_wh if before and after else 0
