"""What the web API says is what the chain says; it is limited, and harmless to whoever shows it."""

from __future__ import annotations

import base64
import csv
import io
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from blockenergy.market.v1 import query_pb2 as market_pb2
from blockenergy.market.v1.tx_pb2 import MsgBuy
from google.protobuf import json_format
from google.protobuf.message import Message
from served import DEADLINE_S, FREE, Served, serving
from settled_streets import settle, trade, trade_and_settle
from sqlalchemy import insert
from street_node import StreetNode

from chain import app
from client.cli.display import to_dict
from dashboard.answers import grid
from dashboard.answers.rows import ADDED
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import FEEDER_SLOT, open_tables
from dashboard.web.app import Rates
from dashboard.web.guard import Buckets, Rate
from tests.support.streets import people
from tests.support.streets.settling import line_of, result_of
from tests.support.world import World

TRADED = [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500), ("clara", False, 3_000, 2_500)]
BEN = people.address_text("ben")
HOSTILE = '=cmd|" /C calc"!A0<script>\u202e\u0000\u2066' + "\U0001f3ed" * 16


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: Any) -> Iterator[Served]:
    """One for tests that change nothing of it."""
    engine = open_tables(tmp_path_factory.mktemp("t") / "t.sqlite", SERVER_METADATA)
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        trade_and_settle(node, TRADED)
        with serving(node, engine) as running:
            yield running


def ask_chain(served: Served, path: str, request: Message, kind: type[Message]) -> Any:
    world = served.node.world
    data = app.query(world.store, world.block_info, path, request.SerializeToString())
    return to_dict(kind.FromString(data))


def add_up(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(int(row[name]) for row in rows) for name in ADDED}


def test_answers_are_the_chain_s_own(served: Served) -> None:
    node = served.node
    slots = [trade_and_settle(node, TRADED) for _ in range(2)]
    ahead = trade(node, TRADED)
    served.catch_up()
    browser, world = served.browser("ben"), node.world
    # Open slots and positions.
    path = "/blockenergy.market.v1.Query/"
    book = ask_chain(
        served,
        f"{path}Slot",
        market_pb2.QuerySlotRequest(slot=ahead),
        market_pb2.QuerySlotResponse,
    )
    shown = browser.call(f"slots?first_slot={slots[0]}&last_slot={ahead}")[1]
    by_slot = {int(one["slot"]): one for one in shown["slots"]}
    assert by_slot[ahead]["book"] == book and "result" not in by_slot[ahead]
    assert (shown["height"], shown["time_s"]) == (str(world.height), str(world.time_s))
    mine = browser.call("mine")[1]
    asked = market_pb2.QueryPositionRequest(slot=ahead, owner=BEN)
    position = ask_chain(served, f"{path}Position", asked, market_pb2.QueryPositionResponse)
    assert mine["positions"] == [position]
    # Settled slots and lines.
    listed = browser.call(f"mine/slots?first_slot={slots[0]}&last_slot={ahead}")[1]
    lines = {int(one["slot"]): one["line"] for one in listed["slots"] if "line" in one}
    for slot in slots:
        assert by_slot[slot]["result"] == to_dict(result_of(world, slot))
        assert by_slot[slot]["lines"] == "agree"
        assert lines[slot] == to_dict(line_of(world, slot, "ben"))
    assert [one["position"] for one in listed["slots"] if "position" in one] == [
        position["position"]
    ]
    # Slots, days and table are sums of the same rows.
    zone_day = browser.call("chain")[1]
    assert zone_day["zone"] == "Europe/Berlin"
    days = browser.call("mine/days?first_day=2027-01-14&last_day=2027-01-16")[1]
    table = list(csv.DictReader(io.StringIO(browser.call("mine/statement/2027-01.csv")[1])))
    sums = [add_up([*lines.values()]), add_up([listed["sum"]]), add_up([days["sum"]])]
    sums += [add_up([day["sum"] for day in days["days"]]), add_up(table)]
    assert all(one == sums[0] for one in sums) and sums[0]["bought_wh"] == 4_000
    assert days["complete"] and listed["complete"]
    # What happened to ben, and to nobody else.
    events = browser.call("mine/events?types=market")[1]["events"]
    executed = [one for one in events if one["content"]["@type"].endswith("EventOrderExecuted")]
    assert len(executed) == 3 and {one["content"]["owner"] for one in executed} == {BEN}
    audit = served.browser("auditor").call(f"audit?slot={slots[1]}")[1]
    assert audit["lines"] == "agree" and audit["sum"]["import_wh"] == audit["result"]["import_wh"]


