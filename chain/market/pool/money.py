"""The pool's money while slots are settled: charges come in, credits go out.

Everything that a slot pays or receives goes through the pool, in the settlement denomination.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain import bank
from chain.market.keeper import POOL
from chain.market.state import PARAMS, POSITIONS
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore


def get_pool_balance(state: HasStore) -> int:
    """The money of the pool."""
    return bank.get_balance(state, POOL, PARAMS.get_shared(state).settlement_denom)


def collect_into_pool(ctx: Context, source: bytes, amount: int) -> int:
    """Moves up to an amount into the pool, limited by the balance; returns what it collected."""
    denom = PARAMS.get_shared(ctx).settlement_denom
    return bank.transfer_up_to(ctx, source, POOL, denom, amount)


def pay_from_pool(ctx: Context, target: bytes, amount: int) -> None:
    """Moves an amount out of the pool; that the pool has it is a promise of the caller."""
    bank.transfer(ctx, POOL, target, PARAMS.get_shared(ctx).settlement_denom, amount)


def settle_position(
    ctx: Context, slot: int, owner: bytes, position: state_pb2.Position, amount: int
) -> int:
    """Ends a position: collects up to an amount from its hold into the pool and returns the rest
    of the hold to the owner. Returns what it collected.
    """
    hold = bank.get_hold(ctx, owner, position.hold_id)
    assert hold is not None, "a position has lost its hold"
    collected = min(hold.amount, amount)
    bank.post(ctx, owner, position.hold_id, POOL, collected)
    POSITIONS.delete(ctx, (slot, owner))
    return collected
