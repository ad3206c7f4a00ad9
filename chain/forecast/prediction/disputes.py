"""Outcomes that no meter shows: reported with a bond, disputed with doubling bonds, and in the last
instance decided by the authority.

If the reporter is silent, anybody can report: otherwise its silence would make the market void at
prices that an accomplice has just moved. The chain waits for nobody: without any report or a
decision in time, the market is void.
"""

from __future__ import annotations

from blockenergy.forecast.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_REPORTER

from chain import params, registry
from chain.forecast.keeper import ForecastError, get_params, take
from chain.forecast.lifecycle import MARKET, Event
from chain.forecast.prediction.keeper import get_market, move, require_outcome, resolve
from chain.runtime.context import Context
from chain.runtime.errors import require


def report_outcome(ctx: Context, msg: tx_pb2.MsgReportOutcome) -> tx_pb2.MsgReportOutcomeResponse:
    """States the outcome of a question."""
    market = get_market(ctx, msg.market_id)
    _require_waiting(ctx, market, Event.REPORTED)
    if ctx.block.time_s < market.reporter_until_s:
        require(msg.reporter == market.reporter, ForecastError.NOT_REPORTER)
        registry.require_permission(ctx, ctx.signer, frozenset({ROLE_REPORTER}))
    require_outcome(market, msg.outcome)
    bond = state_pb2.Bond(
        owner=msg.reporter, outcome=msg.outcome, amount=get_params(ctx).report_bond
    )
    # The last check: a balance that is too small.
    _put_bond(ctx, msg.market_id, market, bond)
    deadline_s = ctx.block.time_s + get_params(ctx).dispute_window_s
    move(ctx, msg.market_id, market, Event.REPORTED, deadline_s)
    return tx_pb2.MsgReportOutcomeResponse()


def dispute_outcome(
    ctx: Context, msg: tx_pb2.MsgDisputeOutcome
) -> tx_pb2.MsgDisputeOutcomeResponse:
    """Stands for another outcome than the one that was stated last."""
    market = get_market(ctx, msg.market_id)
    _require_waiting(ctx, market, Event.DISPUTED)
    require_outcome(market, msg.outcome)
    standing = market.bonds[-1]
    require(msg.outcome != standing.outcome, ForecastError.SAME_OUTCOME)
    bond = state_pb2.Bond(owner=msg.disputer, outcome=msg.outcome, amount=2 * standing.amount)
    # The last check: a balance that is too small.
    _put_bond(ctx, msg.market_id, market, bond)
    limits = get_params(ctx)
    if len(market.bonds) > limits.dispute_rounds_max:
        deadline_s = ctx.block.time_s + limits.decision_window_s
        move(ctx, msg.market_id, market, Event.LAST_DISPUTE, deadline_s)
    else:
        deadline_s = ctx.block.time_s + limits.dispute_window_s
        move(ctx, msg.market_id, market, Event.DISPUTED, deadline_s)
    return tx_pb2.MsgDisputeOutcomeResponse()


def decide_outcome(ctx: Context, msg: tx_pb2.MsgDecideOutcome) -> tx_pb2.MsgDecideOutcomeResponse:
    """Decides in the last instance."""
    params.require_authority(ctx, msg.authority)
    market = get_market(ctx, msg.market_id)
    _require_waiting(ctx, market, Event.DECIDED)
    require_outcome(market, msg.outcome)
    resolve(ctx, msg.market_id, market, Event.DECIDED, msg.outcome)
    return tx_pb2.MsgDecideOutcomeResponse()


def _require_waiting(ctx: Context, market: state_pb2.PredictionMarket, event: Event) -> None:
    """Rejects what the market does not wait for, or no longer."""
    # A market of a target is resolved by its settlement alone.
    waits = MARKET.has(market.status, event) and not market.target_id
    require(waits and ctx.block.time_s < market.deadline_s, ForecastError.NOT_WAITING)


def _put_bond(
    ctx: Context, market_id: int, market: state_pb2.PredictionMarket, bond: state_pb2.Bond
) -> None:
    take(ctx, ctx.signer, bond.amount)
    market.bonds.append(bond)
    ctx.emit(events_pb2.EventBondPut(market_id=market_id, round=len(market.bonds) - 1, bond=bond))
