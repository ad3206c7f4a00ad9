"""The ante handler: what every transaction has to pass before its messages are executed.

Promises that it is the same for the mempool, for proposals and for blocks, and that a transaction
that it rejects changes nothing. One that passes has used up its sequence and paid its fee,
whatever becomes of its messages.
"""

from __future__ import annotations

from blockenergy.auth.v1.state_pb2 import Params

from chain import auth, bank, feegrant, registry
from chain.params import is_change_by_authority
from chain.ruleset import Ruleset
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.tx import DecodedTx, SignerData


def decode(raw: bytes, params: Params, ruleset: Ruleset) -> DecodedTx:
    """The transaction in some bytes. What is too large, or has too many messages, is rejected
    before it is decoded. params: those of accounts, as for `check`.
    """
    require(len(raw) <= params.tx_bytes_max, SdkError.TX_TOO_LARGE)
    return ruleset.decode_tx(raw, params.messages_per_tx_max)


def check(ctx: Context, tx: DecodedTx, params: Params) -> int:
    """Takes fee and sequence of a transaction; returns its gas.

    Rejects a transaction that breaks a limit, whose signer may not send one of its messages or
    cannot pay the fee, whose sequence is not the next one, or whose signature does not verify.
    """
    gas = auth.validate_basic(tx, params, ctx.block.height)
    require_permission(ctx, tx)
    _require_funds(ctx, tx)
    account = auth.require_account(ctx, tx.signer)
    auth.authenticate(account, tx, ctx.block.chain_id)
    # Nothing below may be rejected.
    auth.put_account(ctx, tx.signer, account)
    payer = tx.fee_granter or tx.signer
    for denom, amount in tx.fee:
        bank.transfer(ctx, payer, bech32.decode(params.fee_collector), denom, amount)
        if tx.fee_granter:
            feegrant.use(ctx, payer, tx.signer, amount)
    return gas


def require_permission(ctx: Context, tx: DecodedTx) -> None:
    """Rejects a transaction whose signer may not send one of its messages."""
    for handler, _ in tx.messages:
        # The registrar can suspend or remove the account of the authority, but not its right: it
        # must always be able to name another registrar.
        if not is_change_by_authority(ctx, handler.type_url, tx.signer):
            registry.require_permission(ctx, tx.signer, handler.roles, handler.even_removed)


def find_signer_data(ctx: Context, tx: DecodedTx) -> SignerData | None:
    """What `check` will verify the signature of a transaction against, so that it can be verified
    ahead; None if it has been, or if the transaction will be rejected before.

    A guess that turns out wrong costs time and changes nothing.
    """
    if tx.verified_for is not None:
        return None
    account = auth.get_account(ctx, tx.signer)
    # Of several that come together, only the first has the sequence that is next now.
    if account is None or tx.sequence < account.sequence:
        return None
    return auth.get_signer_data(account, tx, ctx.block.chain_id)


def _require_funds(ctx: Context, tx: DecodedTx) -> None:
    payer = tx.fee_granter or tx.signer
    for denom, amount in tx.fee:
        if tx.fee_granter:
            feegrant.require_allowance(ctx, payer, tx.signer, amount)
        if bank.get_balance(ctx, payer, denom) < amount:
            raise ChainError(SdkError.INSUFFICIENT_FUNDS, f"the fee is {amount}{denom}")
