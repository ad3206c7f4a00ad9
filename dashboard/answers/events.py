"""Pages of events, the latest first."""

from __future__ import annotations

from typing import Any

from blockenergy.dashboard.v1 import public_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from sqlalchemy import Select, and_, or_, select

from client.catalog import get_events, get_module
from client.cli.common import NS_PER_S
from dashboard.errors import ApiError, Code
from dashboard.model.tables import BLOCK, EVENT
from dashboard.site import Visit

PAGE_EVENTS = 100
_TYPES_MAX = 100


def make_page(visit: Visit, query: Select[Any], page: str) -> public_pb2.EventsResponse:
    """One page of the events that a query finds."""
    height, number = EVENT.c.height, EVENT.c.number
    query = query.order_by(height.desc(), number.desc()).limit(PAGE_EVENTS + 1)
    if page:
        at_height, at_number = _parse_page(page)
        earlier = and_(height == at_height, number < at_number)
        query = query.where(or_(height < at_height, earlier))
    with visit.site.engine.connect() as connection:
        rows = connection.execute(query).all()
        times = select(BLOCK.c.height, BLOCK.c.time_ns).where(
            BLOCK.c.height.in_({row.height for row in rows})
        )
        time_ns = {row.height: row.time_ns for row in connection.execute(times)}
    shown = [
        public_pb2.ShownEvent(
            height=row.height,
            time_s=time_ns.get(row.height, 0) // NS_PER_S,
            number=row.number,
            content=AnyMessage(type_url=f"/{row.type}", value=row.content),
        )
        for row in rows[:PAGE_EVENTS]
    ]
    response = visit.date(public_pb2.EventsResponse(events=shown))
    if len(rows) > PAGE_EVENTS:
        response.next_page = f"{shown[-1].height}-{shown[-1].number}"
    return response


def select_types(text: str) -> frozenset[str]:
    """The types of events that a list of names and modules means; none: all."""
    wanted = {part for part in text.split(",") if part}
    if len(wanted) > _TYPES_MAX:
        raise ApiError(Code.INVALID_REQUEST, "too many types")
    found = {name for name in get_events() if name in wanted or get_module(name) in wanted}
    if wanted and not found:
        raise ApiError(Code.INVALID_REQUEST, "there are no such events")
    return frozenset(found)


def _parse_page(page: str) -> tuple[int, int]:
    height, _, number = page.partition("-")
    fits = page.isascii() and len(page) <= 40
    if not (fits and height.isdecimal() and number.isdecimal()):
        raise ApiError(Code.INVALID_REQUEST, "page is what next_page said")
    return min(int(height), (1 << 63) - 1), min(int(number), (1 << 63) - 1)
