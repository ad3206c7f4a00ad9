"""Reading and moving prediction markets."""

from __future__ import annotations

from blockenergy.forecast.v1 import events_pb2, state_pb2

from chain.forecast.keeper import ForecastError, pay
from chain.forecast.lifecycle import MARKET, Event
from chain.forecast.prediction import rules
from chain.forecast.state import MARKETS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore


def get_market(state: HasStore, market_id: int) -> state_pb2.PredictionMarket:
    """A market; rejects an unknown one."""
    market = MARKETS.get(state, market_id)
    if market is None:
        raise ChainError(ForecastError.MARKET_UNKNOWN)
    return market


def require_outcome(market: state_pb2.PredictionMarket, outcome: int) -> None:
    """Rejects an outcome that the market does not have."""
    require(outcome < len(market.shares), ForecastError.NO_SUCH_OUTCOME)


def move(
    ctx: Context,
    market_id: int,
    market: state_pb2.PredictionMarket,
    event: Event,
    deadline_s: int = 0,
) -> None:
    """Takes a market to its next status and writes it. deadline_s: when the chain acts next."""
    market.status = MARKET.next(market.status, event)
    market.deadline_s = deadline_s
    MARKETS.set(ctx, market_id, market)
    ctx.emit(
        events_pb2.EventMarketMoved(
            market_id=market_id,
            status=market.status,
            outcome=market.outcome,
            deadline_s=deadline_s,
        )
    )


def resolve(
    ctx: Context, market_id: int, market: state_pb2.PredictionMarket, event: Event, outcome: int
) -> None:
    """Makes an outcome final: settles the bonds, and lets shares be paid."""
    market.outcome = outcome
    _pay_bonds(ctx, market_id, market, outcome)
    move(ctx, market_id, market, event)


def void(ctx: Context, market_id: int, market: state_pb2.PredictionMarket, event: Event) -> None:
    """Gives bonds back, and lets everybody have back what is still in."""
    _pay_bonds(ctx, market_id, market, None)
    move(ctx, market_id, market, event)


def _pay_bonds(
    ctx: Context, market_id: int, market: state_pb2.PredictionMarket, outcome: int | None
) -> None:
    bonds = [rules.Bond(bond.outcome, bond.amount) for bond in market.bonds]
    for bond, amount in zip(market.bonds, rules.share_bonds(bonds, outcome), strict=True):
        pay(ctx, bech32.decode(bond.owner), amount)
        ctx.emit(
            events_pb2.EventBondPaid(
                market_id=market_id, owner=bond.owner, bond=bond.amount, amount=amount
            )
        )
    del market.bonds[:]
