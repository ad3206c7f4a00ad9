"""The dashboard that the demonstration starts: its address, and a link as one of the homes."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from pathlib import Path

import pytest
from settled_streets import trade_and_settle
from street_node import StreetNode

from client.signing.keys import AccountKey
from node_config.demo.page import Page
from tests.support.streets import people
from tests.support.world import World

DEADLINE_S = 120
TIMEOUT_S = 30


def test_its_link_signs_a_browser_in_as_the_home(tmp_path: Path) -> None:
    said: list[str] = []
    told, stop = threading.Event(), threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            told.set()

    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        slot = trade_and_settle(node, [("ben", True, 2_000, 1_000)])
        key = AccountKey(people.wallet("ben").key.secret)
        page = Page(tmp_path, "ben", key, node.url, slot)
        thread = threading.Thread(target=page.run, args=(say, stop))
        thread.start()
        try:
            assert told.wait(DEADLINE_S), said
            link = said[1].split()[-1]
            assert said[0].split()[-1] == link.partition("/#")[0]
            check_sign_in(link)
        finally:
            stop.set()
            thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert (tmp_path / "dashboard" / "tables.sqlite").stat().st_size


def check_sign_in(link: str) -> None:
    site, _, code = link.partition("/#sign-in=")
    signed = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    headers = {"Origin": site, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{site}/api/v1/sign-in", signed, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_S) as response:
        cookie = response.headers["set-cookie"].partition(";")[0]
    request = urllib.request.Request(f"{site}/api/v1/mine", headers={"Cookie": cookie})
    with opener.open(request, timeout=TIMEOUT_S) as response:
        mine = json.load(response)
    assert [one["meter_id"] for one in mine["meters"]] == ["meter-ben"]


def test_without_its_libraries_the_day_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node_config.demo.page.find_spec", lambda _: None)
    said: list[str] = []
    key = AccountKey(people.wallet("ben").key.secret)
    Page(tmp_path, "ben", key, "tcp://127.0.0.1:1", 0).run(said.append, threading.Event())
    assert said == ["To see the day in a browser: pip install 'blockenergy[dashboard]'"]
    assert not (tmp_path / "dashboard").exists()
