"""The statuses of a hold, as a table.

A hold is on record until it ends. One whose deadline has come can no longer be posted or voided,
even if it is still on record.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from blockenergy.bank.v1 import state_pb2

from chain.runtime.lifecycle import Lifecycle


class HoldStatus(IntEnum):
    """A hold on record is held or due; the others are how it ends."""

    HELD = 1
    DUE = 2
    POSTED = 3
    VOIDED = 4
    EXPIRED = 5


class HoldEvent(Enum):
    """What moves a hold to its next status."""

    CHANGE = "extended, or released in part"
    POST = "posted to a beneficiary, the rest returned"
    VOID = "returned to its owner"
    DEADLINE = "the block time reaches its deadline"
    EXPIRE = "returned to its owner at the end of a block"


HOLD = Lifecycle(
    "hold",
    HoldStatus.HELD,
    {
        (HoldStatus.HELD, HoldEvent.CHANGE): HoldStatus.HELD,
        (HoldStatus.HELD, HoldEvent.POST): HoldStatus.POSTED,
        (HoldStatus.HELD, HoldEvent.VOID): HoldStatus.VOIDED,
        (HoldStatus.HELD, HoldEvent.DEADLINE): HoldStatus.DUE,
        (HoldStatus.DUE, HoldEvent.EXPIRE): HoldStatus.EXPIRED,
    },
)


def get_hold_status(hold: state_pb2.Hold, time_s: int) -> HoldStatus:
    """The status of a hold on record at a block time."""
    is_due = hold.deadline_s and hold.deadline_s <= time_s
    return HoldStatus.DUE if is_due else HoldStatus.HELD
