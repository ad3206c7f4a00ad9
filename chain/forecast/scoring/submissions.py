"""Fixing forecasts, in the open or sealed, revealing them, and models behind them."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.forecast.v1 import events_pb2, state_pb2, tx_pb2

from chain import market, metering
from chain.forecast.keeper import (
    ForecastError,
    get_params,
    get_target,
    take,
)
from chain.forecast.scoring import models, rules
from chain.forecast.scoring.targets import extend
from chain.forecast.state import FORECASTS, MODELS, ROUNDS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require


def commit_forecast(
    ctx: Context, msg: tx_pb2.MsgCommitForecast
) -> tx_pb2.MsgCommitForecastResponse:
    """Fixes a sealed forecast."""
    count = len(msg.hashes)
    are_hashes = all(len(one) == rules.HASH_BYTES for one in msg.hashes)
    good = are_hashes and 0 < count <= rules.SLOTS_PER_MESSAGE_MAX
    require(good, ForecastError.SLOTS_INVALID)
    target = _require_free(ctx, msg, count)
    # The last check: a balance that is too small.
    take(ctx, ctx.signer, count * msg.stake_per_slot)
    forecasts = [state_pb2.SlotForecast(hash=one, stake=msg.stake_per_slot) for one in msg.hashes]
    _fix(ctx, msg, target, forecasts)
    return tx_pb2.MsgCommitForecastResponse()


def submit_forecast(
    ctx: Context, msg: tx_pb2.MsgSubmitForecast
) -> tx_pb2.MsgSubmitForecastResponse:
    """Fixes a forecast in the open."""
    parts = _split(msg.quantiles)
    target = _require_free(ctx, msg, len(parts))
    _require_quantiles(target, parts)
    # The last check: a balance that is too small.
    take(ctx, ctx.signer, len(parts) * msg.stake_per_slot)
    forecasts = [state_pb2.SlotForecast(quantiles=part, stake=msg.stake_per_slot) for part in parts]
    _fix(ctx, msg, target, forecasts)
    return tx_pb2.MsgSubmitForecastResponse()


def reveal_forecast(
    ctx: Context, msg: tx_pb2.MsgRevealForecast
) -> tx_pb2.MsgRevealForecastResponse:
    """Shows what was fixed."""
    target = get_target(ctx, msg.target_id)
    parts = _split(msg.quantiles)
    fits = len(parts) == len(msg.salts) and all(len(s) == rules.HASH_BYTES for s in msg.salts)
    require(fits, ForecastError.SLOTS_INVALID)
    _require_quantiles(target, parts)
    revealed = [
        _require_sealed(ctx, msg, msg.first_slot + place, part, salt)
        for place, (part, salt) in enumerate(zip(parts, msg.salts, strict=True))
    ]
    for place, (forecast, part) in enumerate(zip(revealed, parts, strict=True)):
        forecast.quantiles.extend(part)
        key = (msg.first_slot + place, msg.target_id)
        FORECASTS.set(ctx, (key, ctx.signer), forecast)
    ctx.emit(
        events_pb2.EventForecastRevealed(
            target_id=msg.target_id,
            forecaster=msg.forecaster,
            first_slot=msg.first_slot,
            quantiles=msg.quantiles,
        )
    )
    return tx_pb2.MsgRevealForecastResponse()


def register_model(ctx: Context, msg: tx_pb2.MsgRegisterModel) -> tx_pb2.MsgRegisterModelResponse:
    """Puts the next model of the signer on record."""
    model = state_pb2.Model(
        name=msg.name,
        model_hash=msg.model_hash,
        data_hash=msg.data_hash,
        metrics=msg.metrics,
        from_slot=msg.from_slot,
    )
    error = models.find_model_error(model)
    require(not error, ForecastError.MODEL_INVALID, error)
    last = next(MODELS.under(ctx.signer).items(ctx, reverse=True), None)
    now = slots.slot_at(ctx.block.time_s, metering.get_params(ctx).slot_length_s)
    first = max(now + 1, last[1].from_slot if last else 0)
    later = msg.from_slot >= first
    require(later, ForecastError.MODEL_INVALID, f"from slot {first} on, at the earliest")
    number = last[0] + 1 if last else 1
    most = get_params(ctx).models_max
    require(number <= most, ForecastError.TOO_MANY_MODELS, f"{most} in all")
    MODELS.set(ctx, (ctx.signer, number), model)
    ctx.emit(events_pb2.EventModelRegistered(forecaster=msg.forecaster, number=number, model=model))
    return tx_pb2.MsgRegisterModelResponse(number=number)


def _require_free(
    ctx: Context, msg: tx_pb2.MsgCommitForecast | tx_pb2.MsgSubmitForecast, count: int
) -> state_pb2.Target:
    """The target; rejects slots that the signer cannot forecast, or not with this stake."""
    target, params = get_target(ctx, msg.target_id), get_params(ctx)
    require(not target.ended, ForecastError.TARGET_ENDED)
    in_range = params.stake_min <= msg.stake_per_slot <= params.stake_max
    require(in_range, ForecastError.STAKE_INVALID, f"{params.stake_min} to {params.stake_max}")
    length_s = metering.get_params(ctx).slot_length_s
    first, last = msg.first_slot, msg.first_slot + count - 1
    # The gate of the first slot closes first.
    is_open = ctx.block.time_s < market.get_gate_closure_s(ctx, first)
    require(is_open, ForecastError.GATE_CLOSED, f"slot {first}")
    most = slots.slot_at(ctx.block.time_s, length_s) + params.horizon_slots
    require(last <= most, ForecastError.SLOT_TOO_FAR, f"up to slot {most}")
    for slot in range(first, last + 1):
        key = (slot, msg.target_id)
        own = FORECASTS.has(ctx, (key, ctx.signer))
        require(not own, ForecastError.ALREADY_FORECAST, f"slot {slot}")
        taken = ROUNDS.get_shared(ctx, key)
        room = taken is None or taken.forecasts < params.forecasts_per_slot_max
        require(room, ForecastError.TOO_MANY_FORECASTS, f"slot {slot}")
    return target


def _split(quantiles: Sequence[int]) -> list[list[int]]:
    """Quantiles slot by slot; rejects an incomplete slot, none, and too many."""
    count, rest = divmod(len(quantiles), rules.QUANTILES)
    complete = not rest and 0 < count <= rules.SLOTS_PER_MESSAGE_MAX
    require(complete, ForecastError.SLOTS_INVALID)
    flat, width = list(quantiles), rules.QUANTILES
    return [flat[first : first + width] for first in range(0, len(flat), width)]


def _require_quantiles(target: state_pb2.Target, parts: Sequence[Sequence[int]]) -> None:
    for place, part in enumerate(parts):
        good = rules.are_quantiles(target.quantity, part)
        require(good, ForecastError.QUANTILES_INVALID, f"slot {place} of the message")


def _require_sealed(
    ctx: Context, msg: tx_pb2.MsgRevealForecast, slot: int, quantiles: list[int], salt: bytes
) -> state_pb2.SlotForecast:
    """The sealed forecast of a slot; rejects what cannot be revealed, or not now."""
    forecast = FORECASTS.get(ctx, ((slot, msg.target_id), ctx.signer))
    if forecast is None or forecast.quantiles:
        raise ChainError(ForecastError.NOT_COMMITTED, f"slot {slot}")
    closed = ctx.block.time_s >= market.get_gate_closure_s(ctx, slot)
    require(closed, ForecastError.TOO_EARLY, f"slot {slot}")
    in_time = ctx.block.time_s < metering.get_deadline_s(ctx, slot)
    require(in_time, ForecastError.TOO_LATE, f"slot {slot}")
    found = rules.compute_hash(ctx.block.chain_id, ctx.signer, msg.target_id, slot, quantiles, salt)
    require(found == forecast.hash, ForecastError.HASH_DIFFERS, f"slot {slot}")
    return forecast


def _fix(
    ctx: Context,
    msg: tx_pb2.MsgCommitForecast | tx_pb2.MsgSubmitForecast,
    target: state_pb2.Target,
    forecasts: Sequence[state_pb2.SlotForecast],
) -> None:
    """Writes the forecasts of consecutive slots, numbered behind those that are there."""
    for slot, forecast in enumerate(forecasts, msg.first_slot):
        key = (slot, msg.target_id)
        taken = ROUNDS.get(ctx, key) or state_pb2.Round()
        taken.forecasts += 1
        forecast.number = taken.forecasts
        # The orderer cannot offer less once it has the forecasts.
        taken.reward = max(taken.reward, target.reward_per_slot)
        ROUNDS.set(ctx, key, taken)
        FORECASTS.set(ctx, (key, ctx.signer), forecast)
    extend(ctx, msg.target_id, target, msg.first_slot + len(forecasts) - 1)
    ctx.emit(
        events_pb2.EventForecastFixed(
            target_id=msg.target_id,
            forecaster=msg.forecaster,
            first_slot=msg.first_slot,
            slots=len(forecasts),
            stake_per_slot=msg.stake_per_slot,
            quantiles=[one for forecast in forecasts for one in forecast.quantiles],
        )
    )
