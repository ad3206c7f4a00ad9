"""What the bank does by itself in every block: end the holds whose deadline has come."""

from __future__ import annotations

from itertools import islice

from blockenergy.bank.v1 import events_pb2

from chain.bank import keeper
from chain.bank.state import HOLDS, HOLDS_BY_DEADLINE, PARAMS
from chain.runtime import bech32
from chain.runtime.context import Context
from chain.runtime.keys import U64


def end_block(ctx: Context) -> None:
    """Gives expired holds back to their owners, the oldest first, so many per block."""
    limit = PARAMS.get(ctx).expiries_per_block_max
    expired = []
    for index_key, key in islice(HOLDS_BY_DEADLINE.keys(ctx), limit):
        if U64.decode(index_key[:8]) > ctx.block.time_s:
            break
        expired.append(key)
    for key in expired:
        _expire(ctx, key)


def _expire(ctx: Context, key: tuple[bytes, int]) -> None:
    owner, hold_id = key
    hold = HOLDS.get(ctx, key)
    assert hold is not None, "an index points to a hold that is not there"
    keeper.post(ctx, owner, hold_id, owner, 0)
    ctx.emit(
        events_pb2.EventHoldEnded(
            hold_id=hold_id,
            owner=bech32.encode(owner),
            beneficiary=hold.beneficiary,
            denom=hold.denom,
            returned=hold.amount,
            expired=True,
        )
    )
