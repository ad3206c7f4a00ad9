"""From a request to an answer: origin, rate, form, rights, the function of the call, JSON.

Functions of calls run in a few threads of their own, because tables and the node block.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from blockenergy.dashboard.v1 import route_pb2
from google.protobuf.message import Message
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from client.errors import RejectedError, RpcError
from dashboard.answers import (
    account,
    audit,
    grid,
    proof,
    public,
    search,
    sending,
    session,
    trade,
)
from dashboard.errors import ApiError, Code
from dashboard.site import Site, Visit
from dashboard.web import forms, rights
from dashboard.web.calls import PREFIX, Call, load_calls
from dashboard.web.files import Files
from dashboard.web.guard import Buckets, Guard, Rate
from dashboard.web.sessions import Visitor
from dashboard.web.stream import Streams

log = logging.getLogger(__name__)

ANSWER_BYTES_MAX = 1 << 20
BODY_S = 10.0
THREADS = 8
WAITING_MAX = 64
SIGN_IN_CALLS = frozenset({"challenge", "sign_in"})
MODULES = (account, audit, grid, proof, public, search, sending, session, trade)
_STATUS = {
    Code.NOT_FOUND.code: HTTPStatus.NOT_FOUND,
    Code.INVALID_REQUEST.code: HTTPStatus.BAD_REQUEST,
    Code.SIGN_IN_FIRST.code: HTTPStatus.UNAUTHORIZED,
    Code.NOT_ALLOWED.code: HTTPStatus.FORBIDDEN,
    Code.WRONG_ORIGIN.code: HTTPStatus.FORBIDDEN,
    Code.TOO_MANY_REQUESTS.code: HTTPStatus.TOO_MANY_REQUESTS,
    Code.TOO_LARGE.code: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.SIGN_IN_REJECTED.code: HTTPStatus.UNAUTHORIZED,
    Code.ACCOUNT_NOT_ACTIVE.code: HTTPStatus.FORBIDDEN,
    Code.PURPOSE_MISSING.code: HTTPStatus.BAD_REQUEST,
    Code.NODE_NOT_REACHED.code: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.BUSY.code: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.NOT_YOUR_TRANSACTION.code: HTTPStatus.FORBIDDEN,
    Code.TOO_MANY_PASSES.code: HTTPStatus.CONFLICT,
}
_SESSION, _ADDRESS, _SIGN_IN, _FILES = Rate(20, 60), Rate(5, 40), Rate(10 / 60, 10), Rate(50, 200)


@dataclass(frozen=True, slots=True)
class Rates:
    """How often one may call: with a session, from an address without one, and to sign in."""

    session: Rate = _SESSION
    address: Rate = _ADDRESS
    sign_in: Rate = _SIGN_IN
    files: Rate = _FILES


@dataclass(frozen=True, slots=True)
class Origin:
    """What readers write into their browsers: `http://127.0.0.1:8080`. others: as good as it."""

    url: str
    others: tuple[str, ...] = ()

    @property
    def is_secure(self) -> bool:
        """Whether readers reach the site by TLS."""
        return self.url.startswith("https://")

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts with ports."""
        return frozenset(one.partition("://")[2] for one in (self.url, *self.others))

    @property
    def cookie(self) -> str:
        """The name of the cookie with the token of a session."""
        return "__Host-session" if self.is_secure else "session"


