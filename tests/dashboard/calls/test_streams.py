"""A stream of the web API says what there is, then what changes, and ends with its session."""

from __future__ import annotations

import http.client
import json
from typing import Any

from served import DEADLINE_S, Browser, Served
from settled_streets import trade

TRADED = [("ben", True, 2_000, 1_000)]


class Stream:
    """A reader of server-sent events."""

    def __init__(self, browser: Browser, topics: str) -> None:
        self.connection = http.client.HTTPConnection(
            browser.url.partition("://")[2], timeout=DEADLINE_S
        )
        path = f"/api/v1/events?topics={topics}"
        self.connection.request("GET", path, headers=browser.headers)
        self.response = self.connection.getresponse()

    def read(self, wanted: str) -> Any:
        """The data of the next event of a name."""
        name = ""
        while True:
            line = self.response.readline().decode().rstrip("\n")
            assert self.response.fp is not None, "the stream has ended"
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: ") and name == wanted:
                return json.loads(line.removeprefix("data: "))


def test_a_stream_says_what_there_is_and_then_what_changes(served: Served) -> None:
    browser = served.browser("ben")
    stream = Stream(browser, "chain,slots,mine")
    assert stream.response.getheader("content-type", "").startswith("text/event-stream")
    first = stream.read("chain")
    known = {one["slot"] for one in stream.read("slots")["slots"]}
    assert int(first["height"]) == served.node.world.height
    assert stream.read("mine")["height"] == "0"
    slot = trade(served.node, TRADED)
    served.catch_up()
    changed = stream.read("slots")["slots"]
    traded = [one for one in changed if one["book"]["info"]["bought_wh"] == "2000"]
    assert [int(one["slot"]) for one in traded] == [slot]
    assert {one["slot"] for one in changed} < known | {str(slot)} or len(changed) < len(known)
    assert int(stream.read("mine")["height"]) == served.node.world.height
    others = [Stream(browser, "chain") for _ in range(3)]
    assert [one.response.status for one in others] == [200, 200, 429]
    assert Stream(served.browser(), "mine").response.status == 401
    for one in (stream, *others):
        one.connection.close()


def test_a_stream_ends_with_its_session(served: Served) -> None:
    browser = served.browser("eva")
    stream = Stream(browser, "chain,mine")
    stream.read("mine")
    assert browser.call("sign-out", {})[0] == 200
    served.node.record()
    served.catch_up()
    assert stream.response.read().count(b"event: chain") <= 1
