"""Calls about one account, which `web.rights` has let pass."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta

from blockenergy.bank.v1 import query_pb2 as bank_pb2
from blockenergy.dashboard.v1 import account_pb2, public_pb2
from blockenergy.market.v1 import query_pb2 as market_pb2
from blockenergy.registry.v1 import query_pb2 as registry_pb2
from blockenergy.settlement.v1 import query_pb2 as settlement_pb2
from blockenergy.settlement.v1.state_pb2 import Line
from blockenergy.storage.v1 import query_pb2 as storage_pb2
from sqlalchemy import Connection, and_, func, select

from client.account import get_account
from client.cli.common import NS_PER_S
from client.errors import RejectedError
from dashboard.answers.events import make_page, select_types
from dashboard.answers.rows import add_columns, add_lines, is_line_of, read_message, read_sum
from dashboard.answers.shown import require_range
from dashboard.errors import ApiError, Code
from dashboard.model.days import list_month, parse_day
from dashboard.model.moment import OPEN_SLOTS_MAX
from dashboard.model.tables import ACCOUNT_SLOT, BLOCK, EVENT, EVENT_ACCOUNT, GAP, SLOT_RESULT
from dashboard.site import Visit

DAYS_MAX = 400
METERS_MAX = 1000


def mine(visit: Visit, request: account_pb2.AccountRequest) -> account_pb2.MineResponse:
    """An account as it is now."""
    account = request.account
    participant = registry_pb2.QueryParticipantRequest(address=account)
    meters = registry_pb2.QueryMetersRequest(owner=account)
    meters.pagination.limit = METERS_MAX
    standing = market_pb2.QueryStandingOrdersRequest(owner=account)
    balances = bank_pb2.QueryBalancesRequest(address=account)
    known = get_account(visit.site.present.rpc, account)
    response = account_pb2.MineResponse(
        participant=visit.ask(participant, registry_pb2.QueryParticipantResponse),
        account_number=known.account_number,
        sequence=known.sequence,
        meters=visit.ask(meters, registry_pb2.QueryMetersResponse).meters,
        balances=visit.ask(balances, bank_pb2.QueryBalancesResponse),
        positions=_list_positions(visit, account),
        standing_orders=visit.ask(standing, market_pb2.QueryStandingOrdersResponse).orders,
    )
    _add_battery(visit, account, response)
    return visit.date(response)


def my_slots(visit: Visit, request: account_pb2.MySlotsRequest) -> account_pb2.MySlotsResponse:
    """The slots of an account: position until settlement, then the line."""
    days = visit.site.days
    if request.day:
        on_day = days.get_slots(parse_day(request.day))
        wanted = require_range(on_day.start, on_day.stop - 1)
    else:
        wanted = require_range(request.first_slot, request.last_slot)
    lines = _list_lines(visit, request.account, wanted)
    positions = {
        one.slot: one.position
        for one in _list_positions(visit, request.account)
        if one.slot in wanted
    }
    shown = [
        account_pb2.MySlot(
            slot=slot,
            shown_start_s=days.get_start_s(slot),
            shown_end_s=days.get_end_s(slot),
            line=lines.get(slot),
            position=None if slot in lines else positions.get(slot),
        )
        for slot in wanted
        if slot in lines or slot in positions
    ]
    return visit.date(
        account_pb2.MySlotsResponse(
            account=request.account,
            slots=shown,
            sum=add_lines(list(lines.values())),
            complete=not _find_incomplete(visit, [wanted])[0],
        )
    )


def my_days(visit: Visit, request: account_pb2.MyDaysRequest) -> account_pb2.MyDaysResponse:
    """Sums of the lines of an account by day."""
    first, last = parse_day(request.first_day), parse_day(request.last_day)
    count = (last - first).days + 1
    if not 0 < count <= DAYS_MAX:
        raise ApiError(Code.INVALID_REQUEST, "at most 400 days, from first_day to last_day")
    listed = [first + timedelta(days=number) for number in range(count)]
    ranges = [visit.site.days.get_slots(day) for day in listed]
    incomplete = _find_incomplete(visit, ranges)
    shown = [
        _show_day(visit, request.account, day, slots, missing)
        for day, slots, missing in zip(listed, ranges, incomplete, strict=True)
    ]
    return visit.date(
        account_pb2.MyDaysResponse(
            account=request.account,
            days=shown,
            sum=add_lines([day.sum for day in shown]),
            complete=not any(incomplete),
        )
    )


def my_events(visit: Visit, request: account_pb2.MyEventsRequest) -> public_pb2.EventsResponse:
    """What happened to an account, the latest first."""
    own = and_(EVENT.c.height == EVENT_ACCOUNT.c.height, EVENT.c.number == EVENT_ACCOUNT.c.number)
    query = select(EVENT).join(EVENT_ACCOUNT, own)
    query = query.where(EVENT_ACCOUNT.c.account == request.account)
    types = select_types(request.types)
    if types:
        query = query.where(EVENT.c.type.in_(types))
    return make_page(visit, query, request.page)


def statement(visit: Visit, request: account_pb2.StatementRequest) -> account_pb2.StatementResponse:
    """The lines of a month as a table."""
    days = visit.site.days
    listed = list_month(request.month)
    wanted = range(days.get_slots(listed[0]).start, days.get_slots(listed[-1]).stop)
    return account_pb2.StatementResponse(
        rows=[
            account_pb2.StatementRow(slot=slot, shown_start=days.format_start(slot), line=line)
            for slot, line in _list_lines(visit, request.account, wanted).items()
        ]
    )


def quote(visit: Visit, request: account_pb2.QuoteRequest) -> account_pb2.QuoteResponse:
    """What an order would cost or earn now."""
    asked = market_pb2.QueryQuoteRequest(
        slot=request.slot, side=request.side, quantity_wh=request.quantity_wh
    )
    found = visit.ask(asked, market_pb2.QueryQuoteResponse)
    return visit.date(account_pb2.QuoteResponse(quote=found))


def _show_day(
    visit: Visit, account: str, day: date, slots: range, missing: bool
) -> account_pb2.MyDay:
    query = select(func.count().label("lines"), *add_columns(ACCOUNT_SLOT))
    query = query.where(is_line_of(account, slots))
    with visit.site.engine.connect() as connection:
        row = connection.execute(query).one()
    return account_pb2.MyDay(
        day=day.isoformat(),
        first_slot=slots.start,
        last_slot=max(slots.start, slots.stop - 1),
        lines=row.lines,
        sum=read_sum(row),
        complete=not missing,
    )


def _list_lines(visit: Visit, account: str, wanted: range) -> dict[int, Line]:
    query = select(ACCOUNT_SLOT).where(is_line_of(account, wanted)).order_by(ACCOUNT_SLOT.c.slot)
    with visit.site.engine.connect() as connection:
        return {row.slot: read_message(Line, row) for row in connection.execute(query)}


def _find_incomplete(visit: Visit, ranges: Sequence[range]) -> list[bool]:
    """Of each range, one after the other, whether lines of a slot in it are not in the tables."""
    whole = range(ranges[0].start, ranges[-1].stop)
    column = SLOT_RESULT.c.slot
    within = column.between(whole.start, whole.stop - 1)
    query = select(column).where(within, SLOT_RESULT.c.lines == "incomplete")
    with visit.site.engine.connect() as connection:
        lacking = set(connection.scalars(query))
        in_gaps = range(whole.start, min(whole.stop, _find_gap_end(visit, connection)))
        if in_gaps:
            lacking |= set(in_gaps) - set(connection.scalars(select(column).where(within)))
    in_order = sorted(lacking)
    firsts = [bisect_left(in_order, one.start) for one in ranges]
    return [
        first < len(in_order) and in_order[first] < one.stop
        for first, one in zip(firsts, ranges, strict=True)
    ]


def _find_gap_end(visit: Visit, connection: Connection) -> int:
    """The slot in delivery at the first block after all gaps; a slot before it that has no row may
    have been settled in one. 0: there is no gap.
    """
    behind = BLOCK.c.height == GAP.c.last_height + 1
    query = select(func.coalesce(func.max(BLOCK.c.time_ns), 0)).join(GAP, behind)
    time_ns = int(connection.execute(query).scalar_one())
    return time_ns // NS_PER_S // visit.moment.slot_length_s


def _list_positions(visit: Visit, account: str) -> list[market_pb2.QueryPositionResponse]:
    """The positions of an account in all slots that are not settled."""
    progress = settlement_pb2.QueryProgressRequest()
    first = visit.ask(progress, settlement_pb2.QueryProgressResponse).progress.slot
    request = market_pb2.QueryOwnedPositionsRequest(owner=account, first_slot=first)
    request.pagination.limit = OPEN_SLOTS_MAX
    return list(visit.ask(request, market_pb2.QueryOwnedPositionsResponse).positions)


def _add_battery(visit: Visit, account: str, response: account_pb2.MineResponse) -> None:
    try:
        request = storage_pb2.QueryBatteryRequest(owner=account)
        found = visit.ask(request, storage_pb2.QueryBatteryResponse)
    except RejectedError:
        return
    response.battery.CopyFrom(found)
    ahead = storage_pb2.QueryProjectionRequest(owner=account)
    slots = visit.ask(ahead, storage_pb2.QueryProjectionResponse).slots
    response.projection.extend(slots)