@dataclass
class Api:
    """The application, without the guard around it."""

    site: Site
    origin: Origin
    streams: Streams
    files: Files
    rates: Rates = field(default_factory=Rates)
    calls: Sequence[Call] = ()
    waiting: int = 0
    is_up: bool = False

    def __post_init__(self) -> None:
        self.calls = self.calls or load_calls(MODULES)
        self.by_session = Buckets(self.rates.session)
        self.by_address = Buckets(self.rates.address)
        self.by_sign_in = Buckets(self.rates.sign_in)
        self.by_files = Buckets(self.rates.files)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="call")

    def make_app(self) -> Guard:
        """The whole application."""
        routes: list[BaseRoute] = [
            Route(call.address, self._make_endpoint(call), methods=[call.verb])
            for call in self.calls
        ]
        routes.append(Route("/{path:path}", self._serve_file, methods=["GET"]))
        return Guard(Starlette(routes=routes), self.origin.hosts, self.origin.is_secure)

    def _make_endpoint(self, call: Call) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                return await self._run(call, request)
            except ApiError as error:
                return self._reject(error)

        return endpoint

    async def _run(self, call: Call, request: Request) -> Response:
        address = request.client.host if request.client else "-"
        token = request.cookies.get(self.origin.cookie, "")
        self._require_rate(call, address, token)
        if call.verb != "GET":
            self._require_origin(request)
        message = await self._read(call, request)
        if call.form == route_pb2.FORM_EVENTS:
            visit = await self._in_thread(self._enter, call, message, token, address)
            return self.streams.open(visit, message, token)
        etag = request.headers.get("if-none-match", "")
        response = await self._in_thread(self._answer, call, message, token, address, etag)
        assert isinstance(response, Response)
        return response

    def _require_rate(self, call: Call, address: str, token: str) -> None:
        """A session has a rate of its own, which is looked at when it is found."""
        is_good = bool(token) or self.by_address.take(address)
        if call.name in SIGN_IN_CALLS:
            is_good = is_good and self.by_sign_in.take(address)
        if not is_good:
            raise ApiError(Code.TOO_MANY_REQUESTS)

    def _require_origin(self, request: Request) -> None:
        if request.headers.get("origin") not in (self.origin.url, *self.origin.others):
            raise ApiError(Code.WRONG_ORIGIN)
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if request.method == "POST" and kind != "application/json":
            raise ApiError(Code.INVALID_REQUEST, "the body is JSON")

    async def _read(self, call: Call, request: Request) -> Message:
        message = call.request()
        if call.verb == "POST":
            forms.read_json(message, await _read_body(request, call.body_bytes_max))
        pairs = request.query_params.multi_items()
        if len({name for name, _ in pairs}) != len(pairs):
            raise ApiError(Code.INVALID_REQUEST, "a parameter twice")
        forms.fill(message, {**dict(pairs), **request.path_params})
        return message

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        if self.waiting >= WAITING_MAX:
            raise ApiError(Code.BUSY)
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.threads, _translate, function, *arguments)
        finally:
            self.waiting -= 1

    def _enter(self, call: Call, message: Message, token: str, address: str) -> Visit:
        """Who asks, at which moment, and whether they may."""
        visitor = Visitor(address=address)
        if token:
            visitor = self.site.sessions.find(token, address)
            own = visitor.token_hash
            if not (self.by_session.take(own) if own else self.by_address.take(address)):
                raise ApiError(Code.TOO_MANY_REQUESTS)
        visit = Visit(self.site, visitor, self.site.present.moment)
        rights.require(visit, call, message)
        return visit

    def _answer(
        self, call: Call, message: Message, token: str, address: str, etag: str
    ) -> Response:
        visit = self._enter(call, message, token, address)
        assert call.answer is not None
        answer = call.answer(visit, message)
        is_csv = call.form == route_pb2.FORM_CSV
        content = forms.write_csv(answer) if is_csv else forms.write_json(answer)
        if len(content) > ANSWER_BYTES_MAX:
            raise ApiError(Code.TOO_LARGE)
        own_etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"cache-control": "private, no-cache", "vary": "Cookie"}
        if call.verb == "GET":
            headers["etag"] = own_etag
        if call.verb == "GET" and etag == own_etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if is_csv:
            headers["content-disposition"] = f'attachment; filename="{call.name}.csv"'
        kind = "text/csv; charset=utf-8" if is_csv else "application/json"
        response = Response(content, headers=headers, media_type=kind)
        for given in visit.tokens:
            self._set_cookie(response, given)
        return response

    def _set_cookie(self, response: Response, token: str) -> None:
        """`__Host-` makes browsers insist on TLS, this host and the path `/`."""
        settings: dict[str, Any] = {
            "path": "/",
            "secure": self.origin.is_secure,
            "httponly": True,
            "samesite": "strict",
        }
        if token:
            response.set_cookie(self.origin.cookie, token, **settings)
        else:
            response.delete_cookie(self.origin.cookie, **settings)

    def _reject(self, error: ApiError) -> Response:
        content = forms.write_error(error.codespace, error.code, error.sentence)
        headers = {"cache-control": "no-store"}
        return Response(content, _find_status(error), headers, "application/json")

    async def _serve_file(self, request: Request) -> Response:
        address = request.client.host if request.client else "-"
        path = request.path_params["path"]
        if f"/{path}".startswith(PREFIX):
            return self._reject(ApiError(Code.NOT_FOUND))
        if not self.by_files.take(address):
            return self._reject(ApiError(Code.TOO_MANY_REQUESTS))
        return self.files.answer(path, request.headers)


def _translate(function: Any, *arguments: Any) -> Any:
    """Calls a function; whatever fails becomes an ApiError with a sentence."""
    try:
        return function(*arguments)
    except ApiError:
        raise
    except RejectedError as error:
        raise ApiError.of_chain(error) from error
    except RpcError as error:
        log.warning("%s", error.sentence)
        raise ApiError(Code.NODE_NOT_REACHED) from error
    except SQLAlchemyError as error:
        log.warning("the tables cannot be used: %s", type(error).__name__)
        raise ApiError(Code.BUSY) from error


def _find_status(error: ApiError) -> int:
    """Errors of the chain pass through: what it does not know is not found."""
    if error.codespace == "dashboard":
        return _STATUS[error.code]
    unknown = error.name.endswith("_UNKNOWN")
    return HTTPStatus.NOT_FOUND if unknown else HTTPStatus.BAD_REQUEST


async def _read_body(request: Request, bytes_max: int) -> bytes:
    """The body, within its size and time."""

    async def read() -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > bytes_max:
                raise ApiError(Code.TOO_LARGE)
            parts.append(part)
        return b"".join(parts)

    try:
        return await asyncio.wait_for(read(), BODY_S)
    except (TimeoutError, ClientDisconnect):
        raise ApiError(Code.INVALID_REQUEST, "the body did not come in time") from None
