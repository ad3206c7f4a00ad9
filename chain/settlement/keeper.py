"""The slot being settled, and its money: charges collected, credits paid, arrears.

All payments of a slot go through the pool. A charge is taken from the hold, then from the balance;
what neither covers becomes arrears to the treasury, which advances it.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, carbon, market, metering
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.settlement.state import ARREARS, DEFERRED, PARAMS, RESULTS

# Keeps the surplus of imbalance payments. It has no way out by itself: paying it back by metered
# energy would return part of a penalty to the one who paid it.
FUND = bank.module_account("imbalance fund")


@dataclass(frozen=True, slots=True)
class SlotContext:
    """The slot being settled, for the length of one block.

    end_s: the end of its delivery. denom: of all payments. treasury: the account that funds the
    pool, advances uncovered charges and takes the remainder. backstop: supplies shortages and takes
    surpluses. grid_account: receives grid fees and congestion rents. These three are those that the
    slot was opened with. books: what carbon charges are computed with. result: the running sums,
    updated in place and stored at the end of the block.
    """

    slot: int
    end_s: int
    info: market_pb2.Slot
    curve: market.Curve
    denom: str
    treasury: bytes
    backstop: bytes
    grid_account: bytes
    books: carbon.Books
    result: state_pb2.SlotResult


def load_slot(ctx: Context, slot: int) -> SlotContext:
    """The context of a slot whose settlement has begun."""
    info, result = market.get_slot(ctx, slot), RESULTS.get(ctx, slot)
    assert info is not None, "the slot in settlement is gone"
    assert result is not None, "the slot in settlement has no result"
    params = market.get_slot_params(ctx, slot)
    return SlotContext(
        slot=slot,
        end_s=slots.end_s(slot, metering.get_params(ctx).slot_length_s),
        info=info,
        curve=market.get_curve(info),
        denom=params.settlement_denom,
        treasury=bech32.decode(params.treasury),
        backstop=bech32.decode(PARAMS.at(ctx, slot).backstop),
        grid_account=bech32.decode(params.grid_account),
        books=carbon.read_books(ctx, slot),
        result=result,
    )


def collect_charge(
    ctx: Context,
    slot_ctx: SlotContext,
    owner: bytes,
    position: market_pb2.Position | None,
    amount: int,
) -> int:
    """Collects up to an amount, from the hold of the position and then from the balance; returns
    what it collected.

    Ends the position. What its hold has beyond the amount flows back to the owner.
    """
    collected = 0
    if position is not None:
        collected = market.settle_position(ctx, slot_ctx.slot, owner, position, amount)
    if collected < amount:
        collected += market.collect_into_pool(ctx, owner, amount - collected)
    slot_ctx.result.cash += collected
    return collected


def pay_credit(ctx: Context, slot_ctx: SlotContext, owner: bytes, amount: int) -> None:
    """Pays a credit from the slot's money in the pool, or defers it if that is not enough yet."""
    if amount <= slot_ctx.result.cash:
        pay_out(ctx, slot_ctx, owner, amount)
    else:
        DEFERRED.set(ctx, (slot_ctx.slot, owner), amount)
        slot_ctx.result.deferred += amount


def pay_out(ctx: Context, slot_ctx: SlotContext, target: bytes, amount: int) -> None:
    """Pays an amount from the slot's money in the pool, which is enough."""
    market.pay_from_pool(ctx, target, amount)
    slot_ctx.result.cash -= amount


def owe(ctx: Context, debtor: bytes, creditor: bytes, amount: int) -> None:
    """Adds to arrears; self-debts are ignored."""
    if amount and debtor != creditor:
        owed = ARREARS.get(ctx, (debtor, creditor)) or 0
        ARREARS.set(ctx, (debtor, creditor), owed + amount)


def reduce_arrears(ctx: Context, debtor: bytes, creditor: bytes, amount: int) -> int:
    """Takes a payment off arrears; returns what is still owed."""
    remaining = (ARREARS.get(ctx, (debtor, creditor)) or 0) - amount
    assert remaining >= 0, "more was paid than is owed"
    if remaining:
        ARREARS.set(ctx, (debtor, creditor), remaining)
    else:
        ARREARS.delete(ctx, (debtor, creditor))
    return remaining


def collect_arrears(ctx: Context, slot_ctx: SlotContext, debtor: bytes) -> None:
    """Takes what an account owes the treasury from its balance, as far as that goes."""
    owed = ARREARS.get(ctx, (debtor, slot_ctx.treasury))
    if owed:
        paid = bank.transfer_up_to(ctx, debtor, slot_ctx.treasury, slot_ctx.denom, owed)
        reduce_arrears(ctx, debtor, slot_ctx.treasury, paid)
