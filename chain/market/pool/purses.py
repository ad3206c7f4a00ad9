"""Purses: what slots are funded from when they open, and what comes back when they are settled.

Promises that a slot takes no more than its purse has, so that over all time the pool loses no more
than was put in, whatever anybody does.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank
from chain.market import rules
from chain.market.keeper import POOL, MarketError
from chain.market.pool.purse_rules import Terms, compute_cap, compute_opening
from chain.market.state import PARAMS, PURSES, RESTORED
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore

# Has the money of all purses.
PURSES_ACCOUNT = bank.module_account("purses")
# What one message may put money into; its gas stands for that many.
_FUNDED_MAX = 1_000


class Refill(NamedTuple):
    """Of a settled slot: what its purse got, what it should have got, and what was too much."""

    paid: int
    missing: int
    paid_out: int


def get_terms(params: state_pb2.Params) -> Terms:
    """What parameters say of purses."""
    return Terms(
        params.price_low_per_kwh,
        params.price_high_per_kwh,
        params.depth_max_wh,
        params.margin_max_per_kwh,
        params.purse_share_permille,
    )


def get_purse(state: HasStore, number: int) -> state_pb2.Purse:
    """A purse; one that never had anything is empty."""
    return PURSES.get(state, number) or state_pb2.Purse()


def fund_slot(ctx: Context, slot: int, params: state_pb2.Params) -> tuple[rules.Curve, int]:
    """Takes the funding of a slot out of its purse; returns what the slot opens with, and it."""
    number = slot % params.purses
    purse = get_purse(ctx, number)
    curve = compute_opening(get_terms(params), purse.money)
    funding = rules.compute_funding(curve)
    if funding:
        bank.transfer(ctx, PURSES_ACCOUNT, POOL, params.settlement_denom, funding)
        purse.money -= funding
        PURSES.set(ctx, number, purse)
    return curve, funding


def refill_purse(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    pool_result: int,
    surplus: int,
    cash: int,
    treasury: bytes,
) -> Refill:
    """Gives a slot's purse its funding, the pool's result and its surplus back, as far as the cash
    goes. What it cannot hold goes to the treasury; the caller notes what the treasury owes it.
    """
    params = PARAMS.at(ctx, slot)
    number = slot % params.purses
    purse = get_purse(ctx, number)
    due = info.funding + pool_result + surplus
    paid = min(cash, due)
    restored = _take_restored(ctx, purse)
    purse.gained += max(0, pool_result)
    purse.lost += max(0, -pool_result)
    purse.surplus += surplus
    purse.owed += due - paid
    purse.settled_slots += 1
    money = purse.money + paid + restored
    paid_out = max(0, money - compute_cap(get_terms(params)))
    purse.money = money - paid_out
    purse.paid_out += paid_out
    PURSES.set(ctx, number, purse)
    bank.transfer(ctx, POOL, PURSES_ACCOUNT, params.settlement_denom, paid)
    bank.transfer(ctx, PURSES_ACCOUNT, treasury, params.settlement_denom, paid_out)
    return Refill(paid, due - paid, paid_out)


def get_restored(state: HasStore) -> int:
    """What was paid of what is owed to purses, and they have not taken yet."""
    return RESTORED.get(state)


def note_restored(ctx: Context, amount: int) -> None:
    """Notes what was paid of what is owed to purses; each takes its part when its next slot is
    settled.
    """
    RESTORED.set(ctx, RESTORED.get(ctx) + amount)


def fund_purses(ctx: Context, msg: tx_pb2.MsgFundPurses) -> tx_pb2.MsgFundPursesResponse:
    """Puts the same amount of the treasury's into each of some purses."""
    params = PARAMS.get_shared(ctx)
    is_treasury = bech32.encode(ctx.signer) == params.treasury
    require(is_treasury, MarketError.NOT_THE_TREASURY)
    require(msg.amount_each, MarketError.AMOUNT_ZERO)
    after = msg.first_purse + msg.purses if msg.purses else params.purses
    known = msg.first_purse < after <= params.purses and after - msg.first_purse <= _FUNDED_MAX
    require(known, MarketError.PURSE_UNKNOWN, f"{params.purses} in all, max {_FUNDED_MAX} at once")
    cap = compute_cap(get_terms(params))
    purses = {number: get_purse(ctx, number) for number in range(msg.first_purse, after)}
    fits = all(purse.money + msg.amount_each <= cap for purse in purses.values())
    require(fits, MarketError.PURSE_FULL, f"max {cap} in each")
    amount = msg.amount_each * len(purses)
    # The last check: a balance that is too small.
    bank.transfer(ctx, ctx.signer, PURSES_ACCOUNT, params.settlement_denom, amount)
    for number, purse in purses.items():
        purse.money += msg.amount_each
        purse.seed += msg.amount_each
        PURSES.set(ctx, number, purse)
    ctx.emit(
        events_pb2.EventPursesFunded(
            first_purse=msg.first_purse, purses=len(purses), amount_each=msg.amount_each
        )
    )
    return tx_pb2.MsgFundPursesResponse(amount=amount)


def _take_restored(ctx: Context, purse: state_pb2.Purse) -> int:
    """Takes what was paid since of what a purse is owed, which the caller writes."""
    waiting = RESTORED.get(ctx) if purse.owed else 0
    taken = min(purse.owed, waiting)
    if taken:
        RESTORED.set(ctx, waiting - taken)
        purse.owed -= taken
    return taken
