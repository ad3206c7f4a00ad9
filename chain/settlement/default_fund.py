"""The default fund: it advances what others cannot pay, so that no slot lacks the money.

Promises that a default falls on this fund, and on those whom it cannot pay yet, but never on what
the pool keeps of a slot. A share of the imbalance surplus fills it, and what debtors pay; what it
owes it pays as soon as it has money, the oldest slot first.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.settlement.v1 import events_pb2

from chain import bank, market
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE, floor_div
from chain.settlement import keeper
from chain.settlement.keeper import SlotContext
from chain.settlement.state import OWED_BY_FUND, PARAMS

_PAYMENTS_PER_BLOCK_MAX = 100


def get_balance(state: HasStore) -> int:
    """The money of the default fund."""
    return bank.get_balance(state, bank.DEFAULT_FUND, market.get_params(state).settlement_denom)


def note_default(ctx: Context, slot_ctx: SlotContext, debtor: bytes, amount: int) -> None:
    """Notes that an account, whose balance is used up, cannot pay an amount: it owes it to the
    default fund.
    """
    owed = bank.owe(ctx, debtor, slot_ctx.denom, amount)
    ctx.emit(
        events_pb2.EventDefaulted(
            slot=slot_ctx.slot, debtor=bech32.encode(debtor), amount=amount, arrears=owed
        )
    )


def owe(ctx: Context, slot_ctx: SlotContext, creditor: bytes, amount: int) -> None:
    """Has the default fund owe an account what could not be paid in a slot; nothing if the amount
    is not above zero.
    """
    if amount > 0:
        owe_for(ctx, slot_ctx.slot, creditor, amount)
        slot_ctx.result.owed_by_default_fund += amount


def owe_for(ctx: Context, slot: int, creditor: bytes, amount: int) -> None:
    """Has the default fund owe an account an amount for a slot, which may be settled."""
    if amount:
        key = (slot, creditor)
        OWED_BY_FUND.set(ctx, key, (OWED_BY_FUND.get(ctx, key) or 0) + amount)


def fill(ctx: Context, slot_ctx: SlotContext, left_over: int) -> int:
    """Pays the default fund its share of a surplus, as far as its target goes; returns that."""
    params = PARAMS.get_shared(ctx)
    share = floor_div(left_over * params.default_fund_share_permille, PERMILLE)
    room = max(0, params.default_fund_target - get_balance(ctx))
    slot_ctx.result.default_fund_credit = min(share, room)
    keeper.pay_out(ctx, slot_ctx, bank.DEFAULT_FUND, slot_ctx.result.default_fund_credit)
    return slot_ctx.result.default_fund_credit


def pay_creditors(ctx: Context) -> None:
    """Pays what the fund owes as far as its money goes, the oldest slot first, a bounded number of
    payments per block.
    """
    waiting = list(islice(OWED_BY_FUND.items(ctx), _PAYMENTS_PER_BLOCK_MAX))
    denom = market.get_params(ctx).settlement_denom
    for (slot, creditor), amount in waiting:
        paid = bank.transfer_up_to(ctx, bank.DEFAULT_FUND, creditor, denom, amount)
        if not paid:
            return
        if creditor == market.PURSES_ACCOUNT:
            market.note_restored(ctx, paid)
        if paid < amount:
            OWED_BY_FUND.set(ctx, (slot, creditor), amount - paid)
        else:
            OWED_BY_FUND.delete(ctx, (slot, creditor))
        ctx.emit(
            events_pb2.EventOwedPaid(
                slot=slot, creditor=bech32.encode(creditor), amount=paid, remaining=amount - paid
            )
        )
