"""Who may send a transaction, and in which order."""

from __future__ import annotations

from blockenergy.auth.v1 import state_pb2

from chain.auth.state import ACCOUNT_NUMBERS, ACCOUNTS, PARAMS
from chain.runtime import tx as txs
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.gas import compute_min_fee
from chain.runtime.state.collections import HasStore


def create_account(ctx: Context, address: bytes) -> None:
    """Gives a newly registered address its account; an address that has one keeps it."""
    if not ACCOUNTS.has(ctx, address):
        number = ACCOUNT_NUMBERS.next(ctx)
        ACCOUNTS.set(ctx, address, state_pb2.Account(account_number=number))


def get_account(state: HasStore, address: bytes) -> state_pb2.Account | None:
    """The account of an address, or None."""
    return ACCOUNTS.get(state, address)


def require_account(state: HasStore, address: bytes) -> state_pb2.Account:
    """The account of an address; rejects an address that has none."""
    account = ACCOUNTS.get(state, address)
    if account is None:
        raise ChainError(SdkError.UNKNOWN_ADDRESS)
    return account


def put_account(ctx: Context, address: bytes, account: state_pb2.Account) -> None:
    """Keeps an account that has been authenticated."""
    ACCOUNTS.set(ctx, address, account)


def get_params(state: HasStore) -> state_pb2.Params:
    """The limits and prices of transactions; to be read only."""
    return PARAMS.get_shared(state)


def validate_basic(tx: txs.DecodedTx, params: state_pb2.Params, height: int) -> int:
    """Rejects a transaction that breaks a limit beyond those of `ante.decode`, or offers less than
    the minimum fee; returns its gas. height: of the block that would hold it.
    """
    gas = validate_limits(tx, params, height)
    if gas > tx.gas_limit:
        raise ChainError(SdkError.OUT_OF_GAS, f"needs {gas}, limit {tx.gas_limit}")
    _require_min_fee(tx, params)
    return gas


def validate_limits(tx: txs.DecodedTx, params: state_pb2.Params, height: int) -> int:
    """As `validate_basic`, whatever the transaction offers for its gas."""
    require(not tx.timeout_height or height <= tx.timeout_height, SdkError.TIMEOUT_HEIGHT)
    require(tx.memo_bytes <= params.memo_bytes_max, SdkError.MEMO_TOO_LARGE)
    most = params.gas_limit_max
    require(tx.gas_limit <= most, SdkError.INVALID_REQUEST, "gas limit too high")
    gas = compute_gas(tx, params)
    if gas > most:
        raise ChainError(SdkError.TX_TOO_LARGE, f"needs {gas} gas, max {most}")
    return gas


def compute_gas(tx: txs.DecodedTx, params: state_pb2.Params) -> int:
    """Gas of a transaction: for itself, its bytes and each of its messages.

    It stands for the work and is known before: it depends on the transaction and parameters alone.
    """
    return params.gas_per_tx + params.gas_per_byte * tx.size_bytes + tx.message_gas


def authenticate(account: state_pb2.Account, tx: txs.DecodedTx, chain_id: str) -> None:
    """Checks sequence and signature of a transaction and counts up the sequence of its account.

    It fails if the sequence is not the next one, if no public key is known, or if the signature
    does not fit; then the account is as it was.
    """
    if tx.sequence != account.sequence:
        detail = f"account sequence mismatch, expected {account.sequence}, got {tx.sequence}"
        raise ChainError(SdkError.WRONG_SEQUENCE, detail)
    signer_data = get_signer_data(account, tx, chain_id)
    if signer_data is None:
        detail = "the first transaction must carry the public key"
        raise ChainError(SdkError.INVALID_PUB_KEY, detail)
    require(txs.verify_signature(tx, signer_data), SdkError.UNAUTHORIZED)
    account.sequence += 1
    account.pub_key = signer_data.pub_key


def get_signer_data(
    account: state_pb2.Account, tx: txs.DecodedTx, chain_id: str
) -> txs.SignerData | None:
    """What the signature of a transaction has to be good for; None if no public key is known."""
    key = tx.pub_key or account.pub_key
    return txs.SignerData(chain_id, account.account_number, key) if key else None


def _require_min_fee(tx: txs.DecodedTx, params: state_pb2.Params) -> None:
    paid = 0
    for denom, amount in tx.fee:
        if denom != params.fee_denom:
            raise ChainError(SdkError.INVALID_COINS, f"fees are paid in {params.fee_denom}")
        paid += amount
    minimum = compute_min_fee(tx.gas_limit, params.min_gas_price_micro)
    if paid < minimum:
        detail = f"{paid}{params.fee_denom} of {minimum}{params.fee_denom}"
        raise ChainError(SdkError.INSUFFICIENT_FEE, detail)
