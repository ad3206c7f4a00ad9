"""Scoring what was forecast for settled slots, a bounded number of forecasts per block.

All forecasts of a slot and target are scored together: only then are gains known. Slots are scored
in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.forecast.v1 import events_pb2, state_pb2

from chain import metering
from chain.forecast.keeper import get_params, get_target, pay
from chain.forecast.scoring import rules
from chain.forecast.scoring.combining import get_skill_permille
from chain.forecast.scoring.targets import get_baseline, get_final_outcome
from chain.forecast.state import FORECASTS, OUTCOMES, ROUNDS, SCORES, SKILLS, TARGETS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.units import PERMILLE, floor_div

# If fewer slots make a skill than before, it forgets as many more with each score.
_FORGOTTEN_MAX = 2
_Forecast = tuple[bytes, state_pb2.SlotForecast]


def score_rounds(ctx: Context, budget: int) -> int:
    """Scores settled slots until the budget is used up; returns how much it used."""
    used, last_settled = 0, metering.get_last_settled(ctx)
    while used < budget:
        first = next(ROUNDS.items(ctx), None)
        if first is None or first[0][0] > last_settled:
            break
        (slot, target_id), taken = first
        _score_round(ctx, slot, target_id, taken)
        used += taken.forecasts
    return used


def _score_round(ctx: Context, slot: int, target_id: int, taken: state_pb2.Round) -> None:
    forecasts = list(FORECASTS.under((slot, target_id)).items(ctx))
    target = get_target(ctx, target_id)
    # What is lost in a slot pays rewards of later ones: nobody need guess what others will lose.
    most = min(taken.reward, target.budget)
    # Whoever could not know the end of a slot that was never settled has broken no promise.
    is_settled = OUTCOMES.has(ctx, (slot, target_id))
    shown = [one for one in forecasts if one[1].quantiles]
    for forecast in forecasts:
        if not forecast[1].quantiles:
            _drop(ctx, slot, target_id, target, forecast, is_settled)
    outcome = get_final_outcome(ctx, slot, target_id)
    baseline = get_baseline(ctx, slot, target_id)
    if outcome is None or baseline is None:
        for forecast in shown:
            _drop(ctx, slot, target_id, target, forecast, False)
    else:
        _score(ctx, slot, target_id, target, shown, outcome, baseline, most)
    for forecaster, _ in forecasts:
        FORECASTS.delete(ctx, ((slot, target_id), forecaster))
    ROUNDS.delete(ctx, (slot, target_id))
    TARGETS.set(ctx, target_id, target)


def _drop(
    ctx: Context,
    slot: int,
    target_id: int,
    target: state_pb2.Target,
    forecast: _Forecast,
    is_fined: bool,
) -> None:
    """Returns the stake of a forecast that is not scored; a part of it is lost if it should have
    been revealed. Rounded down, in favour of the forecaster.
    """
    forecaster, content = forecast
    permille = get_params(ctx).unrevealed_permille if is_fined else 0
    burned = floor_div(content.stake * permille, PERMILLE)
    target.budget += burned
    pay(ctx, forecaster, content.stake - burned)
    ctx.emit(
        events_pb2.EventForecastNotScored(
            target_id=target_id,
            slot=slot,
            forecaster=bech32.encode(forecaster),
            stake=content.stake,
            burned=burned,
        )
    )


def _score(
    ctx: Context,
    slot: int,
    target_id: int,
    target: state_pb2.Target,
    forecasts: Sequence[_Forecast],
    outcome: int,
    baseline: int,
    most: int,
) -> None:
    """Pays stakes and rewards, and notes the scores."""
    baseline_loss = rules.compute_baseline_loss(baseline, outcome)
    entries = [
        rules.Entry(
            forecast.number,
            not forecast.hash,
            forecast.stake,
            rules.compute_loss(forecast.quantiles, outcome),
        )
        for _, forecast in forecasts
    ]
    results = rules.reward(entries, baseline_loss, most, get_params(ctx).burn_permille)
    for (forecaster, _), entry, result in zip(forecasts, entries, results, strict=True):
        target.budget += result.burned - result.reward
        pay(ctx, forecaster, entry.stake + result.reward - result.burned)
        score = state_pb2.Score(
            loss=entry.loss,
            baseline_loss=baseline_loss,
            gain=result.gain,
            stake=entry.stake,
            reward=result.reward,
            burned=result.burned,
        )
        _note_score(ctx, slot, target_id, forecaster, score)
        ctx.emit(
            events_pb2.EventForecastScored(
                target_id=target_id,
                slot=slot,
                forecaster=bech32.encode(forecaster),
                score=score,
                skill_permille=get_skill_permille(ctx, target_id, forecaster),
            )
        )


def _note_score(
    ctx: Context, slot: int, target_id: int, forecaster: bytes, score: state_pb2.Score
) -> None:
    """Adds a score to the skill of a forecaster, and takes the oldest ones out."""
    key = (target_id, forecaster)
    skill = SKILLS.get(ctx, key) or state_pb2.Skill()
    SCORES.set(ctx, (key, slot), score)
    skill.slots += 1
    skill.loss += score.loss
    skill.baseline_loss += score.baseline_loss
    for _ in range(_FORGOTTEN_MAX):
        if skill.slots <= get_params(ctx).skill_slots:
            break
        oldest, old = next(SCORES.under(key).items(ctx))
        skill.slots -= 1
        skill.loss -= old.loss
        skill.baseline_loss -= old.baseline_loss
        SCORES.delete(ctx, (key, oldest))
    SKILLS.set(ctx, key, skill)
