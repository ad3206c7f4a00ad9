"""What becomes of prediction markets without a message: they close, are resolved, and are paid, a
bounded number of steps per block.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.forecast.v1 import events_pb2, state_pb2

from chain import metering
from chain.forecast.keeper import get_params, pay
from chain.forecast.lifecycle import Event
from chain.forecast.prediction import positions, rules
from chain.forecast.prediction.keeper import get_market, move, resolve, void
from chain.forecast.scoring.targets import get_final_outcome
from chain.forecast.state import (
    HOLDINGS,
    MARKET_COUNT,
    MARKETS,
    MARKETS_BY_DEADLINE,
    MARKETS_BY_SLOT,
    MARKETS_IN_PAYMENT,
    TARGETS,
)
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def act_on_deadlines(ctx: Context, budget: int) -> int:
    """Moves markets whose deadline has passed; returns how many."""
    due = list(islice(MARKETS_BY_DEADLINE.items(ctx, before=ctx.block.time_s + 1), budget))
    for _, market_id in due:
        market = get_market(ctx, market_id)
        if market.status == state_pb2.MARKET_STATUS_OPEN:
            _close(ctx, market_id, market)
        elif market.status == state_pb2.MARKET_STATUS_CLOSED:
            void(ctx, market_id, market, Event.NOT_REPORTED)
        elif market.status == state_pb2.MARKET_STATUS_REPORTED:
            resolve(ctx, market_id, market, Event.UNDISPUTED, market.bonds[-1].outcome)
        else:
            void(ctx, market_id, market, Event.NOT_DECIDED)
    return len(due)


def _close(ctx: Context, market_id: int, market: state_pb2.PredictionMarket) -> None:
    """A question waits for its reporter, then for anybody; a target for its settlement."""
    deadline_s = 0
    if not market.target_id:
        window_s = get_params(ctx).report_window_s
        # On record, so that a change of the parameter ends nobody's turn.
        market.reporter_until_s = ctx.block.time_s + window_s
        deadline_s = market.reporter_until_s + window_s
    move(ctx, market_id, market, Event.CLOSE, deadline_s)


def resolve_settled(ctx: Context, budget: int) -> int:
    """Resolves markets whose slots are settled, or never will be; returns how many."""
    settled = metering.get_last_settled(ctx) + 1
    due = list(islice(MARKETS_BY_SLOT.items(ctx, before=settled), budget))
    for slot, market_id in due:
        market = get_market(ctx, market_id)
        value = get_final_outcome(ctx, slot, market.target_id)
        if value is None:
            void(ctx, market_id, market, Event.NOT_SETTLED)
        else:
            outcome = rules.find_outcome(market.bounds, value)
            resolve(ctx, market_id, market, Event.SETTLED, outcome)
    return len(due)


def pay_shares(ctx: Context, budget: int) -> int:
    """Pays shares of resolved and void markets, one market after the other; returns how many
    accounts it paid and how many markets it ended.
    """
    used = 0
    while used < budget:
        first = next(MARKETS_IN_PAYMENT.items(ctx), None)
        if first is None:
            break
        market_id = first[1]
        market = get_market(ctx, market_id)
        used += _pay_some(ctx, market_id, market, budget - used)
        if used < budget:
            _end(ctx, market_id, market)
            used += 1
        else:
            MARKETS.set(ctx, market_id, market)
    return used


def _pay_some(ctx: Context, market_id: int, market: state_pb2.PredictionMarket, limit: int) -> int:
    holdings = list(islice(HOLDINGS.under(market_id).items(ctx), limit))
    for owner, holding in holdings:
        amount = positions.compute_payout(market, holding)
        pay(ctx, owner, amount)
        market.money -= amount
        HOLDINGS.delete(ctx, (market_id, owner))
        ctx.emit(
            events_pb2.EventSharesPaid(
                market_id=market_id,
                owner=bech32.encode(owner),
                amount=amount,
                paid=holding.paid,
                received=holding.received,
            )
        )
    return len(holdings)


def _end(ctx: Context, market_id: int, market: state_pb2.PredictionMarket) -> None:
    """Returns the rest to the creator and removes the market."""
    pay(ctx, bech32.decode(market.creator), market.money)
    MARKETS.delete(ctx, market_id)
    MARKET_COUNT.set(ctx, MARKET_COUNT.last(ctx) - 1)
    if target := TARGETS.get(ctx, market.target_id) if market.target_id else None:
        target.markets -= 1
        TARGETS.set(ctx, market.target_id, target)
    ctx.emit(events_pb2.EventMarketPaid(market_id=market_id, returned=market.money))
