"""A small HTTP/1.1 server: one thread for each connection, and a limit on everything.

A connection has `request_s` from the end of one answer to the end of the next request, and the same
again to take the answer. So whoever sends or reads slowly, or not at all, holds its place only so
long; and one address has only some of all places.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

_ADDRESS_CHARACTERS_MAX = 8192
_REJECTED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of a server."""

    connections_max: int = 128
    connections_per_address_max: int = 32
    body_bytes_max: int = 2 * 1024 * 1024
    request_s: float = 30.0


class Request(NamedTuple):
    """A request; the names of headers are in lower case."""

    verb: str
    address: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A response with JSON."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpServer:
    """Listens from the start; `answer` is called for each request, in the thread of its connection,
    and `leave` at the end of each connection. Errors: OSError if the address cannot be listened on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Response],
        leave: Callable[[], None],
        limits: HttpLimits,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._answer = answer
        self._leave = leave
        self._limits = limits
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="http", daemon=True).start()

    def close(self) -> None:
        """Ends the server and all connections."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _shut(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._socket.accept()
            except OSError:
                if self._socket.fileno() < 0:
                    return
                # No file is left to open, for example: others will be closed.
                time.sleep(0.1)
                continue
            if self._take_place(connection, peer[0]):
                threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()
            else:
                _reject(connection)

    def _take_place(self, connection: socket.socket, address: str) -> bool:
        limits = self._limits
        with self._lock:
            full = len(self._connections) >= limits.connections_max
            if full or self._open[address] >= limits.connections_per_address_max:
                return False
            self._connections.add(connection)
            self._open[address] += 1
        return True

    def _serve(self, connection: socket.socket, peer: Any) -> None:
        try:
            _Handler(connection, peer, self._answer, self._limits)
        except (OSError, ValueError) as error:
            log.debug("a connection of %s ended: %s", peer[0], error)
        finally:
            self._leave()
            with self._lock:
                self._connections.discard(connection)
                self._open[peer[0]] -= 1
                if not self._open[peer[0]]:
                    del self._open[peer[0]]
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "blockenergy"
    sys_version = ""

    def __init__(
        self,
        connection: socket.socket,
        peer: Any,
        answer: Callable[[Request], Response],
        limits: HttpLimits,
    ) -> None:
        self._answer = answer
        self._limits = limits
        self._deadline_s = 0.0
        super().__init__(connection, peer, None)  # type: ignore[arg-type]

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_TimedReader(self.connection, lambda: self._deadline_s))

    def handle_one_request(self) -> None:
        self._deadline_s = time.monotonic() + self._limits.request_s
        super().handle_one_request()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class says of a request that is none, or of an unknown verb."""
        self._end_with(code)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the name is inherited.
        log.debug(format, *args)

    def do_GET(self) -> None:
        self._run()

    def do_POST(self) -> None:
        self._run()

    def do_OPTIONS(self) -> None:
        self._run()

    def _run(self) -> None:
        if len(self.path) > _ADDRESS_CHARACTERS_MAX:
            self._end_with(414)
            return
        body = self._read_body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self._answer(Request(self.command, self.path, headers, body)))

    def _read_body(self) -> bytes | None:
        """The body; None if it was answered with an error."""
        if "transfer-encoding" in self.headers:
            self._end_with(411)
            return None
        text = self.headers.get("content-length", "0")
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            self._end_with(400)
            return None
        if int(text) > self._limits.body_bytes_max:
            self._end_with(413)
            return None
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            raise ConnectionError("the connection ended within a body")
        return body

    def _end_with(self, status: int) -> None:
        """What follows cannot be told apart from the body any more."""
        self.close_connection = True
        content = {"code": 2, "message": HTTPStatus(status).phrase, "details": []}
        self._send(Response(status, json.dumps(content).encode(), {"Connection": "close"}))

    def _send(self, response: Response) -> None:
        self.connection.settimeout(self._limits.request_s)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.content:
            self.send_header("Content-Type", _JSON)
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)


class _TimedReader(io.RawIOBase):
    """Reads from a connection until a deadline; then TimeoutError."""

    def __init__(self, connection: socket.socket, get_deadline_s: Callable[[], float]) -> None:
        self._connection = connection
        self._get_deadline_s = get_deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._get_deadline_s() - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


def _reject(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.settimeout(0)
        connection.send(_REJECTED)
    _shut(connection)
    connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
