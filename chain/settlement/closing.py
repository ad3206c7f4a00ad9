"""Closing the books of a slot: backstop, deferred credits, funds, grid and treasury."""

from __future__ import annotations

from itertools import islice

from chain import carbon, market
from chain.runtime.context import Context
from chain.settlement import keeper, rules
from chain.settlement.keeper import SlotContext
from chain.settlement.state import DEFERRED


def collect_from_outside(ctx: Context, slot_ctx: SlotContext) -> None:
    """Collects what the treasury advances for uncovered charges, and what the backstop pays for
    energy that flowed out. The treasury pays what a backstop cannot, which then owes it.
    """
    result = slot_ctx.result
    result.treasury_advance = market.collect_into_pool(ctx, slot_ctx.treasury, result.uncovered)
    bill = rules.compute_backstop_bill(result.import_wh - result.export_wh, slot_ctx.curve)
    if bill < 0:
        backstop = slot_ctx.backstop
        paid = market.collect_into_pool(ctx, backstop, -bill)
        keeper.owe(ctx, backstop, slot_ctx.treasury, -bill - paid)
        advanced = market.collect_into_pool(ctx, slot_ctx.treasury, -bill - paid)
        result.backstop_received = paid + advanced
        result.backstop_export_wh = result.export_wh - result.import_wh
    result.cash += result.treasury_advance + result.backstop_received


def pay_deferred(ctx: Context, slot_ctx: SlotContext, limit: int) -> int:
    """Pays deferred credits, up to a limit; returns how many it paid.

    If the money is still not enough, the treasury owes the rest.
    """
    deferred = DEFERRED.under(slot_ctx.slot).items(ctx)
    waiting = list(islice(deferred, limit))
    for owner, amount in waiting:
        paid = min(slot_ctx.result.cash, amount)
        keeper.pay_out(ctx, slot_ctx, owner, paid)
        keeper.owe(ctx, slot_ctx.treasury, owner, amount - paid)
        DEFERRED.delete(ctx, (slot_ctx.slot, owner))
        slot_ctx.result.deferred -= amount
    return len(waiting)


def close_slot(ctx: Context, slot_ctx: SlotContext) -> None:
    """Pays the backstop, then the imbalance fund, the grid and the carbon fund; the treasury takes
    the rest.
    """
    result = slot_ctx.result
    bill = rules.compute_backstop_bill(result.import_wh - result.export_wh, slot_ctx.curve)
    if bill >= 0:
        _pay_backstop(ctx, slot_ctx, bill)
    _book_pool_result(slot_ctx)
    _pay_fund(ctx, slot_ctx, bill)
    _pay_grid(ctx, slot_ctx)
    _pay_carbon_fund(ctx, slot_ctx)
    result.treasury_credit = result.cash
    keeper.pay_out(ctx, slot_ctx, slot_ctx.treasury, result.treasury_credit)


def _pay_backstop(ctx: Context, slot_ctx: SlotContext, bill: int) -> None:
    """Pays for the energy that flowed in; the treasury owes what is missing."""
    backstop, result = slot_ctx.backstop, slot_ctx.result
    result.backstop_paid = min(result.cash, bill)
    result.backstop_import_wh = result.import_wh - result.export_wh
    keeper.pay_out(ctx, slot_ctx, backstop, result.backstop_paid)
    keeper.owe(ctx, slot_ctx.treasury, backstop, bill - result.backstop_paid)


def _book_pool_result(slot_ctx: SlotContext) -> None:
    pool_result = rules.compute_pool_result(slot_ctx.info)
    assert pool_result >= -slot_ctx.info.funding, "the pool lost more than its funding"
    slot_ctx.result.pool_gain = max(0, pool_result)
    slot_ctx.result.pool_loss = max(0, -pool_result)


def _pay_fund(ctx: Context, slot_ctx: SlotContext, bill: int) -> None:
    """Pays the surplus of the imbalance payments over what imbalances cost outside."""
    result = slot_ctx.result
    close_cost = market.compute_close_cost(slot_ctx.curve, market.get_net_wh(slot_ctx.info))
    surplus = result.imbalance_charge - result.imbalance_credit - (bill - close_cost)
    assert surplus >= 0, "imbalance payments did not cover the backstop"
    result.fund_credit = min(result.cash, surplus)
    keeper.pay_out(ctx, slot_ctx, keeper.FUND, result.fund_credit)


def _pay_grid(ctx: Context, slot_ctx: SlotContext) -> None:
    """Pays grid fees and congestion rent; the treasury owes what is missing."""
    grid, info, result = slot_ctx.grid_account, slot_ctx.info, slot_ctx.result
    result.grid_fees = min(result.cash, info.grid_fees)
    result.congestion_rent = min(result.cash - result.grid_fees, info.congestion_rent)
    paid = result.grid_fees + result.congestion_rent
    keeper.pay_out(ctx, slot_ctx, grid, paid)
    keeper.owe(ctx, slot_ctx.treasury, grid, info.grid_fees + info.congestion_rent - paid)


def _pay_carbon_fund(ctx: Context, slot_ctx: SlotContext) -> None:
    """Pays the carbon charges of all lines; what is missing the treasury will owe."""
    result = slot_ctx.result
    result.carbon_paid = min(result.cash, result.carbon_charge)
    keeper.pay_out(ctx, slot_ctx, carbon.FUND, result.carbon_paid)
    missing = result.carbon_charge - result.carbon_paid
    carbon.fill(ctx, slot_ctx.slot, result.carbon_paid, missing)
