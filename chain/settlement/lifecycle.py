"""The stages of the settlement of a slot, as a table."""

from __future__ import annotations

from enum import Enum

from blockenergy.settlement.v1 import state_pb2

from chain.runtime.lifecycle import Lifecycle


class Event(Enum):
    """What moves the settlement to its next stage."""

    DUE = "the reading deadline has passed and every fill is booked"
    LINES_WRITTEN = "every account has its line"
    CREDITS_PAID = "no credit is deferred any more"


STAGE = Lifecycle(
    "settlement of a slot",
    state_pb2.STAGE_UNSPECIFIED,
    {
        (state_pb2.STAGE_UNSPECIFIED, Event.DUE): state_pb2.STAGE_LINES,
        (state_pb2.STAGE_LINES, Event.LINES_WRITTEN): state_pb2.STAGE_PAYMENTS,
        # The next slot begins anew.
        (state_pb2.STAGE_PAYMENTS, Event.CREDITS_PAID): state_pb2.STAGE_UNSPECIFIED,
    },
    state_pb2.Stage.Name,
)


def move(progress: state_pb2.Progress, event: Event) -> None:
    """Takes the settlement to its next stage, in which no account is done yet."""
    progress.stage = STAGE.next(progress.stage, event)
    progress.owner = ""