def test_flows_and_positions_of_pages_are_those_of_single_queries(lasting: Served) -> None:
    node = lasting.node
    slot = trade(node, TRADED)
    lasting.catch_up()
    path = "/blockenergy.market.v1.Query/"
    request = market_pb2.QueryFeederFlowsRequest(slot=slot)
    request.pagination.limit = 1
    flows = {}
    while True:
        page = ask_chain(
            lasting, f"{path}FeederFlows", request, market_pb2.QueryFeederFlowsResponse
        )
        flows |= {one["feeder"]: one["flow"] for one in page["flows"]}
        if not page["pagination"]["next_key"]:
            break
        json_format.ParseDict({"key": page["pagination"]["next_key"]}, request.pagination)
    assert flows
    for feeder, flow in flows.items():
        asked = market_pb2.QueryFeederRequest(slot=slot, feeder=feeder)
        single = ask_chain(lasting, f"{path}Feeder", asked, market_pb2.QueryFeederResponse)
        assert single["flow"] == flow
    shown = lasting.browser("distributor").call(f"grid?slot={slot}")[1]["feeders"]
    assert {one["feeder"]: one["agreed"] for one in shown if one["feeder"] in flows} == flows


def test_a_sum_says_that_blocks_are_missing(make_place: Callable[[], str]) -> None:
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        lost = trade_and_settle(node, TRADED)
        node.record(at=node.world.time_s + 1)
        node.first = len(node.blocks)
        kept = trade_and_settle(node, TRADED)
        with serving(node, open_tables(make_place(), SERVER_METADATA)) as served:
            browser = served.browser("ben")
            day = "mine/days?first_day=2027-01-15&last_day=2027-01-15"
            assert browser.call(day)[1]["complete"] is False
            for slot, is_complete in ((lost, False), (kept, True)):
                found = browser.call(f"mine/slots?first_slot={slot}&last_slot={slot}")[1]
                assert (found["complete"], len(found["slots"])) == (is_complete, is_complete)
            assert served.browser("auditor").call("audit/gaps")[1]["gaps"]


def test_a_restart_loses_nobody(make_place: Callable[[], str]) -> None:
    place = make_place()
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        with serving(node, open_tables(place, SERVER_METADATA)) as first:
            browser = first.browser("ben")
            port = int(first.url.rpartition(":")[2])
            challenge = browser.call("sign-in/challenge", {"address": BEN})[1]
        slot = trade(node, TRADED)
        settle(node, slot, TRADED)
        with serving(node, open_tables(place, SERVER_METADATA), port=port) as second:
            found = browser.call(f"mine/slots?first_slot={slot}&last_slot={slot}")[1]
            assert found["slots"][0]["line"]["bought_wh"] == "2000"
            # A text of the server before is still one of this site.
            assert second.site.sessions.read_nonce(BEN, challenge["nonce"])


def test_a_label_may_be_any_text(served: Served) -> None:
    browser = served.browser("ben")
    made = browser.call("mine/passes", {"label": HOSTILE[:64], "days": 1})[1]["made"]
    assert made["label"].startswith("=cmd") and made["label"].isprintable()
    assert browser.call("mine/passes", {"label": "x" * 65, "days": 1})[0] == 400
    assert browser.call(f"mine/slots?first_slot=1&last_slot=1&account={BEN}%00")[0] == 404


def test_texts_of_others_do_nothing(lasting: Served) -> None:
    """Markup stays text, a formula is none in a table, what cannot be seen is written out."""
    browser = lasting.browser()
    for path in (f"mine/{'%3Cscript%3E'}", "search?q=%3Cscript%3E%E2%80%AE", "slots?%3Cb%3E=1"):
        response, text = browser.fetch(f"/api/v1/{path}")
        assert response.getheader("content-type") == "application/json"
        assert "\u202e" not in text.decode() and response.getheader("x-content-type-options")
    with feeder_rows(lasting, [HOSTILE.replace("\0", "")]):
        table = browser.call("data/2027-01-15/feeders.csv")[1]
    (shown,) = csv.DictReader(io.StringIO(table))
    assert shown["feeder"].startswith("'=cmd") and "\u202e" not in table


@contextmanager
def feeder_rows(lasting: Served, names: Sequence[str]) -> Iterator[None]:
    """Sums of feeders in a slot of 15 January 2027."""
    row = {"slot": 30_000_003, "largest_wh": 1}
    sums = {"accounts": 12, "meters": 12, "estimated_accounts": 0, "bought_wh": 0}
    energy = {"sold_wh": 0, "import_wh": 99, "export_wh": 0}
    with lasting.engine.begin() as connection:
        rows = [{"feeder": name, **row, **sums, **energy} for name in names]
        connection.execute(insert(FEEDER_SLOT), rows)
    try:
        yield
    finally:
        with lasting.engine.begin() as connection:
            connection.execute(FEEDER_SLOT.delete().where(FEEDER_SLOT.c.slot == 30_000_003))


