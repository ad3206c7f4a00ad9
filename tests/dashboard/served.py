"""A dashboard on loopback in front of a street, and browsers that ask it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from street_node import StreetNode

from client.node.rpc import Rpc
from client.signing.keys import AccountKey
from dashboard.model.indexer import Indexer
from dashboard.site import Site
from dashboard.web import adr36
from dashboard.web.app import Origin, Rates
from dashboard.web.guard import Rate
from dashboard.web.server import ServerSettings, make_site, serve
from tests.support.streets import people

DEADLINE_S = 30
FREE = Rate(1e6, 1e6)
NO_LIMITS = Rates(FREE, FREE, FREE, FREE)


@dataclass
class Clock:
    """Seconds since 1970, as the server takes them."""

    now_s: int = 1_800_000_000

    def __call__(self) -> int:
        return self.now_s


@dataclass
class Served:
    """A running dashboard."""

    node: StreetNode
    engine: Engine
    site: Site
    url: str
    clock: Clock

    def catch_up(self) -> None:
        """Reads the blocks of the node into the tables, and the present of the server."""
        Indexer(self.engine, Rpc(self.node.url)).catch_up()
        self.site.present.refresh()

    def browser(self, name: str = "") -> Browser:
        """A browser; with a name, one that has signed in."""
        browser = Browser(self.url)
        if name:
            assert browser.sign_in(name)[0] == 200, name
        return browser


@dataclass
class Browser:
    """Calls with the origin of the site, and keeps its cookie."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        path: str,
        content: Any = None,
        *,
        verb: str = "",
        body: bytes | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        """Status and content of an answer: an object, or the text of what is no JSON."""
        response, text = self.fetch(f"/api/v1/{path}", content, verb=verb, body=body, **headers)
        kind = response.getheader("content-type", "")
        return response.status, json.loads(text) if kind == "application/json" else text.decode()

    def fetch(
        self,
        path: str,
        content: Any = None,
        *,
        verb: str = "",
        body: bytes | None = None,
        **headers: str,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The whole response."""
        body = json.dumps(content).encode() if content is not None else body
        verb = verb or ("GET" if body is None else "POST")
        own = {"Origin": self.url, "Content-Type": "application/json"} if verb != "GET" else {}
        connection = http.client.HTTPConnection(self.url.partition("://")[2], timeout=DEADLINE_S)
        try:
            connection.request(verb, path, body, own | self.headers | headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        given = response.getheader("set-cookie")
        if given:
            self.headers["Cookie"] = given.partition(";")[0]
        return response, text

    def sign_in(self, name: str, **changes: Any) -> tuple[int, Any]:
        """Signs in as somebody of the street; `changes` of what is sent."""
        key = AccountKey(people.wallet(name).key.secret)
        _, challenge = self.call("sign-in/challenge", {"address": key.address})
        signature = key.sign(adr36.write_document(key.address, challenge["text"]))
        content = {
            "address": key.address,
            "nonce": challenge["nonce"],
            "pub_key": base64.b64encode(key.pub_key).decode(),
            "signature": base64.b64encode(signature).decode(),
        }
        return self.call("sign-in", content | changes)


@contextlib.contextmanager
def serving(
    node: StreetNode, engine: Engine, rates: Rates = NO_LIMITS, port: int = 0
) -> Iterator[Served]:
    """A dashboard of a node while the block runs."""
    port = port or _find_port()
    url = f"http://127.0.0.1:{port}"
    zone, clock, stop = ZoneInfo("Europe/Berlin"), Clock(), threading.Event()
    settings = ServerSettings("127.0.0.1", port, Origin(url), zone, rates=rates)
    if not node.blocks:
        node.record()
    site = make_site(engine, node.url, settings, clock)
    thread = threading.Thread(target=serve, args=(site, settings, stop))
    thread.start()
    served = Served(node, engine, site, url, clock)
    try:
        _wait_until_up(port)
        served.catch_up()
        yield served
    finally:
        stop.set()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        assert time.monotonic() < deadline, "the dashboard does not listen"
        time.sleep(0.01)


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
