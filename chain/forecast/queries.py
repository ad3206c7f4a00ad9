"""Queries of targets, forecasts, scores, models and prediction markets."""

from __future__ import annotations

from blockenergy.forecast.v1 import query_pb2, state_pb2

from chain.forecast.keeper import ForecastError, get_target
from chain.forecast.prediction import lmsr, rules
from chain.forecast.prediction.keeper import get_market, require_outcome
from chain.forecast.scoring.combining import combine
from chain.forecast.scoring.rules import compute_skill_permille
from chain.forecast.state import (
    FORECASTS,
    FROZEN,
    HOLDINGS,
    MARKETS,
    MODELS,
    OUTCOMES_BY_TARGET,
    PARAMS,
    SCORES,
    SKILLS,
    TARGETS,
)
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import require
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Stakes, windows, limits."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def targets(ctx: Context, request: query_pb2.QueryTargetsRequest) -> query_pb2.QueryTargetsResponse:
    """What is forecast."""
    page, pagination = get_page(ctx, TARGETS, request.pagination)
    entries = [query_pb2.NumberedTarget(target_id=key, target=value) for key, value in page]
    return query_pb2.QueryTargetsResponse(targets=entries, pagination=pagination)


def chain_forecast(
    ctx: Context, request: query_pb2.QueryChainForecastRequest
) -> query_pb2.QueryChainForecastResponse:
    """The chain's own forecast of a slot."""
    get_target(ctx, request.target_id)
    found = combine(ctx, request.slot, request.target_id)
    frozen = FROZEN.get(ctx, (request.slot, request.target_id))
    require(found.quantiles or frozen, ForecastError.FORECAST_UNKNOWN)
    return query_pb2.QueryChainForecastResponse(forecast=found, frozen=frozen)


def forecasts(
    ctx: Context, request: query_pb2.QueryForecastsRequest
) -> query_pb2.QueryForecastsResponse:
    """The forecasts of a slot that wait to be scored."""
    waiting = FORECASTS.under((request.slot, request.target_id))
    page, pagination = get_page(ctx, waiting, request.pagination)
    entries = [
        query_pb2.ForecastOf(forecaster=bech32.encode(key), forecast=value) for key, value in page
    ]
    return query_pb2.QueryForecastsResponse(forecasts=entries, pagination=pagination)


def outcomes(
    ctx: Context, request: query_pb2.QueryOutcomesRequest
) -> query_pb2.QueryOutcomesResponse:
    """What became of a target in its last settled slots."""
    get_target(ctx, request.target_id)
    target_id = request.target_id
    page, pagination = get_index_page(ctx, OUTCOMES_BY_TARGET, target_id, request.pagination)
    entries = [query_pb2.OutcomeOf(slot=key[0], outcome=value) for key, value in page]
    return query_pb2.QueryOutcomesResponse(outcomes=entries, pagination=pagination)


def scores(ctx: Context, request: query_pb2.QueryScoresRequest) -> query_pb2.QueryScoresResponse:
    """The last scores of a forecaster."""
    own = SCORES.under((request.target_id, decode_address(request.forecaster)))
    page, pagination = get_page(ctx, own, request.pagination)
    entries = [query_pb2.ScoreOf(slot=key, score=value) for key, value in page]
    return query_pb2.QueryScoresResponse(scores=entries, pagination=pagination)


def skills(ctx: Context, request: query_pb2.QuerySkillsRequest) -> query_pb2.QuerySkillsResponse:
    """The skill of all forecasters of a target."""
    page, pagination = get_page(ctx, SKILLS.under(request.target_id), request.pagination)
    entries = [
        query_pb2.SkillOf(
            forecaster=bech32.encode(key),
            skill=value,
            skill_permille=compute_skill_permille(value.loss, value.baseline_loss),
        )
        for key, value in page
    ]
    return query_pb2.QuerySkillsResponse(skills=entries, pagination=pagination)


def models(ctx: Context, request: query_pb2.QueryModelsRequest) -> query_pb2.QueryModelsResponse:
    """The models of a forecaster."""
    own = MODELS.under(decode_address(request.forecaster))
    page, pagination = get_page(ctx, own, request.pagination)
    entries = [query_pb2.NumberedModel(number=key, model=value) for key, value in page]
    return query_pb2.QueryModelsResponse(models=entries, pagination=pagination)


def market(ctx: Context, request: query_pb2.QueryMarketRequest) -> query_pb2.QueryMarketResponse:
    """A prediction market."""
    return _describe(request.market_id, get_market(ctx, request.market_id))


def markets(ctx: Context, request: query_pb2.QueryMarketsRequest) -> query_pb2.QueryMarketsResponse:
    """All prediction markets that are not paid."""
    page, pagination = get_page(ctx, MARKETS, request.pagination)
    entries = [_describe(key, value) for key, value in page]
    return query_pb2.QueryMarketsResponse(markets=entries, pagination=pagination)


def holdings(
    ctx: Context, request: query_pb2.QueryHoldingsRequest
) -> query_pb2.QueryHoldingsResponse:
    """The shares of all accounts in a prediction market."""
    page, pagination = get_page(ctx, HOLDINGS.under(request.market_id), request.pagination)
    entries = [query_pb2.HoldingOf(owner=bech32.encode(key), holding=value) for key, value in page]
    return query_pb2.QueryHoldingsResponse(holdings=entries, pagination=pagination)


def quote(ctx: Context, request: query_pb2.QueryQuoteRequest) -> query_pb2.QueryQuoteResponse:
    """What shares would cost now, or bring."""
    found = get_market(ctx, request.market_id)
    is_open = found.status == state_pb2.MARKET_STATUS_OPEN
    require(is_open, ForecastError.MARKET_CLOSED)
    require_outcome(found, request.outcome)
    sold = found.shares[request.outcome]
    most = sold if request.sell else rules.SHARES_MAX - sold
    require(0 < request.shares <= most, ForecastError.SHARES_INVALID)
    change = -request.shares if request.sell else request.shares
    after = lmsr.trade(found.shares, request.outcome, change)
    return query_pb2.QueryQuoteResponse(
        amount=abs(
            lmsr.compute_cost(after, found.beta) - lmsr.compute_cost(found.shares, found.beta)
        ),
        prices_micro=lmsr.compute_prices_micro(found.shares, found.beta),
        prices_after_micro=lmsr.compute_prices_micro(after, found.beta),
    )


def _describe(market_id: int, found: state_pb2.PredictionMarket) -> query_pb2.QueryMarketResponse:
    return query_pb2.QueryMarketResponse(
        market_id=market_id,
        market=found,
        prices_micro=lmsr.compute_prices_micro(found.shares, found.beta),
    )
