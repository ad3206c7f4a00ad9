"""Validation of the settlement in a genesis document."""

from __future__ import annotations

from blockenergy.settlement.v1 import state_pb2

from chain import carbon, market, metering, registry
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div
from chain.settlement import rules
from chain.settlement.state import OWED_BY_FUND, PARAMS, PROGRESS, RESULTS

_VALUE_MAX = 1 << 63
# Twice the initial amounts stay in 64 bits.
_BEGUN_MAX = 1 << 62
_STAGES = frozenset(state_pb2.Stage.values())


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits and the backstop make sense, those of older slots included,
    and what can be metered can be paid for.
    """
    for params in PARAMS.list_all(state):
        _validate(state, params)
    # Even if all meters of an owner were silent for a century, its line has 64 bits.
    highest = market.get_price_max(state) + carbon.get_charge_max_per_kwh(state)
    if _compute_largest_wh(state) * highest > _VALUE_MAX * WH_PER_KWH:
        raise GenesisError("registry.params.capacity_max_w times the highest price is too large")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless progress and amounts are in range."""
    _validate_progress(state)
    _validate_amounts(state)


def _validate(state: HasStore, params: state_pb2.Params) -> None:
    if not registry.is_participant(state, bech32.decode(params.backstop)):
        raise GenesisError("settlement.params.backstop: not a participant")
    if not 0 < params.accounts_per_block_max <= 1_000_000:
        raise GenesisError("settlement.params.accounts_per_block_max: 1 to 1000000 is expected")
    if not 0 < params.pruned_per_block_max <= 1_000_000:
        raise GenesisError("settlement.params.pruned_per_block_max: 1 to 1000000 is expected")
    if not 0 <= params.default_fund_share_permille <= PERMILLE:
        raise GenesisError("settlement.params.default_fund_share_permille: 0 to 1000 is expected")
    if not 0 < params.history_slots <= 1_000_000:
        raise GenesisError("settlement.params.history_slots: 1 to 1000000 is expected")


def _compute_largest_wh(state: HasStore) -> int:
    """The most that the meters of an owner can measure in a century of silence."""
    largest_w = registry.get_capacity_max_w(state)
    tolerated = PERMILLE + metering.get_tolerance_max_permille(state)
    return ceil_div(largest_w * metering.SILENT_HOURS_MAX * tolerated, PERMILLE)


def _validate_amounts(state: HasStore) -> None:
    """Metered energy can be settled, and what the default fund owes can grow, in 64 bits."""
    metered_wh: dict[int, int] = {}
    for slot, energy_wh in metering.list_unsettled_energy(state, PROGRESS.get(state).slot):
        metered_wh[slot] = metered_wh.get(slot, 0) + energy_wh
    for slot, energy_wh in metered_wh.items():
        highest = _get_price_high(state, slot) + carbon.get_charge_max_per_kwh(state)
        if energy_wh * highest > _BEGUN_MAX * WH_PER_KWH:
            raise GenesisError(f"metering.readings {slot}: more than can be settled")
    for (slot, _), amount in OWED_BY_FUND.items(state):
        if not 0 < amount <= _BEGUN_MAX:
            raise GenesisError(f"settlement.owed_by_fund {slot}: nothing, or more than can be owed")
    largest_wh = _compute_largest_wh(state)
    for meter_id, estimated_wh, price in metering.list_estimates(state):
        highest = price + carbon.get_charge_max_per_kwh(state)
        if max(estimated_wh * highest, largest_wh * highest // 2) > _BEGUN_MAX * WH_PER_KWH:
            raise GenesisError(f"metering.baselines {meter_id}: more than can be settled")


def _get_price_high(state: HasStore, slot: int) -> int:
    """The highest price of a slot, or of one that has yet to be opened."""
    return (market.get_slot(state, slot) or market.get_params(state)).price_high_per_kwh


def _validate_progress(state: HasStore) -> None:
    progress = PROGRESS.get(state)
    if progress.owner:
        bech32.decode(progress.owner)
    if progress.history_from > progress.slot:
        raise GenesisError("settlement.progress.history_from: slots that are not settled are kept")
    if progress.stage not in _STAGES:
        raise GenesisError("settlement.progress: there is no such stage")
    if progress.stage != state_pb2.STAGE_UNSPECIFIED:
        info = market.get_slot(state, progress.slot)
        if info is None or not RESULTS.has(state, progress.slot):
            raise GenesisError("settlement.progress: the slot in settlement has no result")
        if not rules.is_final(info):
            raise GenesisError("settlement.progress: the slot in settlement is not closed")
        if not carbon.has_rates(state, progress.slot):
            raise GenesisError("settlement.progress: the slot in settlement has no carbon factors")
