"""What all of the module stands on: its errors, its money, and its targets.

All money of the module is in one account: what forecasters stake, the budgets of targets, what
prediction markets hold for their shares, and bonds.
"""

from __future__ import annotations

from blockenergy.forecast.v1 import errors_pb2, state_pb2

from chain import bank, market
from chain.forecast.state import PARAMS, TARGETS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, ErrorCodes
from chain.runtime.state.collections import HasStore

ForecastError = ErrorCodes("forecast", errors_pb2.Error.DESCRIPTOR)
ACCOUNT = bank.module_account("forecast")


def get_params(state: HasStore) -> state_pb2.Params:
    """Stakes, windows and limits; to be read only."""
    return PARAMS.get_shared(state)


def get_target(state: HasStore, target_id: int) -> state_pb2.Target:
    """A target; rejects an unknown one."""
    target = TARGETS.get(state, target_id)
    if target is None:
        raise ChainError(ForecastError.TARGET_UNKNOWN)
    return target


def take(ctx: Context, owner: bytes, amount: int) -> None:
    """Moves money into the module's account; rejects what the balance does not cover."""
    bank.transfer(ctx, owner, ACCOUNT, market.get_params(ctx).settlement_denom, amount)


def pay(ctx: Context, owner: bytes, amount: int) -> None:
    """Moves money out of the module's account, which has it."""
    bank.transfer(ctx, ACCOUNT, owner, market.get_params(ctx).settlement_denom, amount)
