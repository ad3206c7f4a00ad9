"""Server-sent events: first what there is, then what changes, at most once a second and topic.

Nothing is queued for a reader: each wakes at a new block and says what is then. So a slow one
misses what lies between and holds no memory, and after a reconnect it begins with what there is.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from blockenergy.dashboard.v1 import public_pb2
from sqlalchemy import func, select
from starlette.responses import StreamingResponse

from client.cli.display import to_dict
from dashboard.answers.shown import describe_chain, show_slot
from dashboard.errors import ApiError, Code
from dashboard.model.moment import Moment
from dashboard.model.tables import EVENT_ACCOUNT
from dashboard.site import Visit

STREAMS_MAX = 2_000
PER_READER_MAX = 3
PER_ADDRESS_MAX = 12
HEARTBEAT_S = 5.0
INTERVAL_S = 1.0
# Readers come back by themselves; their rights are then looked at anew.
LIFE_S = 3600.0
_TOPICS = ("chain", "slots", "mine")
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Streams:
    """All open streams; `wake` may be called from any thread."""

    def __init__(self, in_thread: Callable[..., Any] | None = None) -> None:
        self._in_thread = in_thread or asyncio.to_thread
        self._open: Counter[str] = Counter()
        self._events: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False

    def wake(self) -> None:
        """Tells the streams of a new moment; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def close(self) -> None:
        """Ends all streams soon; to be called in the loop of the server."""
        self._is_closing = True
        self._wake_all()

    def open(self, visit: Visit, request: Any, token: str) -> StreamingResponse:
        """A stream of the topics; ApiError if the reader has too many."""
        topics = {part for part in request.topics.split(",") if part} or {"chain"}
        if not topics <= set(_TOPICS):
            raise ApiError(Code.INVALID_REQUEST, f"topics are {', '.join(_TOPICS)}")
        if "mine" in topics and not visit.visitor.accounts:
            raise ApiError(Code.SIGN_IN_FIRST)
        places = {f"address {visit.visitor.address}": PER_ADDRESS_MAX}
        if visit.visitor.token_hash:
            places[f"session {visit.visitor.token_hash}"] = PER_READER_MAX
        self._require_room(places)
        self._loop = asyncio.get_running_loop()
        self._open.update(places.keys())
        body = self._run(visit, topics, token, list(places))
        return StreamingResponse(body, headers=_HEADERS, media_type="text/event-stream")

    def _require_room(self, places: dict[str, int]) -> None:
        is_full = len(self._events) >= STREAMS_MAX
        if is_full or any(self._open[place] >= limit for place, limit in places.items()):
            raise ApiError(Code.TOO_MANY_REQUESTS)

    def _wake_all(self) -> None:
        for event in self._events:
            event.set()

    async def _run(
        self, visit: Visit, topics: set[str], token: str, places: list[str]
    ) -> AsyncIterator[bytes]:
        event, teller = asyncio.Event(), Teller(visit, topics, token)
        event.set()
        self._events.add(event)
        end_s = time.monotonic() + LIFE_S
        try:
            while not self._is_closing and time.monotonic() < end_s:
                try:
                    await asyncio.wait_for(event.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                event.clear()
                told = await self._in_thread(teller.tell)
                if told is None:
                    return
                yield told
                await asyncio.sleep(INTERVAL_S)
        finally:
            self._events.discard(event)
            self._leave(places)

    def _leave(self, places: list[str]) -> None:
        for place in places:
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]


class Teller:
    """What one reader is told, and what it knows already."""

    def __init__(self, visit: Visit, topics: set[str], token: str) -> None:
        self._visit = visit
        self._topics = topics
        self._token = token
        self._height = 0
        self._slots: dict[int, bytes] = {}
        self._mine = -1

    def tell(self) -> bytes | None:
        """The events of the present moment; None if the session has ended."""
        site = self._visit.site
        moment = site.present.moment
        if self._token and self._visit.visitor.accounts:
            found = site.sessions.find(self._token, self._visit.visitor.address)
            if found.accounts != self._visit.visitor.accounts:
                return None
        events = [
            event
            for topic in _TOPICS
            if topic in self._topics
            for event in getattr(self, f"_tell_{topic}")(moment)
        ]
        self._height = moment.height
        return b"".join(_write(event, moment.height) for event in events) or b": nothing new\n\n"

    def _tell_chain(self, moment: Moment) -> list[public_pb2.StreamEvent]:
        return [public_pb2.StreamEvent(chain=describe_chain(self._visit.site, moment))]

    def _tell_slots(self, moment: Moment) -> list[public_pb2.StreamEvent]:
        changed = []
        known: dict[int, bytes] = {}
        for book in moment.slots:
            known[book.slot] = book.SerializeToString(deterministic=True)
            if self._slots.get(book.slot) != known[book.slot]:
                changed.append(show_slot(self._visit.site, book.slot, book))
        self._slots = known
        if not changed:
            return []
        slots = public_pb2.SlotsResponse(height=moment.height, time_s=moment.time_s, slots=changed)
        return [public_pb2.StreamEvent(slots=slots)]

    def _tell_mine(self, moment: Moment) -> list[public_pb2.StreamEvent]:
        """The last block, of those in the tables, with an event about an account of the session."""
        query = select(func.coalesce(func.max(EVENT_ACCOUNT.c.height), 0)).where(
            EVENT_ACCOUNT.c.account.in_(self._visit.visitor.accounts)
        )
        with self._visit.site.engine.connect() as connection:
            height = connection.execute(query).scalar_one()
        if height == self._mine:
            return []
        self._mine = height
        mine = public_pb2.MineChanged(height=height, time_s=moment.time_s)
        return [public_pb2.StreamEvent(mine=mine)]


def _write(event: public_pb2.StreamEvent, height: int) -> bytes:
    name = event.WhichOneof("event")
    assert name is not None
    data = json.dumps(to_dict(getattr(event, name)), separators=(",", ":"))
    return f"id: {height}\nevent: {name}\ndata: {data}\n\n".encode()
