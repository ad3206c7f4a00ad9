"""Forecasts, scored by the chain against its own settled slots, and prediction markets.

Promises that nobody earns by repeating what the chain or somebody else has said, that the rewards
of a slot are never more than what was ordered, that a market maker loses at most what its creator
put in, that no sequence of trades gains by rounding, that bonds are conserved, and that the chain
waits for nobody: what is not revealed, reported, settled or decided in time ends without it.

Models never run here: agents sign whole numbers, the chain scores them. Forecasts and prediction
markets have a room each (scoring, prediction).
"""

from blockenergy.forecast.v1 import query_pb2, tx_pb2

from chain.forecast import invariants, lifecycle, msgs, queries
from chain.forecast.block import begin_block, end_block
from chain.forecast.genesis import validate_genesis, validate_params
from chain.forecast.keeper import ACCOUNT, ForecastError
from chain.forecast.prediction import lmsr
from chain.forecast.scoring.rules import compute_hash, compute_loss, compute_skill_permille
from chain.forecast.scoring.targets import count_energy, note_settled
from chain.forecast.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="forecast",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    begin_block=begin_block,
    end_block=end_block,
    invariants=invariants.ALL,
    lifecycles=(lifecycle.MARKET,),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "ACCOUNT",
    "MODULE",
    "ForecastError",
    "compute_hash",
    "compute_loss",
    "compute_skill_permille",
    "count_energy",
    "lmsr",
    "note_settled",
]
