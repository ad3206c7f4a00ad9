"""Validation of tie lines in a genesis document."""

from __future__ import annotations

from chain import ibc
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.collections import GenesisError, HasStore
from chain.tielines import keeper
from chain.tielines.state import PLACED, SCHEDULES, TIE_LINES


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless tie lines have known clients, and schedules known tie lines."""
    for name, line in TIE_LINES.items(state):
        bech32.decode(line.operator)
        if not keeper.is_name(name) or line.notice_s > SECONDS_PER_DAY:
            raise GenesisError(f"tielines.tie_lines {name}: its name or its notice is not valid")
        try:
            ibc.require_client(state, line.client_id)
        except ChainError:
            raise GenesisError(f"tielines.tie_lines {name}: its client is not known") from None
    for (slot, name), _ in SCHEDULES.items(state):
        if not TIE_LINES.has(state, name):
            raise GenesisError(f"tielines.schedules {slot}, {name}: there is no such tie line")
    if next(PLACED.items(state), None) is not None:
        raise GenesisError("tielines.placed: orders last no longer than a block")
