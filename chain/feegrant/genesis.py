"""Validation of the allowances in a genesis document."""

from __future__ import annotations

from chain import registry
from chain.feegrant.keeper import ALLOWANCES_MAX
from chain.feegrant.state import ALLOWANCES
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless allowances are such as messages give."""
    counts: dict[bytes, int] = {}
    for (granter, grantee), allowance in ALLOWANCES.items(state):
        name = f"feegrant.allowances {bech32.encode(granter)} {bech32.encode(grantee)}"
        counts[granter] = counts.get(granter, 0) + 1
        if counts[granter] > ALLOWANCES_MAX:
            raise GenesisError(f"{name}: more than {ALLOWANCES_MAX} of one granter")
        if granter == grantee:
            raise GenesisError(f"{name}: granter and grantee are the same")
        if not all(registry.is_participant(state, address) for address in (granter, grantee)):
            raise GenesisError(f"{name}: both have to be participants")
        if allowance.unlimited == bool(allowance.left):
            raise GenesisError(f"{name}: an amount, or none because it is unlimited, is expected")
