"""What a text that somebody looks for may be."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.dashboard.v1 import public_pb2
from blockenergy.registry.v1 import query_pb2
from sqlalchemy import select

from client.errors import RejectedError
from dashboard.answers.shown import find_tx
from dashboard.errors import ApiError, Code
from dashboard.model.tables import BLOCK, SLOT_RESULT
from dashboard.site import Visit
from dashboard.web.rights import find_participant, is_auditor, list_feeders

_CHARACTERS_MAX = 100
_DIGITS_MAX = 18


def search(visit: Visit, request: public_pb2.SearchRequest) -> public_pb2.SearchResponse:
    """What a text is."""
    text = request.q.strip()
    if len(text) > _CHARACTERS_MAX:
        raise ApiError(Code.TOO_LARGE)
    found = [public_pb2.Found(kind=kind, name=name) for kind, name in _find(visit, text)]
    return visit.date(public_pb2.SearchResponse(found=found))


def _find(visit: Visit, text: str) -> Iterator[tuple[str, str]]:
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX:
        yield from _find_number(visit, int(text))
    row = find_tx(visit, text)
    if row is not None:
        yield "tx", row.hash.hex().upper()
    if text in list_feeders(visit):
        yield "feeder", text
    sees_all = is_auditor(visit)
    own = visit.visitor.accounts
    if text in own or (sees_all and text and find_participant(visit, text) is not None):
        yield "account", text
    if own and text and _find_owner(visit, text) in (_Anybody() if sees_all else own):
        yield "meter", text


class _Anybody:
    """Whoever has a meter."""

    def __contains__(self, owner: object) -> bool:
        return bool(owner)


def _find_number(visit: Visit, number: int) -> Iterator[tuple[str, str]]:
    with visit.site.engine.connect() as connection:
        if connection.execute(select(BLOCK.c.height).where(BLOCK.c.height == number)).first():
            yield "block", str(number)
        settled = select(SLOT_RESULT.c.slot).where(SLOT_RESULT.c.slot == number)
        is_open = any(book.slot == number for book in visit.moment.slots)
        if is_open or connection.execute(settled).first():
            yield "slot", str(number)


def _find_owner(visit: Visit, meter_id: str) -> str:
    try:
        request = query_pb2.QueryMeterRequest(meter_id=meter_id)
        return visit.ask(request, query_pb2.QueryMeterResponse).meter.owner
    except RejectedError:
        return ""
