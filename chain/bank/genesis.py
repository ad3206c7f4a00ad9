"""Checks of the bank's part of a genesis document."""

from __future__ import annotations

from chain import registry
from chain.bank.keeper import CREDIT_PREFIX, VOUCHER_PREFIX
from chain.bank.state import ARREARS, DENOM_COUNT, DENOMS, PARAMS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore

_DEPOSIT_MAX = 10**12
_DENOMS_CEILING = 10_000
# Twice the initial arrears stay in 64 bits.
_ARREARS_MAX = 1 << 62


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits are valid."""
    params = PARAMS.get(state)
    if not 0 < params.expiries_per_block_max <= 100_000:
        raise GenesisError("bank.params.expiries_per_block_max: 1 to 100000 is expected")
    if not 0 < params.hold_duration_max_s < 1 << 40:
        raise GenesisError("bank.params.hold_duration_max_s: 1 to 2^40 is expected")
    if params.deposit_per_entry > _DEPOSIT_MAX:
        raise GenesisError(f"bank.params.deposit_per_entry: at most {_DEPOSIT_MAX} is expected")
    if not DENOM_COUNT.last(state) <= params.denoms_max <= _DENOMS_CEILING:
        expected = f"{DENOM_COUNT.last(state)} to {_DENOMS_CEILING}"
        raise GenesisError(f"bank.params.denoms_max: {expected} is expected")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless issuers are registered, and arrears can grow."""
    for name, denom in DENOMS.items(state):
        # Carbon credits and vouchers are minted by a module.
        if name.startswith((CREDIT_PREFIX, VOUCHER_PREFIX)) and not denom.issuer:
            continue
        if not registry.is_participant(state, bech32.decode(denom.issuer)):
            raise GenesisError(f"bank.denoms {name}: the issuer is no participant")
    for (debtor, denom_name), amount in ARREARS.items(state):
        if not DENOMS.has(state, denom_name) or amount > _ARREARS_MAX:
            name = bech32.encode(debtor)
            raise GenesisError(f"bank.arrears {name}: no denomination, or more than can be owed")
