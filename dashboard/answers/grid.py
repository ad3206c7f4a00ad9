"""Calls about feeders: for everybody what hides each home, for operators all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any

from blockenergy.dashboard.v1 import grid_pb2
from blockenergy.market.v1 import query_pb2 as market_pb2
from blockenergy.market.v1.events_pb2 import EventCurtailed
from blockenergy.market.v1.state_pb2 import FeederFlow
from blockenergy.metering.v1 import query_pb2 as metering_pb2
from blockenergy.registry.v1 import query_pb2 as registry_pb2
from blockenergy.registry.v1.state_pb2 import STATUS_REMOVED
from sqlalchemy import select

from client.cli.common import NS_PER_S
from client.errors import RejectedError
from dashboard.answers.rows import read_message
from dashboard.answers.shown import SLOTS_MAX, find_cleared, require_range
from dashboard.answers.withheld import find_withheld
from dashboard.errors import ApiError, Code
from dashboard.model.days import parse_day
from dashboard.model.tables import BLOCK, EVENT, FEEDER_SLOT
from dashboard.site import Visit
from dashboard.web.rights import Feeders, is_auditor, list_feeders, list_operated, list_way_up

METERS_SHOWN_MAX = 1000
ROWS_MAX = 5_000
_SUM_FIELDS = [field.name for field in grid_pb2.FeederSum.DESCRIPTOR.fields]
_PAGE = 1000
_AGREED_MAX = 100
_CURTAILMENTS_READ_MAX, _CURTAILMENTS_SHOWN_MAX = 1_000, 100


def feeders(visit: Visit, request: grid_pb2.FeedersRequest) -> grid_pb2.FeedersResponse:
    """The feeders, where enough meters hide each one."""
    return _show(visit, request.slot, list_feeders(visit), seen=set())


def grid(visit: Visit, request: grid_pb2.FeedersRequest) -> grid_pb2.FeedersResponse:
    """The feeders that the operator runs, and those below them, with nothing left out."""
    known = list_feeders(visit)
    seen = set(known) if is_auditor(visit) else list_operated(visit, known)
    shown = {name: info for name, info in known.items() if name in seen}
    return _show(visit, request.slot, shown, seen)


def feeder_table(
    visit: Visit, request: grid_pb2.FeederTableRequest
) -> grid_pb2.FeederTableResponse:
    """The feeders of a day, or of one of its slots, as a table without what would show a single
    home.
    """
    wanted = visit.site.days.get_slots(parse_day(request.day))
    if request.slot:
        wanted = range(request.slot, request.slot + 1) if request.slot in wanted else range(0)
    limit = None if request.slot else ROWS_MAX + 1
    query = (
        select(FEEDER_SLOT)
        .where(FEEDER_SLOT.c.slot.between(wanted.start, wanted.stop - 1))
        .order_by(FEEDER_SLOT.c.slot, FEEDER_SLOT.c.feeder)
        .limit(limit)
    )
    with visit.site.engine.connect() as connection:
        rows = connection.execute(query).all()
    if len(rows) == limit:
        raise ApiError(Code.TOO_LARGE, f"of a day with more than {ROWS_MAX:,} rows, name a slot")
    known = list_feeders(visit)
    response = grid_pb2.FeederTableResponse()
    for _, slot_rows in groupby(rows, key=attrgetter("slot")):
        by_name = {row.feeder: row for row in slot_rows}
        withheld = _find_withheld(
            known, {name: row.meters for name, row in by_name.items()}, by_name
        )
        for name, row in by_name.items():
            if name not in withheld:
                _add_row(visit, response.rows, row)
    return response


def feeder_slots(
    visit: Visit, request: grid_pb2.FeederSlotsRequest
) -> grid_pb2.FeederSlotsResponse:
    """A feeder over a range of slots."""
    wanted = require_range(request.first_slot, request.last_slot)
    query = (
        select(FEEDER_SLOT)
        .where(FEEDER_SLOT.c.feeder == request.feeder)
        .where(FEEDER_SLOT.c.slot.between(wanted.start, wanted.stop - 1))
        .order_by(FEEDER_SLOT.c.slot)
        .limit(SLOTS_MAX)
    )
    with visit.site.engine.connect() as connection:
        rows = connection.execute(query).all()
    known = [book.slot for book in visit.moment.slots if book.slot in wanted]
    agreed = [_show_agreed(visit, request.feeder, slot) for slot in known[:_AGREED_MAX]]
    response = grid_pb2.FeederSlotsResponse(agreed=agreed)
    for row in rows:
        _add_row(visit, response.slots, row)
    return visit.date(response)


def feeder_meters(
    visit: Visit, request: grid_pb2.FeederMetersRequest
) -> grid_pb2.FeederMetersResponse:
    """The meters on a feeder, and those that are silent."""
    found = [one for one in _list_meters(visit) if one.meter.feeder == request.feeder]
    shown = [
        grid_pb2.ShownMeter(meter=one, baseline=_find_baseline(visit, one.meter_id))
        for one in found[:METERS_SHOWN_MAX]
    ]
    more = len(found) > METERS_SHOWN_MAX
    return visit.date(grid_pb2.FeederMetersResponse(meters=shown, more=more))


def curtailments(visit: Visit, _: grid_pb2.CurtailmentsRequest) -> grid_pb2.CurtailmentsResponse:
    """Curtailments on the feeders that the operator runs, the latest first."""
    known = list_feeders(visit)
    seen = set(known) if is_auditor(visit) else list_operated(visit, known)
    query = (
        select(EVENT.c.content, BLOCK.c.time_ns)
        .join(BLOCK, BLOCK.c.height == EVENT.c.height)
        .where(EVENT.c.type == EventCurtailed.DESCRIPTOR.full_name)
        .order_by(EVENT.c.height.desc(), EVENT.c.number.desc())
        .limit(_CURTAILMENTS_READ_MAX)
    )
    with visit.site.engine.connect() as connection:
        rows = connection.execute(query).all()
    found = [(row.time_ns, EventCurtailed.FromString(row.content)) for row in rows]
    shown = [
        grid_pb2.ShownCurtailment(
            at_s=time_ns // NS_PER_S,
            shown_start_s=visit.site.days.get_start_s(one.slot),
            curtailed=one,
        )
        for time_ns, one in found
        if one.feeder in seen
    ]
    return visit.date(grid_pb2.CurtailmentsResponse(curtailments=shown[:_CURTAILMENTS_SHOWN_MAX]))


def _show_agreed(visit: Visit, feeder: str, slot: int) -> grid_pb2.FeederAgreed:
    request = market_pb2.QueryFeederRequest(slot=slot, feeder=feeder)
    return grid_pb2.FeederAgreed(
        slot=slot,
        shown_start_s=visit.site.days.get_start_s(slot),
        line=visit.ask(request, market_pb2.QueryFeederResponse),
    )


def _list_meters(visit: Visit) -> list[registry_pb2.QueryMeterResponse]:
    """All meters that are not removed."""
    found = visit.moment.shared.get("meters")
    if found is None:
        request = registry_pb2.QueryMetersRequest()
        request.pagination.limit = _PAGE
        pages = visit.ask_all(request, registry_pb2.QueryMetersResponse)
        found = [one for page in pages for one in page.meters if one.meter.status != STATUS_REMOVED]
        visit.moment.shared["meters"] = found
    return list(found)


def _find_withheld(known: Feeders, meters: Mapping[str, int], rows: Mapping[str, Any]) -> set[str]:
    """The feeders whose sums would show a single home. rows: their sums of a slot, if any."""
    unfit = {
        name for name, row in rows.items() if 2 * row.largest_wh > row.import_wh + row.export_wh
    }
    return find_withheld(known, meters, unfit)


def _show(visit: Visit, slot: int, shown: Feeders, seen: set[str]) -> grid_pb2.FeedersResponse:
    slot = slot if 0 < slot < 1 << 62 else visit.moment.slot
    known = list_feeders(visit)
    meters = _count_meters(known, (one.meter for one in _list_meters(visit)))
    flows, cleared = _list_flows(visit, slot), find_cleared(visit, slot)
    query = select(FEEDER_SLOT).where(FEEDER_SLOT.c.slot == slot)
    with visit.site.engine.connect() as connection:
        rows = {row.feeder: row for row in connection.execute(query)}
    least = {
        name: min(count, rows[name].meters if name in rows else count)
        for name, count in meters.items()
    }
    hidden = _find_withheld(known, least, rows)
    listed = []
    for name, info in shown.items():
        row = rows.get(name)
        withheld = name not in seen and (name in hidden or name not in meters)
        one = grid_pb2.ShownFeeder(
            feeder=name, info=info, meters=meters.get(name, 0), withheld=withheld
        )
        if not withheld:
            if flows is not None:
                one.agreed.CopyFrom(flows.get(name, FeederFlow()))
            if row is not None:
                one.settled.CopyFrom(read_message(grid_pb2.FeederSum, row))
            if cleared and name in cleared.nodes:
                one.cleared.CopyFrom(cleared.nodes[name])
        listed.append(one)
    return visit.date(grid_pb2.FeedersResponse(slot=slot, feeders=listed))


def _count_meters(known: Feeders, meters: Iterable[Any]) -> dict[str, int]:
    """How many meters there are on each feeder and below it, without those that check a line."""
    counts: dict[str, int] = {}
    for meter in meters:
        for name in list_way_up(known, meter.feeder) if not meter.checks_feeder else ():
            counts[name] = counts.get(name, 0) + 1
    return counts


def _list_flows(visit: Visit, slot: int) -> dict[str, FeederFlow] | None:
    """What is agreed over each feeder; None if the slot is not on record."""
    request = market_pb2.QueryFeederFlowsRequest(slot=slot)
    request.pagination.limit = _PAGE
    try:
        pages = visit.ask_all(request, market_pb2.QueryFeederFlowsResponse)
        return {one.feeder: one.flow for page in pages for one in page.flows}
    except RejectedError:
        return None


def _find_baseline(visit: Visit, meter_id: str) -> Any:
    try:
        request = metering_pb2.QueryBaselineRequest(meter_id=meter_id)
        return visit.ask(request, metering_pb2.QueryBaselineResponse).baseline
    except RejectedError:
        return None


def _add_row(visit: Visit, rows: Any, row: Any) -> None:
    """Adds a row of the table, whose columns end with the fields of its sum. A table of a day has
    thousands: by their names, and as messages of their own, they would take three times as long.
    """
    values = zip(_SUM_FIELDS, row[-len(_SUM_FIELDS) :], strict=True)
    start_s = visit.site.days.get_start_s(row.slot)
    rows.add(slot=row.slot, shown_start_s=start_s, feeder=row.feeder, sum=dict(values))
