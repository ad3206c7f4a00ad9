"""Calls for auditors: does it add up, what is missing, what has changed."""

from __future__ import annotations

from typing import Any

from blockenergy.dashboard.v1 import grid_pb2, public_pb2
from blockenergy.market.v1 import query_pb2 as market_pb2
from blockenergy.settlement.v1.state_pb2 import SlotResult
from sqlalchemy import Select, func, select

from dashboard.answers.events import make_page, select_types
from dashboard.answers.rows import add_columns, read_message, read_sum, select_lines
from dashboard.errors import ApiError, Code
from dashboard.model.tables import EVENT, GAP, SLOT_RESULT
from dashboard.site import Visit

LISTED_MAX = 100


def audit(visit: Visit, request: grid_pb2.AuditRequest) -> grid_pb2.AuditResponse:
    """Whether a settled slot adds up: its result, and the sums of its lines."""
    query = select(SLOT_RESULT).order_by(SLOT_RESULT.c.slot.desc()).limit(1)
    if request.slot:
        query = query.where(SLOT_RESULT.c.slot == min(request.slot, (1 << 63) - 1))
    with visit.site.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            raise ApiError(Code.NOT_FOUND)
        lines = select_lines(row.slot).subquery()
        sums = select(func.count().label("lines"), *add_columns(lines))
        added = connection.execute(sums).one()
    return visit.date(
        grid_pb2.AuditResponse(
            slot=row.slot,
            settled_height=row.height,
            result=read_message(SlotResult, row),
            lines=row.lines,
            lines_read=added.lines,
            sum=read_sum(added),
        )
    )


def audit_events(visit: Visit, request: grid_pb2.AuditEventsRequest) -> public_pb2.EventsResponse:
    """All events of some types, the latest first."""
    types = select_types(request.types)
    query: Select[Any] = select(EVENT)
    return make_page(visit, query.where(EVENT.c.type.in_(types)) if types else query, request.page)


def gaps(visit: Visit, _: grid_pb2.GapsRequest) -> grid_pb2.GapsResponse:
    """Blocks that the tables lack, and slots whose lines are incomplete or do not add up."""
    with visit.site.engine.connect() as connection:
        rows = connection.execute(select(GAP).order_by(GAP.c.first_height).limit(LISTED_MAX))
        listed = [
            grid_pb2.Gap(first_height=row.first_height, last_height=row.last_height) for row in rows
        ]
        slots = {
            state: connection.scalars(
                select(SLOT_RESULT.c.slot)
                .where(SLOT_RESULT.c.lines == state)
                .order_by(SLOT_RESULT.c.slot.desc())
                .limit(LISTED_MAX)
            ).all()
            for state in ("incomplete", "differ")
        }
    return visit.date(
        grid_pb2.GapsResponse(
            gaps=listed, incomplete_slots=slots["incomplete"], differing_slots=slots["differ"]
        )
    )


def clearing(visit: Visit, request: grid_pb2.ClearingRequest) -> grid_pb2.ClearingResponse:
    """The outcome of a call auction, with all that is needed to verify that it is optimal."""
    asked = market_pb2.QueryClearingRequest(slot=request.slot)
    found = visit.ask(asked, market_pb2.QueryClearingResponse)
    return visit.date(grid_pb2.ClearingResponse(clearing=found))
