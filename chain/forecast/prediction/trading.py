"""Creating prediction markets, and buying and selling shares in them.

The market maker holds C of the shares sold (lmsr.py), its funding included, and what sales have
brought beyond what their account has paid in: that is paid with the shares (positions.py).
"""

from __future__ import annotations

from blockenergy.forecast.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_REPORTER

from chain import metering, registry
from chain.forecast.keeper import (
    ForecastError,
    get_params,
    get_target,
    pay,
    take,
)
from chain.forecast.lifecycle import MARKET
from chain.forecast.prediction import lmsr, positions, rules
from chain.forecast.prediction.insiders import require_outsider
from chain.forecast.prediction.keeper import get_market, require_outcome
from chain.forecast.scoring.targets import extend
from chain.forecast.state import HOLDINGS, MARKET_COUNT, MARKET_IDS, MARKETS, TARGETS
from chain.market import get_gate_closure_s
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.tx import decode_address


def create_market(ctx: Context, msg: tx_pb2.MsgCreateMarket) -> tx_pb2.MsgCreateMarketResponse:
    """Opens a market, funded by its creator."""
    market = state_pb2.PredictionMarket(
        creator=msg.creator,
        status=MARKET.initial,
        target_id=msg.target_id,
        slot=msg.slot,
        bounds=msg.bounds,
        question=msg.question,
        names=msg.names,
        reporter=msg.reporter,
        beta=msg.beta,
        closes_at_s=msg.closes_at_s,
        deadline_s=msg.closes_at_s,
    )
    error = rules.find_outcomes_error(market)
    require(not error, ForecastError.MARKET_INVALID, error)
    _require_valid(ctx, msg)
    market.shares.extend([0] * rules.count_outcomes(market))
    market.funding = market.money = lmsr.compute_funding(len(market.shares), market.beta)
    # The last check: a balance that is too small.
    take(ctx, ctx.signer, market.funding)
    market_id = MARKET_IDS.next(ctx)
    MARKET_COUNT.next(ctx)
    MARKETS.set(ctx, market_id, market)
    if target := TARGETS.get(ctx, msg.target_id) if msg.target_id else None:
        target.markets += 1
        TARGETS.set(ctx, msg.target_id, target)
        extend(ctx, msg.target_id, target, msg.slot)
    ctx.emit(events_pb2.EventMarketCreated(market_id=market_id, market=market))
    return tx_pb2.MsgCreateMarketResponse(market_id=market_id)


def buy_shares(ctx: Context, msg: tx_pb2.MsgBuyShares) -> tx_pb2.MsgBuySharesResponse:
    """Buys shares at the price of the market maker."""
    market = _require_open(ctx, msg.market_id, msg.outcome)
    params, sold = get_params(ctx), market.shares[msg.outcome]
    in_range = 0 < msg.shares <= rules.SHARES_MAX - sold
    require(in_range, ForecastError.SHARES_INVALID)
    require_outsider(ctx, market, ctx.signer)
    after = lmsr.trade(market.shares, msg.outcome, msg.shares)
    amount = lmsr.compute_cost(after, market.beta) - lmsr.compute_cost(market.shares, market.beta)
    require(amount <= msg.limit, ForecastError.BEYOND_LIMIT, f"it costs {amount}")
    holding = _get_holding(ctx, msg.market_id, market)
    before = positions.compute_stake(holding)
    holding.paid += amount
    stake, most = positions.compute_stake(holding), params.position_max
    require(stake <= most, ForecastError.POSITION_TOO_LARGE, f"max {most}")
    # The last check: a balance that is too small.
    take(ctx, ctx.signer, stake - before)
    holding.shares[msg.outcome] += msg.shares
    market.money += stake - before
    _trade(ctx, msg, market, holding, after, amount)
    return tx_pb2.MsgBuySharesResponse(amount=amount)


