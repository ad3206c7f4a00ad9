"""The statuses of a prediction market, as a table."""

from __future__ import annotations

from enum import Enum

from blockenergy.forecast.v1 import state_pb2

from chain.runtime.lifecycle import Lifecycle


class Event(Enum):
    """What moves a prediction market to its next status."""

    CLOSE = "its closing time"
    SETTLED = "its slot is settled, with few enough estimates"
    NOT_SETTLED = "its slot has no outcome"
    REPORTED = "its reporter stated an outcome"
    NOT_REPORTED = "no report in time"
    DISPUTED = "disputed in favour of another outcome"
    LAST_DISPUTE = "disputed in the last round"
    UNDISPUTED = "no dispute in time"
    DECIDED = "the authority decided"
    NOT_DECIDED = "no decision in time"


_OPEN, _CLOSED = state_pb2.MARKET_STATUS_OPEN, state_pb2.MARKET_STATUS_CLOSED
_REPORTED, _APPEALED = state_pb2.MARKET_STATUS_REPORTED, state_pb2.MARKET_STATUS_APPEALED
_RESOLVED, _VOID = state_pb2.MARKET_STATUS_RESOLVED, state_pb2.MARKET_STATUS_VOID

MARKET = Lifecycle(
    "prediction market",
    _OPEN,
    {
        (_OPEN, Event.CLOSE): _CLOSED,
        (_CLOSED, Event.SETTLED): _RESOLVED,
        (_CLOSED, Event.NOT_SETTLED): _VOID,
        (_CLOSED, Event.REPORTED): _REPORTED,
        (_CLOSED, Event.NOT_REPORTED): _VOID,
        (_REPORTED, Event.DISPUTED): _REPORTED,
        (_REPORTED, Event.LAST_DISPUTE): _APPEALED,
        (_REPORTED, Event.UNDISPUTED): _RESOLVED,
        (_APPEALED, Event.DECIDED): _RESOLVED,
        (_APPEALED, Event.NOT_DECIDED): _VOID,
    },
    state_pb2.MarketStatus.Name,
)
