"""Calls for everybody: the chain, slots, blocks, transactions, validators, tables of a day."""

from __future__ import annotations

from blockenergy.dashboard.v1 import public_pb2
from blockenergy.settlement.v1.state_pb2 import SlotResult
from blockenergy.validators.v1 import query_pb2 as validators_pb2
from sqlalchemy import select

from client.cli.common import NS_PER_S
from client.signing import tx as txs
from dashboard.answers.events import make_page
from dashboard.answers.rows import read_message
from dashboard.answers.shown import (
    SLOTS_MAX,
    describe_chain,
    find_tx,
    require_range,
    show_slot,
)
from dashboard.errors import ApiError, Code
from dashboard.model.days import parse_day
from dashboard.model.moment import read_slots
from dashboard.model.tables import BLOCK, EVENT, SLOT_RESULT
from dashboard.site import Visit
from dashboard.visible import PUBLIC_EVENTS
from dashboard.web.rights import is_auditor

BLOCKS_DEFAULT, BLOCKS_MAX = 20, 100


def chain(visit: Visit, _: public_pb2.ChainRequest) -> public_pb2.ChainResponse:
    """The chain, the block that is shown, and how slots are laid on days."""
    return describe_chain(visit.site, visit.moment)


def slots(visit: Visit, request: public_pb2.SlotsRequest) -> public_pb2.SlotsResponse:
    """A range of slots: prices of open ones, sums of settled ones."""
    moment = visit.moment
    first = request.first_slot or moment.slot
    newest = moment.slots[-1].slot if moment.slots else moment.slot
    last = request.last_slot or max(first, min(newest, first + SLOTS_MAX - 1))
    wanted = require_range(first, last)
    if first >= moment.slot:
        known = moment.slots
    else:
        known = tuple(read_slots(visit.site.present.rpc, moment.height, first, len(wanted)))
    books = {book.slot: book for book in known if book.slot in wanted}
    query = select(SLOT_RESULT).where(SLOT_RESULT.c.slot.between(first, last))
    with visit.site.engine.connect() as connection:
        results = {row.slot: row for row in connection.execute(query)}
    shown = [
        show_slot(visit.site, slot, books.get(slot), results.get(slot))
        for slot in wanted
        if slot in books or slot in results
    ]
    return visit.date(public_pb2.SlotsResponse(slots=shown))


def slot_events(visit: Visit, request: public_pb2.SlotEventsRequest) -> public_pb2.EventsResponse:
    """What happened to a slot, and names nobody."""
    if not 0 < request.slot < 1 << 62:
        raise ApiError(Code.NOT_FOUND)
    query = select(EVENT).where(EVENT.c.slot == request.slot, EVENT.c.type.in_(PUBLIC_EVENTS))
    return make_page(visit, query, request.page)


def blocks(visit: Visit, request: public_pb2.BlocksRequest) -> public_pb2.BlocksResponse:
    """Blocks, the latest first."""
    limit = min(request.limit or BLOCKS_DEFAULT, BLOCKS_MAX)
    query = select(BLOCK).order_by(BLOCK.c.height.desc()).limit(limit)
    if 0 < request.before < 1 << 63:
        query = query.where(BLOCK.c.height < request.before)
    with visit.site.engine.connect() as connection:
        rows = connection.execute(query).all()
    shown = [
        public_pb2.ShownBlock(
            height=row.height,
            time_s=row.time_ns // NS_PER_S,
            hash=row.hash.hex().upper(),
            txs=row.txs,
            failed_txs=row.failed_txs,
        )
        for row in rows
    ]
    return visit.date(public_pb2.BlocksResponse(blocks=shown))


def tx(visit: Visit, request: public_pb2.TxRequest) -> public_pb2.TxResponse:
    """A transaction: type and outcome; to its signer and to auditors also what it says."""
    row = find_tx(visit, request.hash)
    if row is None:
        raise ApiError(Code.NOT_FOUND)
    response = public_pb2.TxResponse(
        hash=row.hash.hex().upper(),
        block_height=row.height,
        block_time_s=row.time_ns // NS_PER_S,
        types=row.types.split(),
        code=row.code,
        codespace=row.codespace,
    )
    if row.signer in visit.visitor.accounts or is_auditor(visit):
        content = txs.decode(visit.site.present.rpc.block(row.height).txs[row.number])
        response.signer, response.text = row.signer, row.log
        response.messages.extend(content.body.messages)
        response.memo = content.body.memo
    return visit.date(response)


def validators(visit: Visit, _: public_pb2.ValidatorsRequest) -> public_pb2.ValidatorsResponse:
    """The validators."""
    request = validators_pb2.QueryValidatorsRequest()
    request.pagination.limit = 1000
    found = visit.ask(request, validators_pb2.QueryValidatorsResponse)
    return visit.date(public_pb2.ValidatorsResponse(validators=found.validators))


def day_table(visit: Visit, request: public_pb2.DayTableRequest) -> public_pb2.DayTableResponse:
    """The settled slots of a day as a table."""
    wanted = visit.site.days.get_slots(parse_day(request.day))
    query = (
        select(SLOT_RESULT)
        .where(SLOT_RESULT.c.slot.between(wanted.start, wanted.stop - 1))
        .order_by(SLOT_RESULT.c.slot)
        .limit(SLOTS_MAX)
    )
    with visit.site.engine.connect() as connection:
        rows = [
            public_pb2.SlotRow(
                slot=row.slot,
                shown_start_s=visit.site.days.get_start_s(row.slot),
                lines=row.lines,
                result=read_message(SlotResult, row),
            )
            for row in connection.execute(query)
        ]
    return public_pb2.DayTableResponse(rows=rows)
