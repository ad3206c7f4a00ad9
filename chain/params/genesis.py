"""What a genesis document must promise about the authority and about parameters of older slots."""

from __future__ import annotations

from collections.abc import Sequence

from chain import market, registry
from chain.params.keeper import Changeable
from chain.params.state import PARAMS
from chain.runtime.encoding import bech32
from chain.runtime.params import get_from_slot
from chain.runtime.state.collections import GenesisError, HasStore


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless the authority is registered."""
    if not registry.is_participant(state, bech32.decode(PARAMS.get(state).authority)):
        raise GenesisError("params.params.authority: not a participant")


def validate_genesis(state: HasStore, modules: Sequence[Changeable]) -> None:
    """Raises GenesisError if parameters wait for a slot that is not the next one to be opened."""
    next_slot = market.get_last_opened(state) + 1
    for module in modules:
        if get_from_slot(module.params.get(state)) > next_slot:
            raise GenesisError(f"{module.name}.params.from_slot: behind last_slot")
