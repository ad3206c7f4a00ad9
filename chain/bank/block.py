"""What the bank does in every block, without a message: it ends holds at their deadline."""

from __future__ import annotations

from itertools import islice

from blockenergy.bank.v1 import events_pb2

from chain.bank import keeper
from chain.bank.lifecycle import HOLD, HoldEvent, get_hold_status
from chain.bank.state import HOLDS, HOLDS_BY_DEADLINE, PARAMS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def end_block(ctx: Context) -> None:
    """Returns expired holds to their owners, the earliest first, a bounded number per block."""
    limit = PARAMS.get(ctx).expiries_per_block_max
    due = HOLDS_BY_DEADLINE.items(ctx, before=ctx.block.time_s + 1)
    for _, key in list(islice(due, limit)):
        _expire(ctx, key)


def _expire(ctx: Context, key: tuple[bytes, int]) -> None:
    owner, hold_id = key
    hold = HOLDS.get(ctx, key)
    assert hold is not None, "an index points to a missing hold"
    HOLD.next(get_hold_status(hold, ctx.block.time_s), HoldEvent.EXPIRE)
    keeper.void(ctx, owner, hold_id)
    ctx.emit(
        events_pb2.EventHoldEnded(
            hold_id=hold_id,
            owner=bech32.encode(owner),
            beneficiary=hold.beneficiary,
            denom=hold.denom,
            returned=hold.amount,
            expired=True,
            deposit=hold.deposit,
        )
    )
