"""Validation of forecasts and prediction markets in a genesis document."""

from __future__ import annotations

from blockenergy.forecast.v1 import state_pb2

from chain import metering, registry
from chain.forecast import invariants
from chain.forecast.prediction import rules as prediction_rules
from chain.forecast.scoring import models, rules
from chain.forecast.state import (
    FORECASTS,
    FROZEN,
    HOLDINGS,
    MARKET_IDS,
    MARKETS,
    MODELS,
    OUTCOMES,
    PARAMS,
    SKILLS,
    TARGET_IDS,
    TARGETS,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import PERMILLE

_MONEY_MAX = 1 << 50
_SECONDS_MAX = 1 << 40
# Parameters, with the least and the most that they can be.
_RANGES = {
    "stake_min": (0, _MONEY_MAX),
    "stake_max": (0, _MONEY_MAX),
    "burn_permille": (0, PERMILLE),
    "unrevealed_permille": (0, PERMILLE),
    "skill_slots": (1, rules.SKILL_SLOTS_MAX),
    "horizon_slots": (1, 10_000),
    "forecasts_per_slot_max": (1, 1000),
    "targets_max": (1, 64),
    "models_max": (1, 10_000),
    "frozen_deviation_permille": (0, 10 * PERMILLE),
    "steps_per_block_max": (1, 1_000_000),
    "markets_max": (1, 100_000),
    "beta_max": (prediction_rules.BETA_MIN, prediction_rules.BETA_CEILING),
    "position_max": (1, _MONEY_MAX),
    "owner_share_permille": (0, PERMILLE),
    "estimated_permille": (0, PERMILLE),
    "report_bond": (1, 1 << 40),
    "report_window_s": (1, _SECONDS_MAX),
    "dispute_window_s": (1, _SECONDS_MAX),
    "decision_window_s": (1, _SECONDS_MAX),
    "dispute_rounds_max": (1, prediction_rules.ROUNDS_CEILING),
    "question_window_s": (1, _SECONDS_MAX),
}
_QUANTITIES = frozenset(state_pb2.Quantity.values()) - {0}
_STATUSES = frozenset(state_pb2.MarketStatus.values()) - {0}
_HASH_LENGTHS = (0, rules.HASH_BYTES)
_QUANTILE_COUNTS = (0, rules.QUANTILES)


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits make sense."""
    params = PARAMS.get(state)
    for name, (least, most) in _RANGES.items():
        if not least <= getattr(params, name) <= most:
            raise GenesisError(f"forecast.params.{name}: {least} to {most} is expected")
    if params.stake_max < params.stake_min:
        raise GenesisError("forecast.params.stake_max: below stake_min")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless all records have their form and every invariant holds."""
    _validate_targets(state)
    _validate_forecasts(state)
    _validate_outcomes(state)
    for market_id, market in MARKETS.items(state):
        _validate_market(state, market_id, market)
    for (market_id, owner), holding in HOLDINGS.items(state):
        market_of = MARKETS.get_shared(state, market_id)
        if market_of is None or len(holding.shares) != len(market_of.shares):
            raise GenesisError(f"forecast.holdings {bech32.encode(owner)}: shares do not fit")
    for check in invariants.ALL:
        if problems := check(state):
            raise GenesisError(f"forecast: {problems[0]}")


def _validate_targets(state: HasStore) -> None:
    for target_id, target in TARGETS.items(state):
        name = f"forecast.targets {target_id}"
        known = not target.feeder or registry.get_feeder(state, target.feeder) is not None
        if target.quantity not in _QUANTITIES or not known:
            raise GenesisError(f"{name}: quantity or feeder is not valid")
        bech32.decode(target.orderer)
        if target_id > TARGET_IDS.last(state):
            raise GenesisError(f"{name}: beyond last_target_id")


def _validate_forecasts(state: HasStore) -> None:
    for ((slot, target_id), forecaster), forecast in FORECASTS.items(state):
        name = f"forecast.forecasts {slot}, {target_id}, {bech32.encode(forecaster)}"
        target = TARGETS.get_shared(state, target_id)
        if target is None or slot > target.last_slot:
            raise GenesisError(f"{name}: beyond its target")
        quantiles = list(forecast.quantiles)
        good = not quantiles or rules.are_quantiles(target.quantity, quantiles)
        if len(forecast.hash) not in _HASH_LENGTHS or not good:
            raise GenesisError(f"{name}: hash or quantiles are not valid")
        if not forecast.hash and not quantiles:
            raise GenesisError(f"{name}: neither open nor sealed")
    for (forecaster, number), model in MODELS.items(state):
        if error := models.find_model_error(model):
            raise GenesisError(f"forecast.models {bech32.encode(forecaster)}, {number}: {error}")


def _validate_outcomes(state: HasStore) -> None:
    for (slot, target_id), outcome in OUTCOMES.items(state):
        # A chain may begin with a history from before its first slot.
        last = metering.get_last_settled(state)
        if abs(outcome.value) >= rules.VALUE_LIMIT or (last and slot > last):
            raise GenesisError(f"forecast.outcomes {slot}, {target_id}: not valid")
    for (slot, target_id), frozen in FROZEN.items(state):
        if len(frozen.quantiles) != rules.QUANTILES:
            raise GenesisError(f"forecast.frozen {slot}, {target_id}: nine quantiles are expected")
    for (target_id, forecaster), skill in SKILLS.items(state):
        if skill.slots > rules.SKILL_SLOTS_MAX or not TARGETS.has(state, target_id):
            raise GenesisError(
                f"forecast.skills {target_id}, {bech32.encode(forecaster)}: not valid"
            )


def _validate_market(state: HasStore, market_id: int, market: state_pb2.PredictionMarket) -> None:
    name = f"forecast.markets {market_id}"
    if error := prediction_rules.find_outcomes_error(market):
        raise GenesisError(f"{name}: {error}")
    count = prediction_rules.count_outcomes(market)
    if len(market.shares) != count or max(market.shares) > prediction_rules.SHARES_MAX:
        raise GenesisError(f"{name}: the shares are not valid")
    if not prediction_rules.BETA_MIN <= market.beta <= prediction_rules.BETA_CEILING:
        raise GenesisError(f"{name}: beta is out of range")
    if market.outcome >= count or market.status not in _STATUSES:
        raise GenesisError(f"{name}: outcome or status is not valid")
    if market_id > MARKET_IDS.last(state):
        raise GenesisError(f"{name}: beyond last_market_id")
    _validate_waiting(name, market, count)


def _validate_waiting(name: str, market: state_pb2.PredictionMarket, count: int) -> None:
    """Whatever a market waits for will come."""
    bech32.decode(market.creator)
    for bond in market.bonds:
        bech32.decode(bond.owner)
    disputed = market.status in (
        state_pb2.MARKET_STATUS_REPORTED,
        state_pb2.MARKET_STATUS_APPEALED,
    )
    is_open = market.status == state_pb2.MARKET_STATUS_OPEN
    asked = market.status == state_pb2.MARKET_STATUS_CLOSED and not market.target_id
    if bool(market.deadline_s) != (is_open or asked or disputed):
        raise GenesisError(f"{name}: the deadline does not fit the status")
    if asked and not market.closes_at_s <= market.reporter_until_s <= market.deadline_s:
        raise GenesisError(f"{name}: the turn of its reporter does not fit the deadline")
    if is_open and market.deadline_s != market.closes_at_s:
        raise GenesisError(f"{name}: it is open beyond its closing time")
    rounds_max = prediction_rules.ROUNDS_CEILING + 1
    if bool(market.bonds) != disputed or len(market.bonds) > rounds_max:
        raise GenesisError(f"{name}: the bonds do not fit the status")
    if disputed and market.target_id:
        raise GenesisError(f"{name}: a target is not reported")
    if any(bond.outcome >= count or bond.amount > 1 << 61 for bond in market.bonds):
        raise GenesisError(f"{name}: a bond is not valid")
