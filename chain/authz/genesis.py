"""Validation of the rights in a genesis document."""

from __future__ import annotations

from collections.abc import Container

from chain import registry
from chain.authz import rules
from chain.authz.state import GRANTS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore


def validate_genesis(state: HasStore, delegable: Container[str]) -> None:
    """Raises GenesisError unless rights are such as messages give."""
    counts: dict[bytes, int] = {}
    for (granter, grantee), grant in GRANTS.items(state):
        name = f"authz.grants {bech32.encode(granter)} {bech32.encode(grantee)}"
        counts[granter] = counts.get(granter, 0) + 1
        if counts[granter] > rules.GRANTS_MAX:
            raise GenesisError(f"{name}: more than {rules.GRANTS_MAX} of one granter")
        if granter == grantee:
            raise GenesisError(f"{name}: granter and grantee are the same")
        if not (
            registry.is_participant(state, granter) and registry.is_participant(state, grantee)
        ):
            raise GenesisError(f"{name}: both have to be participants")
        error = rules.find_authorization_error(grant.authorization, delegable)
        if error:
            raise GenesisError(f"{name}: {error}")
        slots = [entry.slot for entry in grant.ordered]
        if slots != sorted(set(slots)):
            raise GenesisError(f"{name}: slots are sorted, each named once")
        if grant.spent > grant.authorization.money_per_day:
            raise GenesisError(f"{name}: more is spent than is allowed for a day")
        allowed_wh = grant.authorization.quantity_per_slot_wh
        if any(not 0 < entry.quantity_wh <= allowed_wh for entry in grant.ordered):
            raise GenesisError(f"{name}: more is ordered than is allowed for a slot")