def test_a_table_of_feeders_is_whole_or_says_how_to_get_it(
    lasting: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, path = lasting.browser(), "data/2027-01-15/feeders.csv"
    with feeder_rows(lasting, ["north", "south"]):
        whole, slot, other = (
            browser.call(path + rest)[1] for rest in ("", "?slot=30000003", "?slot=30000004")
        )
        monkeypatch.setattr(grid, "ROWS_MAX", 1)
        status, told = browser.call(path)
    found = [[row["feeder"] for row in csv.DictReader(io.StringIO(one))] for one in (whole, slot)]
    assert found == [["north", "south"]] * 2
    assert list(csv.DictReader(io.StringIO(other))) == []
    assert (status, told["error"]["code"]) == (413, 7)
    assert "name a slot" in told["error"]["text"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("slots?first_slot=1&last_slot=401", 413),
        ("slots?first_slot=9&last_slot=1", 400),
        ("slots?first_slot=18446744073709551615&last_slot=18446744073709551615", 400),
        ("slots?first_slot=18446744073709551616", 400),
        ("slots?first_slot=-1", 400),
        ("slots?first_slot=1&first_slot=2", 400),
        ("slots?unknown=1", 400),
        ("slots/99999999999999999999/events", 400),
        ("slots/18446744073709551615/events", 404),
        ("slots/x/events", 400),
        ("slots/1/events?page=99999999999999999999999-1", 200),
        ("slots/1/events?page=1", 400),
        ("blocks?before=18446744073709551615&limit=18446744073709551615", 200),
        ("txs/00", 404),
        ("txs/" + "zz" * 32, 404),
        ("search?q=" + "9" * 100, 200),
        ("search?q=" + "9" * 101, 413),
        ("data/2026-13-01/slots.csv", 400),
        ("data/../chain", 404),
        ("nothing", 404),
        ("slots?first_slot=" + "1" * 20_000, 400),
    ],
)
def test_whatever_is_asked_is_answered_with_a_sentence(
    lasting: Served, path: str, status: int
) -> None:
    found, content = lasting.browser().call(path)
    assert found == status
    if status != 200 and isinstance(content, dict):
        assert content["error"]["codespace"] == "dashboard" and content["error"]["text"]


def test_bodies_are_limited(lasting: Served) -> None:
    browser = lasting.browser("ben")
    for body, status in [
        (b"{" + b" " * 20_000 + b"}", 413),
        (b"[" * 10_000, 400),
        (b'{"address": ' + b"9" * 10_000 + b"}", 400),
        (b"\xff\xfe", 400),
        (b'{"other": 1}', 400),
        (b"", 400),
    ]:
        assert browser.call("sign-in/challenge", body=body)[0] == status, body[:20]
    large = json.dumps({"tx_bytes": "A" * 1_400_000}).encode()
    assert browser.call("tx", body=large)[0] == 413


def test_a_transaction_of_somebody_else_is_not_passed_on(lasting: Served) -> None:
    world, browser = lasting.node.world, lasting.browser("ben")
    sent: list[dict[str, Any]] = []

    def broadcast(params: dict[str, Any]) -> dict[str, Any]:
        sent.append(params)
        return {"code": 0, "hash": "AB", "log": "", "codespace": ""}

    lasting.node.responses["broadcast_tx_sync"] = broadcast
    for name, status in (("eva", 403), ("ben", 200)):
        raw = world.spoil(name, world_message(world, name))
        content = {"tx_bytes": base64.b64encode(raw).decode()}
        assert browser.call("tx", content)[0] == status
    assert [one["tx"] for one in sent] == [content["tx_bytes"]]


def world_message(world: World, name: str) -> Message:
    return MsgBuy(buyer=people.address_text(name), slot=world.slot_ahead(2), quantity_wh=1_000)


def test_who_asks_too_often_waits() -> None:
    now = [0.0]
    buckets = Buckets(Rate(2, 3), lambda: now[0], keys_max=2)
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    now[0] = 1.0
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    assert buckets.take("b")
    # What is known of addresses is limited: the oldest is forgotten.
    assert buckets.take("c") and buckets.take("a")


def test_limits_of_calls_and_connections(tmp_path: Path) -> None:
    rates = Rates(session=Rate(0, 3), address=Rate(0, 6), sign_in=Rate(0, 2), files=FREE)
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        engine = open_tables(tmp_path / "t.sqlite", SERVER_METADATA)
        with serving(node, engine, rates) as served:
            browser = served.browser("ben")
            assert browser.call("sign-in/challenge", {"address": BEN})[0] == 429
            assert [browser.call("mine")[0] for _ in range(4)] == [200, 200, 200, 429]
            statuses = {served.browser().call("chain")[0] for _ in range(8)}
            assert 429 in statuses
            # Slow heads and many connections of one address.
            host, port = "127.0.0.1", int(served.url.rpartition(":")[2])
            held = [socket.create_connection((host, port)) for _ in range(40)]
            deadline = time.monotonic() + DEADLINE_S
            closed = 0
            while closed < 8 and time.monotonic() < deadline:
                closed = sum(is_closed(one) for one in held)
            assert closed >= 8
            for one in held:
                one.close()


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_every_answer_has_the_headers_that_keep_pages_safe(lasting: Served) -> None:
    for path in ("/", "/api/v1/chain", "/api/v1/nothing", "/mine", "/x.js", "/api/v1/mine"):
        response, _ = lasting.browser().fetch(path)
        policy = response.getheader("content-security-policy", "")
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert response.getheader("x-content-type-options") == "nosniff"
        assert response.getheader("server") is None