def sell_shares(ctx: Context, msg: tx_pb2.MsgSellShares) -> tx_pb2.MsgSellSharesResponse:
    """Sells shares back at the price of the market maker."""
    market = _require_open(ctx, msg.market_id, msg.outcome)
    holding = _get_holding(ctx, msg.market_id, market)
    require(msg.shares, ForecastError.SHARES_INVALID)
    enough = msg.shares <= holding.shares[msg.outcome]
    require(enough, ForecastError.TOO_FEW_SHARES, f"{holding.shares[msg.outcome]}")
    after = lmsr.trade(market.shares, msg.outcome, -msg.shares)
    amount = lmsr.compute_cost(market.shares, market.beta) - lmsr.compute_cost(after, market.beta)
    require(amount >= msg.limit, ForecastError.BEYOND_LIMIT, f"it brings {amount}")
    before = positions.compute_stake(holding)
    holding.received += amount
    returned = before - positions.compute_stake(holding)
    pay(ctx, ctx.signer, returned)
    holding.shares[msg.outcome] -= msg.shares
    market.money -= returned
    _trade(ctx, msg, market, holding, after, amount)
    return tx_pb2.MsgSellSharesResponse(amount=amount)


def _require_valid(ctx: Context, msg: tx_pb2.MsgCreateMarket) -> None:
    """Rejects a market that the parameters, the time, target or reporter do not allow."""
    params = get_params(ctx)
    in_range = rules.BETA_MIN <= msg.beta <= params.beta_max
    most = f"beta is {rules.BETA_MIN} to {params.beta_max}"
    require(in_range, ForecastError.MARKET_INVALID, most)
    later = msg.closes_at_s > ctx.block.time_s
    require(later, ForecastError.MARKET_INVALID, "it closes in the past")
    require(MARKET_COUNT.last(ctx) < params.markets_max, ForecastError.TOO_MANY_MARKETS)
    if msg.target_id:
        _require_target(ctx, msg)
    else:
        most_s = ctx.block.time_s + params.question_window_s
        soon = msg.closes_at_s <= most_s
        require(soon, ForecastError.MARKET_INVALID, f"it closes at {most_s} at the latest")
        roles = frozenset({ROLE_REPORTER})
        registry.require_permission(ctx, decode_address(msg.reporter), roles)


def _require_target(ctx: Context, msg: tx_pb2.MsgCreateMarket) -> None:
    require(not get_target(ctx, msg.target_id).ended, ForecastError.TARGET_ENDED)
    length_s = metering.get_params(ctx).slot_length_s
    most = ctx.block.time_s // length_s + get_params(ctx).horizon_slots
    require(msg.slot <= most, ForecastError.SLOT_TOO_FAR, f"up to slot {most}")
    gate_s = get_gate_closure_s(ctx, msg.slot)
    in_time = msg.closes_at_s <= gate_s
    require(in_time, ForecastError.MARKET_INVALID, f"the gate closes at {gate_s}")


def _require_open(ctx: Context, market_id: int, outcome: int) -> state_pb2.PredictionMarket:
    market = get_market(ctx, market_id)
    is_open = (
        market.status == state_pb2.MARKET_STATUS_OPEN and ctx.block.time_s < market.closes_at_s
    )
    require(is_open, ForecastError.MARKET_CLOSED)
    require_outcome(market, outcome)
    return market


def _get_holding(
    ctx: Context, market_id: int, market: state_pb2.PredictionMarket
) -> state_pb2.Holding:
    found = HOLDINGS.get(ctx, (market_id, ctx.signer))
    return found or state_pb2.Holding(shares=[0] * len(market.shares))


def _trade(
    ctx: Context,
    msg: tx_pb2.MsgBuyShares | tx_pb2.MsgSellShares,
    market: state_pb2.PredictionMarket,
    holding: state_pb2.Holding,
    after: list[int],
    amount: int,
) -> None:
    """Writes a trade; its money has moved."""
    market.shares[:] = after
    MARKETS.set(ctx, msg.market_id, market)
    HOLDINGS.set(ctx, (msg.market_id, ctx.signer), holding)
    ctx.emit(
        events_pb2.EventSharesTraded(
            market_id=msg.market_id,
            trader=msg.trader,
            outcome=msg.outcome,
            sold=isinstance(msg, tx_pb2.MsgSellShares),
            shares=msg.shares,
            amount=amount,
            prices_micro=lmsr.compute_prices_micro(after, market.beta),
        )
    )
