"""Closing the books of a slot: backstop, deferred credits, grid, purse and funds."""

from __future__ import annotations

from itertools import islice

from chain import bank, carbon, market
from chain.runtime.context import Context
from chain.settlement import default_fund, keeper, rules
from chain.settlement.keeper import SlotContext
from chain.settlement.state import DEFERRED


def collect_from_outside(ctx: Context, slot_ctx: SlotContext) -> None:
    """Collects what the backstop pays for energy that flowed out, and what the default fund
    advances for it and for uncovered charges.
    """
    result = slot_ctx.result
    missing = result.uncovered
    bill = rules.compute_backstop_bill(result.import_wh - result.export_wh, slot_ctx.curve)
    if bill < 0:
        backstop = slot_ctx.backstop
        paid = market.collect_into_pool(ctx, backstop, -bill)
        result.backstop_received = paid
        result.backstop_export_wh = result.export_wh - result.import_wh
        if paid < -bill:
            default_fund.note_default(ctx, slot_ctx, backstop, -bill - paid)
            missing += -bill - paid
    result.default_fund_advance = market.collect_into_pool(ctx, bank.DEFAULT_FUND, missing)
    result.cash += result.default_fund_advance + result.backstop_received


def pay_deferred(ctx: Context, slot_ctx: SlotContext, limit: int) -> int:
    """Pays deferred credits, up to a limit; returns how many it paid.

    If the money is still not enough, the default fund owes the rest.
    """
    deferred = DEFERRED.under(slot_ctx.slot).items(ctx)
    waiting = list(islice(deferred, limit))
    for owner, amount in waiting:
        paid = min(slot_ctx.payable, amount)
        keeper.pay_out(ctx, slot_ctx, owner, paid)
        default_fund.owe(ctx, slot_ctx, owner, amount - paid)
        DEFERRED.delete(ctx, (slot_ctx.slot, owner))
        slot_ctx.result.deferred -= amount
    return len(waiting)


def close_slot(ctx: Context, slot_ctx: SlotContext) -> None:
    """Pays the backstop, the grid and the carbon fund; of the surplus the default fund gets its
    share, then the purse, which passes on what it cannot hold, then the imbalance fund. What is
    missing the default fund owes, but for the surplus, which is then less.
    """
    result = slot_ctx.result
    bill = rules.compute_backstop_bill(result.import_wh - result.export_wh, slot_ctx.curve)
    if bill >= 0:
        _pay_backstop(ctx, slot_ctx, bill)
    _pay_grid(ctx, slot_ctx)
    _pay_carbon_fund(ctx, slot_ctx)
    surplus = min(slot_ctx.payable, _compute_surplus(slot_ctx, bill))
    surplus -= default_fund.fill(ctx, slot_ctx, surplus)
    _refill_purse(ctx, slot_ctx, surplus)
    _pay_fund(ctx, slot_ctx, surplus - result.surplus_to_purse)
    assert not result.cash, "a slot is closed with money in hand"


def _pay_backstop(ctx: Context, slot_ctx: SlotContext, bill: int) -> None:
    """Pays for the energy that flowed in; the default fund owes what is missing."""
    backstop, result = slot_ctx.backstop, slot_ctx.result
    result.backstop_paid = min(slot_ctx.payable, bill)
    result.backstop_import_wh = result.import_wh - result.export_wh
    keeper.pay_out(ctx, slot_ctx, backstop, result.backstop_paid)
    default_fund.owe(ctx, slot_ctx, backstop, bill - result.backstop_paid)


def _compute_surplus(slot_ctx: SlotContext, bill: int) -> int:
    """What the imbalance payments are above what imbalances cost outside."""
    result = slot_ctx.result
    close_cost = market.compute_close_cost(slot_ctx.curve, market.get_net_wh(slot_ctx.info))
    surplus = result.imbalance_charge - result.imbalance_credit - (bill - close_cost)
    assert surplus >= 0, "imbalance payments did not cover the backstop"
    return surplus


def _refill_purse(ctx: Context, slot_ctx: SlotContext, surplus: int) -> None:
    """Books the pool's result, and pays the slot's purse its funding with it and its part of the
    surplus.
    """
    result, info = slot_ctx.result, slot_ctx.info
    pool_result = rules.compute_pool_result(info)
    assert pool_result >= -info.funding, "the pool lost more than its funding"
    result.pool_gain = max(0, pool_result)
    result.pool_loss = max(0, -pool_result)
    result.surplus_to_purse = market.split_surplus(surplus, slot_ctx.surplus_share_permille)
    refill = market.refill_purse(
        ctx,
        slot_ctx.slot,
        info,
        pool_result,
        result.surplus_to_purse,
        result.cash,
        slot_ctx.treasury,
    )
    result.cash -= refill.paid
    result.purse_credit = refill.paid
    result.treasury_credit = refill.paid_out
    default_fund.owe(ctx, slot_ctx, market.PURSES_ACCOUNT, refill.missing)


def _pay_fund(ctx: Context, slot_ctx: SlotContext, amount: int) -> None:
    """Pays what the purse does not get of the surplus."""
    slot_ctx.result.fund_credit = amount
    keeper.pay_out(ctx, slot_ctx, keeper.FUND, amount)


def _pay_grid(ctx: Context, slot_ctx: SlotContext) -> None:
    """Pays grid fees and congestion rent; the default fund owes what is missing."""
    grid, info, result = slot_ctx.grid_account, slot_ctx.info, slot_ctx.result
    result.grid_fees = min(slot_ctx.payable, info.grid_fees)
    result.congestion_rent = min(slot_ctx.payable - result.grid_fees, info.congestion_rent)
    paid = result.grid_fees + result.congestion_rent
    keeper.pay_out(ctx, slot_ctx, grid, paid)
    default_fund.owe(ctx, slot_ctx, grid, info.grid_fees + info.congestion_rent - paid)


def _pay_carbon_fund(ctx: Context, slot_ctx: SlotContext) -> None:
    """Pays the carbon charges of all lines. What is missing the default fund owes as soon as it is
    known to whom: to who is refunded, or to the beneficiary.
    """
    result = slot_ctx.result
    result.carbon_paid = min(slot_ctx.payable, result.carbon_charge)
    keeper.pay_out(ctx, slot_ctx, carbon.FUND, result.carbon_paid)
    missing = result.carbon_charge - result.carbon_paid
    carbon.fill(ctx, slot_ctx.slot, result.carbon_paid, missing)
