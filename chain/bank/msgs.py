"""Messages of participants about money."""

from __future__ import annotations

import re

from blockenergy.bank.v1 import events_pb2, state_pb2, tx_pb2
from cosmos.bank.v1beta1 import tx_pb2 as cosmos_tx_pb2

from chain import registry
from chain.bank import keeper
from chain.bank.keeper import BankError
from chain.bank.lifecycle import HOLD, HoldEvent, get_hold_status
from chain.bank.state import PARAMS
from chain.runtime.context import Context, CosmosEvent
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.tx import decode_address, decode_amount, decode_coins

_DENOM = re.compile(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}")
_SYMBOL = re.compile(r"[!-~]{1,16}")
_DECIMALS_MAX = 18
ANYBODY: frozenset[int] = frozenset()
_SENT = cosmos_tx_pb2.MsgSendResponse()


def send(ctx: Context, msg: cosmos_tx_pb2.MsgSend) -> cosmos_tx_pb2.MsgSendResponse:
    """Sends coins to a registered participant."""
    target = decode_address(msg.to_address)
    registry.require_permission(ctx, target, ANYBODY)
    coins = decode_coins(msg.amount)
    require(coins, SdkError.INVALID_COINS, "no coins")
    # The transfer of a single coin checks this itself.
    if len(coins) > 1:
        for denom, amount in coins:
            keeper.require_balance(ctx, ctx.signer, denom, amount)
    for denom, amount in coins:
        keeper.transfer(ctx, ctx.signer, target, denom, amount)
    text = ",".join(f"{amount}{denom}" for denom, amount in coins)
    ctx.emit(
        CosmosEvent(
            "transfer",
            (("recipient", msg.to_address), ("sender", msg.from_address), ("amount", text)),
        )
    )
    return _SENT


def create_denom(ctx: Context, msg: tx_pb2.MsgCreateDenom) -> tx_pb2.MsgCreateDenomResponse:
    """Creates a denomination; the signer becomes its one issuer."""
    good = _DENOM.fullmatch(msg.denom) and _SYMBOL.fullmatch(msg.symbol)
    require(good and msg.decimals <= _DECIMALS_MAX, BankError.DENOM_INVALID)
    is_credit = msg.denom.startswith(keeper.CREDIT_PREFIX)
    require(not is_credit, BankError.DENOM_INVALID, "that is the name of a carbon credit")
    is_voucher = msg.denom.startswith(keeper.VOUCHER_PREFIX)
    require(not is_voucher, BankError.DENOM_INVALID, "that is the name of a voucher")
    keeper.create_denom(ctx, msg.denom, msg.issuer, msg.symbol, msg.decimals)
    return tx_pb2.MsgCreateDenomResponse()


def mint(ctx: Context, msg: tx_pb2.MsgMint) -> tx_pb2.MsgMintResponse:
    """Mints coins to a registered participant."""
    amount = decode_amount(msg.amount)
    _require_issuer(ctx, msg.issuer, msg.amount.denom)
    recipient = decode_address(msg.recipient)
    registry.require_active(ctx, recipient)
    keeper.mint(ctx, recipient, msg.amount.denom, amount)
    ctx.emit(events_pb2.EventMinted(denom=msg.amount.denom, recipient=msg.recipient, amount=amount))
    return tx_pb2.MsgMintResponse()


def burn(ctx: Context, msg: tx_pb2.MsgBurn) -> tx_pb2.MsgBurnResponse:
    """Burns coins from the issuer's own balance."""
    amount = decode_amount(msg.amount)
    _require_issuer(ctx, msg.issuer, msg.amount.denom)
    keeper.burn(ctx, ctx.signer, msg.amount.denom, amount)
    ctx.emit(events_pb2.EventBurned(denom=msg.amount.denom, issuer=msg.issuer, amount=amount))
    return tx_pb2.MsgBurnResponse()


def reserve(ctx: Context, msg: tx_pb2.MsgReserve) -> tx_pb2.MsgReserveResponse:
    """Sets money aside for a beneficiary until a deadline."""
    amount = decode_amount(msg.amount)
    keeper.require_denom(ctx, msg.amount.denom)
    registry.require_active(ctx, decode_address(msg.beneficiary))
    longest_s = PARAMS.get(ctx).hold_duration_max_s
    ahead_s = msg.deadline_s - ctx.block.time_s
    require(0 < ahead_s <= longest_s, BankError.DEADLINE_INVALID)
    deposit = keeper.get_deposit(ctx)
    hold_id = keeper.reserve(
        ctx, ctx.signer, msg.amount.denom, amount, msg.beneficiary, msg.deadline_s, deposit
    )
    ctx.emit(
        events_pb2.EventReserved(
            hold_id=hold_id,
            owner=msg.owner,
            beneficiary=msg.beneficiary,
            denom=msg.amount.denom,
            amount=amount,
            deadline_s=msg.deadline_s,
            deposit=deposit,
        )
    )
    return tx_pb2.MsgReserveResponse(hold_id=hold_id)


def post_hold(ctx: Context, msg: tx_pb2.MsgPostHold) -> tx_pb2.MsgPostHoldResponse:
    """Takes a hold, in whole or in part; the rest returns to its owner."""
    amount = decode_amount(msg.amount)
    hold = _require_own_hold(ctx, msg.owner, msg.hold_id, msg.beneficiary, HoldEvent.POST)
    fits = hold.denom == msg.amount.denom and amount <= hold.amount
    require(fits, BankError.HOLD_TOO_SMALL, f"{hold.amount}{hold.denom}")
    rest = keeper.post(ctx, decode_address(msg.owner), msg.hold_id, ctx.signer, amount)
    _announce_end(ctx, msg.owner, msg.hold_id, hold, posted=amount, returned=rest)
    return tx_pb2.MsgPostHoldResponse()


def void_hold(ctx: Context, msg: tx_pb2.MsgVoidHold) -> tx_pb2.MsgVoidHoldResponse:
    """Returns a hold to its owner."""
    hold = _require_own_hold(ctx, msg.owner, msg.hold_id, msg.beneficiary, HoldEvent.VOID)
    rest = keeper.void(ctx, decode_address(msg.owner), msg.hold_id)
    _announce_end(ctx, msg.owner, msg.hold_id, hold, posted=0, returned=rest)
    return tx_pb2.MsgVoidHoldResponse()


def _require_issuer(ctx: Context, issuer: str, denom: str) -> None:
    require(keeper.require_denom(ctx, denom).issuer == issuer, BankError.NOT_ISSUER)


def _require_own_hold(
    ctx: Context, owner: str, hold_id: int, beneficiary: str, event: HoldEvent
) -> state_pb2.Hold:
    """The hold; rejects one that has ended or is due, and one of another beneficiary."""
    hold = keeper.get_hold(ctx, decode_address(owner), hold_id)
    if hold is None or not HOLD.has(get_hold_status(hold, ctx.block.time_s), event):
        raise ChainError(BankError.HOLD_UNKNOWN)
    require(hold.beneficiary == beneficiary, BankError.NOT_BENEFICIARY)
    return hold


def _announce_end(
    ctx: Context, owner: str, hold_id: int, hold: state_pb2.Hold, *, posted: int, returned: int
) -> None:
    ctx.emit(
        events_pb2.EventHoldEnded(
            hold_id=hold_id,
            owner=owner,
            beneficiary=hold.beneficiary,
            denom=hold.denom,
            posted=posted,
            returned=returned,
            deposit=hold.deposit,
        )
    )
