"""The chain's own forecast: the median of those that can be read, weighted with stake and skill.

A forecaster without skill has no weight, so that nobody moves it by a stake alone. When a slot
opens it is frozen, within bounds, for whatever rule of the market takes it.
"""

from __future__ import annotations

from blockenergy.forecast.v1 import events_pb2, state_pb2

from chain import market
from chain.forecast.keeper import get_params
from chain.forecast.scoring import rules
from chain.forecast.scoring.targets import get_baseline
from chain.forecast.state import FORECASTS, FROZEN, LAST_FROZEN, ROUNDS, SKILLS, TARGETS
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore


def combine(state: HasStore, slot: int, target_id: int) -> state_pb2.FrozenForecast:
    """The weighted median, else the baseline, else nothing."""
    weighted = []
    for forecaster, forecast in FORECASTS.under((slot, target_id)).items(state):
        skill = max(0, get_skill_permille(state, target_id, forecaster))
        if forecast.quantiles and skill * forecast.stake:
            weighted.append((skill * forecast.stake, list(forecast.quantiles)))
    if weighted:
        medians = rules.compute_medians(weighted)
        return state_pb2.FrozenForecast(quantiles=medians, forecasters=len(weighted))
    baseline = get_baseline(state, slot, target_id)
    equal = [] if baseline is None else [baseline] * rules.QUANTILES
    return state_pb2.FrozenForecast(quantiles=equal)


def get_skill_permille(state: HasStore, target_id: int, forecaster: bytes) -> int:
    """The skill of a forecaster for a target; 0 without a score."""
    skill = SKILLS.get_shared(state, (target_id, forecaster))
    if skill is None:
        return 0
    return rules.compute_skill_permille(skill.loss, skill.baseline_loss)


def freeze(ctx: Context, budget: int) -> None:
    """Freezes the forecasts of slots that have opened, a bounded number of slots per block."""
    last = LAST_FROZEN.last(ctx)
    nothing = next(TARGETS.items(ctx), None) is None
    if nothing or last == market.get_last_opened(ctx):
        return
    for slot, _ in market.iter_slots(ctx, last + 1):
        if budget <= 0:
            break
        budget -= 1 + freeze_slot(ctx, slot)
        last = slot
    LAST_FROZEN.set(ctx, last)


def freeze_slot(ctx: Context, slot: int) -> int:
    """Freezes the forecasts of all targets; returns of how many forecasts they were made."""
    count = 0
    for target_id, target in TARGETS.items(ctx):
        if target.ended and target.last_slot < slot:
            continue
        found = combine(ctx, slot, target_id)
        taken = ROUNDS.get_shared(ctx, (slot, target_id))
        count += 1 + (taken.forecasts if taken else 0)
        baseline = get_baseline(ctx, slot, target_id)
        if found.forecasters and baseline is not None:
            permille = get_params(ctx).frozen_deviation_permille
            found.quantiles[:] = rules.limit_deviation(found.quantiles, baseline, permille)
        if found.quantiles:
            FROZEN.set(ctx, (slot, target_id), found)
            market.note_forecast(ctx, slot, target_id, found.quantiles[rules.QUANTILES // 2])
            event = events_pb2.EventForecastFrozen(target_id=target_id, slot=slot, forecast=found)
            ctx.emit(event)
    return count
