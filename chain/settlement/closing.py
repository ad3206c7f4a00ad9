"""Closing the books of a slot: backstop, deferred credits, fund, grid and treasury."""

from __future__ import annotations

from itertools import islice

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, market
from chain.runtime.context import Context
from chain.settlement import keeper, rules
from chain.settlement.state import DEFERRED


def collect_from_outside(
    ctx: Context, slot: market_pb2.Slot, result: state_pb2.SlotResult, denom: str
) -> None:
    """Brings in what the treasury advances for uncovered charges, and what the backstop pays for
    energy that flowed out. The treasury stands in for a backstop that cannot pay.
    """
    treasury, backstop = keeper.get_treasury(ctx), keeper.get_backstop(ctx)
    result.treasury_advance = keeper.pay_what_is_there(
        ctx, treasury, market.POOL, result.uncovered, denom
    )
    bill = rules.compute_backstop_bill(result.import_wh - result.export_wh, market.get_curve(slot))
    if bill < 0:
        paid = keeper.pay_what_is_there(ctx, backstop, market.POOL, -bill, denom)
        keeper.owe(ctx, backstop, treasury, -bill - paid)
        stood_in = keeper.pay_what_is_there(ctx, treasury, market.POOL, -bill - paid, denom)
        result.backstop_received = paid + stood_in
        result.backstop_export_wh = result.export_wh - result.import_wh
    result.cash += result.treasury_advance + result.backstop_received


def pay_deferred(
    ctx: Context, slot: int, result: state_pb2.SlotResult, denom: str, limit: int
) -> int:
    """Pays credits that had to wait, so many at the most; returns how many it paid.

    Should even now the money not suffice, the treasury owes the rest.
    """
    waiting = list(islice(DEFERRED.items(ctx, DEFERRED.first(slot)), limit))
    for (_, owner), amount in waiting:
        paid = min(result.cash, amount)
        bank.transfer(ctx, market.POOL, owner, denom, paid)
        keeper.owe(ctx, keeper.get_treasury(ctx), owner, amount - paid)
        DEFERRED.delete(ctx, (slot, owner))
        result.cash -= paid
        result.deferred -= amount
    return len(waiting)


def close_slot(
    ctx: Context, slot: market_pb2.Slot, result: state_pb2.SlotResult, denom: str
) -> None:
    """Pays the backstop, then the imbalance fund, then the grid; the treasury takes the rest."""
    curve = market.get_curve(slot)
    bill = rules.compute_backstop_bill(result.import_wh - result.export_wh, curve)
    if bill >= 0:
        result.backstop_paid = min(result.cash, bill)
        result.backstop_import_wh = result.import_wh - result.export_wh
        _pay_out(ctx, keeper.get_backstop(ctx), result.backstop_paid, result, denom)
        keeper.owe(
            ctx, keeper.get_treasury(ctx), keeper.get_backstop(ctx), bill - result.backstop_paid
        )
    pool_result = rules.compute_pool_result(slot)
    assert pool_result >= -slot.funding, "the pool lost more than its funding"
    result.pool_gain, result.pool_loss = max(0, pool_result), max(0, -pool_result)
    close_cost = market.compute_close_cost(curve, market.get_net_wh(slot))
    left_over = result.imbalance_charge - result.imbalance_credit - (bill - close_cost)
    assert left_over >= 0, "imbalance payments did not cover the backstop"
    result.fund_credit = min(result.cash, left_over)
    _pay_out(ctx, keeper.FUND, result.fund_credit, result, denom)
    _pay_grid(ctx, slot, result, denom)
    result.treasury_credit = result.cash
    _pay_out(ctx, keeper.get_treasury(ctx), result.treasury_credit, result, denom)


def _pay_grid(
    ctx: Context, slot: market_pb2.Slot, result: state_pb2.SlotResult, denom: str
) -> None:
    """Pays grid fees and congestion rent; the treasury owes what is not there."""
    grid, treasury = keeper.get_grid_account(ctx), keeper.get_treasury(ctx)
    result.grid_fees = min(result.cash, slot.grid_fees)
    result.congestion_rent = min(result.cash - result.grid_fees, slot.congestion_rent)
    paid = result.grid_fees + result.congestion_rent
    _pay_out(ctx, grid, paid, result, denom)
    keeper.owe(ctx, treasury, grid, slot.grid_fees + slot.congestion_rent - paid)


def _pay_out(
    ctx: Context, target: bytes, amount: int, result: state_pb2.SlotResult, denom: str
) -> None:
    bank.transfer(ctx, market.POOL, target, denom, amount)
    result.cash -= amount
