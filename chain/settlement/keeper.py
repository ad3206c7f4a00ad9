"""The slot being settled, and its money: charges collected, credits paid.

All payments of a slot go through the pool. A charge is taken from the hold, then from the balance;
what neither covers becomes arrears (default_fund.py). What the pool keeps of a slot is set aside
before anybody is paid: whoever defaults, it is there to open other slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import errors_pb2, state_pb2

from chain import bank, carbon, market, metering, tielines
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ErrorCodes
from chain.settlement import rules
from chain.settlement.state import DEFERRED, PARAMS, RESULTS

SettlementError = ErrorCodes("settlement", errors_pb2.Error.DESCRIPTOR)
# Keeps the part of the surplus of imbalance payments that no purse gets. It has no way out by
# itself: paying it back by metered energy would return part of a penalty to the one who paid it.
FUND = bank.module_account("imbalance fund")


@dataclass(frozen=True, slots=True)
class SlotContext:
    """The slot being settled, for the length of one block.

    prices: of imbalances. denom: of all payments. treasury: the account that takes what a purse
    cannot hold. backstop: supplies shortages and takes surpluses. grid_account: receives grid fees
    and congestion rents. surplus_share_permille: what of the surplus goes to the purse. These four
    are those that the slot was opened with. pool_share: what the pool keeps: its funding, and what
    it gained. books: what carbon charges are computed with. exports: what each tie line takes out
    of the region as agreed, by its account. result: the running sums, updated in place and stored
    at the end of the block.
    """

    slot: int
    info: market_pb2.Slot
    curve: market.Curve
    prices: metering.Prices
    denom: str
    treasury: bytes
    backstop: bytes
    grid_account: bytes
    pool_share: int
    surplus_share_permille: int
    books: carbon.Books
    exports: Mapping[bytes, int]
    result: state_pb2.SlotResult

    @property
    def payable(self) -> int:
        """What of the slot's money others than the pool can be paid from."""
        return max(0, self.result.cash - self.pool_share)


def load_slot(ctx: Context, slot: int) -> SlotContext:
    """The context of a slot whose settlement has begun."""
    info, result = market.get_slot(ctx, slot), RESULTS.get(ctx, slot)
    assert info is not None, "the slot in settlement is gone"
    assert result is not None, "the slot in settlement has no result"
    params = market.get_slot_params(ctx, slot)
    curve = market.get_curve(info)
    return SlotContext(
        slot=slot,
        info=info,
        curve=curve,
        prices=metering.Prices(curve.price_high, curve.price_low),
        denom=params.settlement_denom,
        treasury=bech32.decode(params.treasury),
        backstop=bech32.decode(PARAMS.at(ctx, slot).backstop),
        grid_account=bech32.decode(params.grid_account),
        pool_share=info.funding + rules.compute_pool_result(info),
        surplus_share_permille=params.surplus_share_permille,
        books=carbon.read_books(ctx, slot),
        exports=tielines.list_exports(ctx, slot),
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
    if amount <= slot_ctx.payable:
        pay_out(ctx, slot_ctx, owner, amount)
    else:
        DEFERRED.set(ctx, (slot_ctx.slot, owner), amount)
        slot_ctx.result.deferred += amount


def pay_out(ctx: Context, slot_ctx: SlotContext, target: bytes, amount: int) -> None:
    """Pays an amount from the slot's money in the pool, which is enough."""
    market.pay_from_pool(ctx, target, amount)
    slot_ctx.result.cash -= amount
