"""Targets, forecasts, scores, models, prediction markets, and the parameters of all of them."""

from __future__ import annotations

from blockenergy.forecast.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, U64, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

SCHEMA = Schema(13, "forecast")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
TARGETS = Map(SCHEMA, 1, "targets", U64, Record(state_pb2.Target))
TARGET_IDS = Sequence(SCHEMA, 2, "last_target_id")
# By target id: what of the slot in settlement is counted.
TALLIES = Map(SCHEMA, 3, "tallies", U64, Record(state_pb2.Tally))
# (slot, target id): of settled slots.
OUTCOMES = Map(SCHEMA, 4, "outcomes", Pair(U64, U64), Record(state_pb2.Outcome))
# (slot, target id): while it has forecasts that are not scored.
ROUNDS = Map(SCHEMA, 5, "rounds", Pair(U64, U64), Record(state_pb2.Round))
# ((slot, target id), forecaster).
FORECASTS = Map(
    SCHEMA, 6, "forecasts", Pair(Pair(U64, U64), ADDRESS), Record(state_pb2.SlotForecast)
)
# (slot, target id).
FROZEN = Map(SCHEMA, 7, "frozen", Pair(U64, U64), Record(state_pb2.FrozenForecast))
# The last slot whose forecasts are frozen.
LAST_FROZEN = Sequence(SCHEMA, 8, "last_frozen")
# ((target id, forecaster), slot): those that the skill is made of.
SCORES = Map(SCHEMA, 9, "scores", Pair(Pair(U64, ADDRESS), U64), Record(state_pb2.Score))
# (target id, forecaster).
SKILLS = Map(SCHEMA, 10, "skills", Pair(U64, ADDRESS), Record(state_pb2.Skill))
# (forecaster, number).
MODELS = Map(SCHEMA, 11, "models", Pair(ADDRESS, U64), Record(state_pb2.Model))
MARKETS = Map(SCHEMA, 12, "markets", U64, Record(state_pb2.PredictionMarket))
MARKET_IDS = Sequence(SCHEMA, 13, "last_market_id")
# (market id, owner).
HOLDINGS = Map(SCHEMA, 14, "holdings", Pair(U64, ADDRESS), Record(state_pb2.Holding))
# How many prediction markets there are.
MARKET_COUNT = Sequence(SCHEMA, 15, "market_count")

OUTCOMES_BY_TARGET = Index(SCHEMA, 20, OUTCOMES, U64, by=lambda key, _: key[1])
# Targets whose order has ended, under 1.
TARGETS_ENDED = Index(SCHEMA, 19, TARGETS, U64, by=lambda _, target: 1 if target.ended else None)
# Markets that the chain acts on at a time, the earliest first.
MARKETS_BY_DEADLINE = Index(
    SCHEMA, 16, MARKETS, U64, by=lambda _, market: market.deadline_s or None
)
# Closed markets that wait for the settlement of their slot.
MARKETS_BY_SLOT = Index(
    SCHEMA,
    17,
    MARKETS,
    U64,
    by=lambda _, market: (
        market.slot
        if market.target_id and market.status == state_pb2.MARKET_STATUS_CLOSED
        else None
    ),
)
# Markets whose shares are being paid, by their status.
MARKETS_IN_PAYMENT = Index(
    SCHEMA,
    18,
    MARKETS,
    U64,
    by=lambda _, market: (
        int(market.status)
        if market.status in (state_pb2.MARKET_STATUS_RESOLVED, state_pb2.MARKET_STATUS_VOID)
        else None
    ),
)
