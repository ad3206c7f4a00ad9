"""What a genesis document must promise about transactions."""

from __future__ import annotations

from blockenergy.params.v1.tx_pb2 import MsgUpdateParams

from chain.auth.state import ACCOUNTS, PARAMS
from chain.runtime.encoding import bech32
from chain.runtime.gas import get_message_gas
from chain.runtime.signatures import address_of, is_secp256k1_key
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.tx import MESSAGES_CEILING, TX_BYTES_CEILING

# What a change of parameters needs at least: they must never keep out the one that corrects them.
TX_BYTES_FLOOR = 1024


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless the parameters can work."""
    params = PARAMS.get(state)
    if not ACCOUNTS.has(state, bech32.decode(params.fee_collector)):
        raise GenesisError("auth.params.fee_collector: the address has no account")
    if not params.fee_denom:
        raise GenesisError("auth.params.fee_denom: a denomination is expected")
    if not TX_BYTES_FLOOR <= params.tx_bytes_max <= TX_BYTES_CEILING:
        expected = f"{TX_BYTES_FLOOR} to {TX_BYTES_CEILING}"
        raise GenesisError(f"auth.params.tx_bytes_max: {expected} is expected")
    if not 0 < params.messages_per_tx_max <= MESSAGES_CEILING:
        expected = f"1 to {MESSAGES_CEILING}"
        raise GenesisError(f"auth.params.messages_per_tx_max: {expected} is expected")
    if params.memo_bytes_max > params.tx_bytes_max:
        raise GenesisError("auth.params.memo_bytes_max: more than tx_bytes_max")
    own_gas = get_message_gas(MsgUpdateParams.DESCRIPTOR).own
    if params.gas_per_tx + params.gas_per_byte * TX_BYTES_FLOOR + own_gas > params.gas_limit_max:
        detail = f"below what a change of parameters of {TX_BYTES_FLOOR} bytes takes"
        raise GenesisError(f"auth.params.gas_limit_max: {detail}")
    if params.gas_per_block_max < params.gas_limit_max:
        raise GenesisError("auth.params.gas_per_block_max: below gas_limit_max")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless accounts have keys that can sign."""
    for address, account in ACCOUNTS.items(state):
        # An account has none before its first transaction.
        if not account.pub_key:
            continue
        if not is_secp256k1_key(account.pub_key):
            raise GenesisError(f"auth.accounts {bech32.encode(address)}: not a public key")
        if address_of(account.pub_key) != address:
            raise GenesisError(f"auth.accounts {bech32.encode(address)}: another account's key")
