"""What a genesis document must promise about settlements."""

from __future__ import annotations

from chain import registry
from chain.runtime import bech32
from chain.runtime.collections import GenesisError, HasStore
from chain.settlement.state import PARAMS


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
