"""A JSON-RPC server on loopback that answers as a test tells it to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class NodeError(Exception):
    """What the node answers instead of a result: `data` of a JSON-RPC error."""


class LostAnswerError(Exception):
    """The node did what was asked, but its answer never arrives."""


class LoopbackNode:
    """Answers each method by a function of its params; keeps what was asked and over what."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.connections: list[object] = []
        # Called in place of an answer; may send anything, or close the connection.
        self.misbehave: Callable[[BaseHTTPRequestHandler], None] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        self.url = f"tcp://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[LoopbackNode]:
        """Serves while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                node.connections.append(self)
                super().setup()

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.asked.append(request["method"])
                if node.misbehave:
                    node.misbehave(self)
                    return
                answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
                try:
                    answer["result"] = node.answers[request["method"]](request["params"])
                except LostAnswerError:
                    self.close_connection = True
                    return
                except NodeError as error:
                    answer["error"] = {"code": -32603, "message": "Internal", "data": str(error)}
                reply(self, json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def reply(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Sends a body as an HTTP answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
