"""The carbon fund: what open slots were paid, until it is refunded or their window closes.

What the pool could not pay for a slot is missing in the fund. The default fund owes it; to whom is
only known when it is refunded, or when the window closes.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.carbon.v1 import state_pb2

from chain import bank
from chain.carbon.state import FUNDS
from chain.runtime.context import Context

FUND = bank.module_account("carbon fund")


class Payment(NamedTuple):
    """What was paid from the fund, and what the default fund owes instead."""

    paid: int
    owed: int


def fill(ctx: Context, slot: int, paid: int, missing: int) -> None:
    """Notes what a slot has in the fund, which was paid, and what is missing."""
    if paid or missing:
        FUNDS.set(ctx, slot, state_pb2.SlotFund(balance=paid, missing=missing))


def refund(ctx: Context, slot: int, target: bytes, denom: str, amount: int) -> Payment:
    """Pays a refund from what the slot has in the fund."""
    if not amount:
        return Payment(0, 0)
    fund = FUNDS.get(ctx, slot)
    assert fund is not None and amount <= fund.balance + fund.missing, "more than was charged"
    payment = _pay(ctx, fund, target, denom, amount)
    fund.refunded += amount
    FUNDS.set(ctx, slot, fund)
    return payment


def close_slot(ctx: Context, slot: int, beneficiary: bytes, denom: str) -> Payment:
    """Pays what a slot has in the fund to the beneficiary: nothing is refunded any more."""
    fund = FUNDS.get(ctx, slot)
    payment = Payment(0, 0)
    if fund is not None:
        payment = _pay(ctx, fund, beneficiary, denom, fund.balance + fund.missing)
        FUNDS.delete(ctx, slot)
    return payment


def _pay(ctx: Context, fund: state_pb2.SlotFund, target: bytes, denom: str, amount: int) -> Payment:
    paid = min(fund.balance, amount)
    bank.transfer(ctx, FUND, target, denom, paid)
    fund.balance -= paid
    fund.missing -= amount - paid
    return Payment(paid, amount - paid)
