"""Validation of certificates in a genesis document."""

from __future__ import annotations

from chain import carbon, registry, settlement
from chain.certificates.state import (
    CLAIMS,
    HOLDINGS,
    LAST_LOCK,
    LOCKS,
    PARAMS,
    PRICES,
    SERIES,
    TOUCHED,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import PERMILLE

_LIFE_MAX_S = 547 * 86_400
_WH_MAX = 1 << 60
# Minimum and maximum of each parameter.
_LIMITS = {
    "claim_slots": (1, 1_000_000),
    "certificate_life_s": (1, _LIFE_MAX_S),
    # Each takes two records, and the gas of a message stands for that many.
    "entries_per_message_max": (1, 1_000),
    "entry_min_wh": (1, 1_000_000),
    "closed_slots_per_block_max": (1, 1_000_000),
    "expired_per_block_max": (1, 1_000_000),
    "offset_share_permille": (0, PERMILLE),
}


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits make sense, and lines last as long as claims."""
    params = PARAMS.get(state)
    if not registry.is_participant(state, bech32.decode(params.beneficiary)):
        raise GenesisError("certificates.params.beneficiary: not a participant")
    for name, (lowest, highest) in _LIMITS.items():
        if not lowest <= getattr(params, name) <= highest:
            raise GenesisError(f"certificates.params.{name}: {lowest} to {highest} is expected")
    if params.claim_slots > settlement.get_history_slots(state):
        raise GenesisError(
            "certificates.params.claim_slots: more than settlement.params.history_slots"
        )


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless amounts and slots are in range."""
    next_slot = settlement.get_next_slot(state)
    for (slot, _), series in SERIES.items(state):
        if slot >= next_slot:
            raise GenesisError(f"certificates.series {slot}: the slot is not settled")
        if series.issued_wh > series.made_wh or series.made_wh > _WH_MAX:
            raise GenesisError(f"certificates.series {slot}: more is issued than was made")
        if series.withdrawn_wh + series.debt_wh > series.made_wh:
            raise GenesisError(f"certificates.series {slot}: more is withdrawn than was made")
    for slot, touched_wh in TOUCHED.items(state):
        if touched_wh > carbon.get_free_wh(state, slot):
            raise GenesisError(f"certificates.touched {slot}: more than there are certificates")
    for (slot, _), claim in CLAIMS.items(state):
        if slot >= next_slot:
            raise GenesisError(f"certificates.claims {slot}: the slot is not settled")
        if sum(part.wh for part in claim.retired_by_source) != claim.retired_wh:
            raise GenesisError(f"certificates.claims {slot}: sources do not add up to retired_wh")
    for (slot, _), holding in HOLDINGS.items(state):
        if not holding.wh:
            raise GenesisError(f"certificates.holdings {slot}: nothing has no entry")
    for number, lock in LOCKS.items(state):
        valid = number <= LAST_LOCK.last(state) and all(0 < e.wh <= _WH_MAX for e in lock.entries)
        for address in (lock.holder, *(entry.producer for entry in lock.entries)):
            bech32.decode(address)
        if not valid or not lock.entries:
            raise GenesisError(f"certificates.locks {number}: its number or entries are not valid")
    for holder, asked in PRICES.items(state):
        if not asked.price_per_kwh:
            raise GenesisError(f"certificates.prices {bech32.encode(holder)}: 0 has no entry")
