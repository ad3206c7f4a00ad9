"""The money of a settlement: collecting what is owed, paying what is earned.

All payments of a slot go through the pool. A charge is taken from the hold, then from the balance;
what neither covers becomes arrears to the treasury, which advances it.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, market
from chain.runtime import bech32
from chain.runtime.collections import HasStore
from chain.runtime.context import Context
from chain.settlement.state import ARREARS, DEFERRED, PARAMS

# Keeps what imbalance payments leave over. It has no way out by itself: paying it back by metered
# energy would return part of a penalty to the one who paid it.
FUND = bank.module_account("imbalance fund")


def get_denom(state: HasStore) -> str:
    """The denomination of all payments."""
    return market.get_params(state).settlement_denom


def get_treasury(state: HasStore) -> bytes:
    """The account that funds the pool, advances what is uncovered, and takes what is left."""
    return bech32.decode(market.get_params(state).treasury)


def get_backstop(state: HasStore) -> bytes:
    """The account that supplies what is short and takes what is over."""
    return bech32.decode(PARAMS.get(state).backstop)


def get_grid_account(state: HasStore) -> bytes:
    """The account that grid fees and congestion rents belong to."""
    return bech32.decode(market.get_params(state).grid_account)


def collect(
    ctx: Context, owner: bytes, position: market_pb2.Position | None, amount: int, denom: str
) -> int:
    """Takes up to an amount into the pool, from the hold and then from the balance.

    Ends the hold of the position; what it held beyond the amount flows back to its owner first.
    Returns what was collected.
    """
    collected = 0
    if position is not None:
        hold = bank.get_hold(ctx, owner, position.hold_id)
        assert hold is not None, "a position has lost its hold"
        collected = min(hold.amount, amount)
        bank.post(ctx, owner, position.hold_id, market.POOL, collected)
    if collected < amount:
        collected += pay_what_is_there(ctx, owner, market.POOL, amount - collected, denom)
    return collected


def pay_what_is_there(ctx: Context, source: bytes, target: bytes, amount: int, denom: str) -> int:
    """Transfers up to an amount, as far as the balance goes; returns what was paid."""
    paid = min(bank.get_balance(ctx, source, denom), amount)
    bank.transfer(ctx, source, target, denom, paid)
    return paid


def owe(ctx: Context, debtor: bytes, creditor: bytes, amount: int) -> None:
    """Books arrears; what somebody owes himself is nothing."""
    if amount and debtor != creditor:
        owed = ARREARS.get(ctx, (debtor, creditor)) or 0
        ARREARS.set(ctx, (debtor, creditor), owed + amount)


def reduce_arrears(ctx: Context, debtor: bytes, creditor: bytes, amount: int) -> int:
    """Books that arrears were paid, whole or in part; returns what is still owed."""
    remaining = (ARREARS.get(ctx, (debtor, creditor)) or 0) - amount
    assert remaining >= 0, "more was paid than is owed"
    if remaining:
        ARREARS.set(ctx, (debtor, creditor), remaining)
    else:
        ARREARS.delete(ctx, (debtor, creditor))
    return remaining


def collect_arrears(ctx: Context, debtor: bytes, denom: str) -> None:
    """Takes what an account owes the treasury from its balance, as far as that goes."""
    treasury = get_treasury(ctx)
    owed = ARREARS.get(ctx, (debtor, treasury))
    if owed:
        paid = pay_what_is_there(ctx, debtor, treasury, owed, denom)
        reduce_arrears(ctx, debtor, treasury, paid)


def pay_credit(
    ctx: Context,
    slot: int,
    owner: bytes,
    amount: int,
    result: state_pb2.SlotResult,
    denom: str,
) -> None:
    """Pays a credit from the slot's money in the pool, or defers it if that is not enough yet."""
    if amount <= result.cash:
        bank.transfer(ctx, market.POOL, owner, denom, amount)
        result.cash -= amount
    else:
        DEFERRED.set(ctx, (slot, owner), amount)
        result.deferred += amount
