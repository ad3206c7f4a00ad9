"""A JSON-RPC server on loopback, scripted by a test."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[dict[str, Any]], dict[str, Any]]


class NodeError(Exception):
    """Makes the node return a JSON-RPC error with this text as `data`."""


class LostResponseError(Exception):
    """Makes the node execute a request and lose the response."""


class Server(ThreadingHTTPServer):
    """Says nothing of a method that has no response: its client sees a connection that ends."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Not on the standard error of a command that runs in this process."""


class LoopbackNode:
    """Responds to each method by a function of its params; records requests and connections."""

    def __init__(self) -> None:
        self.responses: dict[str, Respond] = {}
        self.requests: list[str] = []
        self.connections: list[object] = []
        # Called instead of responding; may send anything, or close the connection.
        self.misbehave: Callable[[BaseHTTPRequestHandler], None] | None = None
        self._server = Server(("127.0.0.1", 0), self._make_handler())
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
                node.requests.append(request["method"])
                if node.misbehave:
                    node.misbehave(self)
                    return
                response: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
                try:
                    response["result"] = node.responses[request["method"]](request["params"])
                except LostResponseError:
                    self.close_connection = True
                    return
                except NodeError as error:
                    response["error"] = {"code": -32603, "message": "Internal", "data": str(error)}
                reply(self, json.dumps(response).encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def reply(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Sends a body as an HTTP response."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
