"""Who may not trade in a prediction market: who can bring its outcome about, or that there is none,
which would save the loser of a bet.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.forecast.v1 import state_pb2
from blockenergy.registry.v1.role_pb2 import (
    ROLE_BRIDGE,
    ROLE_CONSUMER,
    ROLE_DISTRIBUTOR,
    ROLE_PRODUCER,
    ROLE_PROSUMER,
    ROLE_STORAGE,
)

from chain import metering, params, registry
from chain.forecast.keeper import ForecastError, get_params
from chain.forecast.prediction.rules import compute_carried_wh
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
# Who curtails, and who has the readings: a slot without them, or with meters removed, is void.
_STANDING_ABOVE = frozenset({ROLE_BRIDGE, ROLE_DISTRIBUTOR})
# So that the work of a trade is bounded.
_METERS_MAX = 100


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
    require(_STANDING_ABOVE.isdisjoint(roles), ForecastError.MAY_NOT_TRADE)
    require(not registry.is_registrar(ctx, trader), ForecastError.MAY_NOT_TRADE)
    if target.quantity == state_pb2.QUANTITY_PRICE:
        require(_ENERGY_TRADERS.isdisjoint(roles), ForecastError.MAY_NOT_TRADE)
    elif is_below(ctx, registry.get_feeder_of(ctx, trader), target.feeder):
        _require_small_owner(ctx, market.target_id, trader)


def _require_small_owner(ctx: Context, target_id: int, trader: bytes) -> None:
    """Rejects an owner whose connections carry more than the allowed share of the target's energy
    in the last day, or as much of it as is known; of more meters than may be estimated; and any
    owner while nothing is known.

    What somebody used before says little: a battery that lay idle can still turn the next slot.
    """
    capacity_w = registry.get_connections(ctx, trader).capacity_w
    if not capacity_w:
        return
    last, limits = metering.get_last_settled(ctx), get_params(ctx)
    duration_s = metering.get_params(ctx).represented_duration_s
    for span in (rules.compute_day_slots(duration_s), 1):
        if total_wh := _get_energy_wh(ctx, target_id, last - span, last):
            own_wh = compute_carried_wh(capacity_w, span * duration_s)
            most = total_wh * limits.owner_share_permille
            require(own_wh * PERMILLE <= most, ForecastError.MAY_NOT_TRADE)
            break
    else:
        raise ChainError(ForecastError.MAY_NOT_TRADE, "what was used is not known yet")
    outcome = OUTCOMES.get_shared(ctx, (last, target_id))
    assert outcome is not None, "energy without an outcome"
    meters = sum(1 for _ in islice(registry.get_meters_of(ctx, trader), _METERS_MAX + 1))
    few = meters <= _METERS_MAX and meters * PERMILLE <= outcome.meters * limits.estimated_permille
    require(few, ForecastError.MAY_NOT_TRADE)


def _get_energy_wh(state: HasStore, target_id: int, after_slot: int, slot: int) -> int:
    """Import and export of a target from the end of one slot to the end of another; 0 if it is not
    known.
    """
    if after_slot < 0:
        return 0
    before = OUTCOMES.get_shared(state, (after_slot, target_id))
    after = OUTCOMES.get_shared(state, (slot, target_id))
    return after.energy_total_wh - before.energy_total_wh if before and after else 0
