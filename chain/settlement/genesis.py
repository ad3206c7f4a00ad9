"""What a genesis document must promise about settlements."""

from __future__ import annotations

from blockenergy.settlement.v1 import state_pb2

from chain import market, registry
from chain.runtime import bech32
from chain.runtime.collections import GenesisError, HasStore
from chain.runtime.units import WH_PER_KWH
from chain.settlement import rules
from chain.settlement.state import PARAMS, PROGRESS, RESULTS

# A meter that was silent for a century is still settled in 64 bits.
_HOURS_MAX = 1_000_000
_VALUE_MAX = 1 << 63
_STAGES = frozenset(state_pb2.Stage.values())


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless limits and the backstop make sense."""
    params = PARAMS.get(state)
    if not registry.is_participant(state, bech32.decode(params.backstop)):
        raise GenesisError("settlement.params.backstop: not a participant")
    if not 0 < params.accounts_per_block_max <= 1_000_000:
        raise GenesisError("settlement.params.accounts_per_block_max: 1 to 1000000 is expected")
    if not 0 < params.pruned_per_block_max <= 1_000_000:
        raise GenesisError("settlement.params.pruned_per_block_max: 1 to 1000000 is expected")
    if not 0 < params.history_slots <= 1_000_000:
        raise GenesisError("settlement.params.history_slots: 1 to 1000000 is expected")
    largest_w = registry.get_capacity_max_w(state)
    price = market.get_params(state).price_high_per_kwh
    if largest_w * _HOURS_MAX * price > _VALUE_MAX * WH_PER_KWH:
        raise GenesisError("registry.params.capacity_max_w times the highest price is too large")
    _validate_progress(state)


def _validate_progress(state: HasStore) -> None:
    progress = PROGRESS.get(state)
    if progress.owner:
        bech32.decode(progress.owner)
    if progress.stage not in _STAGES:
        raise GenesisError("settlement.progress: there is no such stage")
    if progress.stage != state_pb2.STAGE_UNSPECIFIED:
        found = market.get_first_slot_from(state, progress.slot)
        if found is None or found[0] != progress.slot or not RESULTS.has(state, progress.slot):
            raise GenesisError("settlement.progress: the slot in settlement has no result")
        if not rules.is_final(found[1]):
            raise GenesisError("settlement.progress: the slot in settlement is not closed")
