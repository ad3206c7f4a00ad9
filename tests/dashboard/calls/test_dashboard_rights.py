"""Who sees what: a table of calls and people. A call that has no row here fails."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from blockenergy.dashboard.v1 import api_pb2, route_pb2
from served import Browser, Served, serving
from settled_streets import settle, trade
from street_node import StreetNode

from chain.runtime.encoding.options import get_option
from client.catalog import get_events
from client.definitions import get_fields, get_message_class
from client.signing.tx import compute_hash
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from dashboard.visible import PUBLIC_EVENTS
from dashboard.web import calls
from dashboard.web.app import MODULES
from dashboard.web.calls import Call, load_calls
from tests.support.streets import people
from tests.support.world import World

CALLS = {call.name: call for call in load_calls(MODULES)}
ANNA, BEN = people.address_text("anna"), people.address_text("ben")
TRADED = [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500)]
PERSONS = ("nobody", "ben", "pass", "anna", "distributor", "auditor")
SEEN, FIRST, NEVER, HIDDEN, WHY = 200, 401, 403, 404, 400
# What each person gets; of calls about an account: of that of ben, with a purpose.
EVERYBODY = (SEEN,) * 6
OF_BEN = (FIRST, SEEN, SEEN, HIDDEN, SEEN, SEEN)
OWN = (FIRST, SEEN, NEVER, HIDDEN, HIDDEN, HIDDEN)
GRID = (FIRST, NEVER, NEVER, NEVER, SEEN, SEEN)
AUDIT = (FIRST, NEVER, NEVER, NEVER, NEVER, SEEN)
SIGNED_IN = (FIRST, SEEN, SEEN, SEEN, SEEN, SEEN)
TABLE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("chain", "slots", "slot_events", "feeders", "blocks", "tx", "validators", "search"),
        EVERYBODY,
    ),
    **dict.fromkeys(("day_table", "feeder_table", "session", "challenge", "events"), EVERYBODY),
    # What is sent here is no signature.
    "sign_in": (FIRST,) * 6,
    "sign_out": EVERYBODY,
    **dict.fromkeys(("mine", "my_slots", "my_days", "my_events", "statement", "views"), OF_BEN),
    **dict.fromkeys(("my_orders", "book"), OF_BEN),
    # The street has no trees with proofs: whoever may ask hears of the node.
    "proof": (FIRST, 503, 503, HIDDEN, 503, 503),
    "quote": SIGNED_IN,
    **dict.fromkeys(("passes", "make_pass", "forget"), OWN),
    "revoke_pass": (FIRST, HIDDEN, NEVER, HIDDEN, HIDDEN, HIDDEN),
    # The body is no transaction of theirs.
    **dict.fromkeys(("send_tx", "preview_tx"), (FIRST, NEVER, NEVER, NEVER, NEVER, NEVER)),
    **dict.fromkeys(("grid", "feeder_slots", "feeder_meters", "curtailments"), GRID),
    **dict.fromkeys(("audit", "audit_events", "gaps"), AUDIT),
    # No limit order was placed, so there is nothing to see.
    "clearing": (FIRST, NEVER, NEVER, NEVER, NEVER, HIDDEN),
}


@pytest.fixture(scope="module")
def street(tmp_path_factory: Any) -> Iterator[SimpleNamespace]:
    engine = open_tables(tmp_path_factory.mktemp("t") / "t.sqlite", SERVER_METADATA)
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        slot = trade(node, TRADED)
        settle(node, slot, TRADED)
        with serving(node, engine) as served:
            browsers = {person: enter(served, person) for person in PERSONS}
            yield SimpleNamespace(served=served, slot=slot, browsers=browsers)


def enter(served: Served, person: str) -> Browser:
    if person != "pass":
        return served.browser("" if person == "nobody" else person)
    made = served.browser("ben").call("mine/passes", {"label": "my son", "days": 3})[1]
    browser = served.browser()
    assert browser.call("sign-in", {"pass_code": made["code"]})[0] == 200
    return browser


def make_path(call: Call, street: SimpleNamespace) -> str:
    """A call that is about ben, or about what there is."""
    values = {
        "slot": street.slot,
        "first_slot": street.slot,
        "last_slot": street.slot,
        "day": "2027-01-15",
        "first_day": "2027-01-14",
        "last_day": "2027-01-15",
        "month": "2027-01",
        "feeder": "north",
        "hash": find_hash(street),
        "pass_id": 1,
        "account": BEN,
        "purpose": "a bill",
        "q": "north",
        "side": "SIDE_BUY",
        "quantity_wh": 1_000,
    }
    fields = get_fields(call.request)
    if call.name in {"quote", "book"}:
        values["slot"] = street.served.site.present.moment.slot + 1
    if call.name == "my_slots":
        del values["day"]
    in_path = {name for name in fields if f"{{{name}}}" in call.path}
    path = call.path.format(**{name: values[name] for name in in_path})
    asked = [
        f"{name}={values[name]}"
        for name in fields
        if name in values and name not in in_path and call.verb != "POST"
    ]
    return f"{path}?{'&'.join(asked)}".replace(" ", "%20")


def find_hash(street: SimpleNamespace) -> str:
    """Of the order of ben."""
    _, txs, _ = street.served.node.blocks[1]
    return compute_hash(txs[0]).hex()


# They end the session.
ENDING = {"sign_out", "forget"}
BODIES = {
    "challenge": {"address": BEN},
    "sign_in": {"address": BEN, "nonce": "x"},
    "make_pass": {"account": BEN, "label": "x", "days": 1},
    "send_tx": {"tx_bytes": "AA=="},
    "preview_tx": {"tx_bytes": "AA=="},
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_each_call_is_decided_for_each_person(street: SimpleNamespace, name: str) -> None:
    call, got = CALLS[name], []
    assert name in TABLE, f"say in the table who sees {name}"
    for person in PERSONS:
        browser = street.browsers[person]
        if name in ENDING:
            browser = enter(street.served, person)
        path = make_path(call, street)
        if call.form == route_pb2.FORM_EVENTS:
            got.append(peek(street.served, browser, path))
            continue
        body = BODIES.get(name, {}) if call.verb == "POST" else None
        status, content = browser.call(path, body, verb=call.verb)
        if name in {"send_tx", "preview_tx"} and status == 400:
            # A transaction that is none; nobody may send one of somebody else.
            status = NEVER
        got.append(status)
        if status != SEEN:
            assert BEN not in str(content) and "bought_wh" not in str(content)
    if name in ENDING:
        street.browsers |= {person: enter(street.served, person) for person in PERSONS}
    assert tuple(got) == TABLE[name]


def peek(served: Served, browser: Browser, path: str) -> int:
    """The status of a stream, of which no more is read."""
    connection = http.client.HTTPConnection(served.url.partition("://")[2], timeout=30)
    connection.request("GET", f"/api/v1/{path.partition('?')[0]}", headers=browser.headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_call_that_nobody_has_decided_on_keeps_the_server_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undecided = route_pb2.Route(path="new")
    monkeypatch.setattr(calls, "get_option", lambda *_: undecided)
    with pytest.raises(AssertionError, match="nobody has decided who may call"):
        load_calls(MODULES)


def test_the_routes_are_all_that_the_definitions_have() -> None:
    methods = api_pb2.DESCRIPTOR.services_by_name["Api"].methods
    routes = [get_option(method, route_pb2.route) for method in methods]
    assert len(routes) == len(CALLS) == len({(one.verb, one.path) for one in routes})


@pytest.mark.parametrize("name", sorted(CALLS))
def test_an_answer_says_of_which_block_it_is(name: str) -> None:
    call = CALLS[name]
    if call.form == route_pb2.FORM_JSON:
        assert {"height", "time_s"} <= get_fields(call.response).keys()


def test_one_who_may_not_see_an_account_cannot_tell_whether_it_exists(
    street: SimpleNamespace,
) -> None:
    anna = street.served.browser("anna")
    strange = [BEN, people.address_text("fred"), "energy1", "x" * 90, "\u202e", "0"]
    answers = {str(anna.call(f"mine?account={quote(one)}&purpose=p")) for one in strange}
    assert len(answers) == 1 and "404" in answers.pop()


def test_a_look_at_somebody_else_needs_a_purpose_and_is_on_record(
    street: SimpleNamespace,
) -> None:
    auditor = street.served.browser("auditor")
    status, content = auditor.call(f"mine?account={BEN}")
    assert (status, content["error"]["code"]) == (WHY, 10)
    looks = [f"mine/slots?first_slot=1&last_slot=1&account={BEN}&purpose=case%20{n}" for n in "77"]
    assert {auditor.call(look)[0] for look in looks} == {200}
    views = street.served.browser("ben").call("mine/views")[1]["views"]
    found = [view for view in views if view["purpose"] == "case 7"]
    assert [(one["viewer"], one["right"], one["call"]) for one in found] == [
        (people.address_text("auditor"), "auditor", "my_slots")
    ]


def test_what_a_transaction_says_is_for_its_signer(street: SimpleNamespace) -> None:
    path = f"txs/{find_hash(street)}"
    shown = {
        person: enter(street.served, person).call(path)[1] for person in ("anna", "ben", "auditor")
    }
    assert shown["ben"]["signer"] == BEN and shown["ben"]["messages"]
    assert shown["auditor"]["messages"] == shown["ben"]["messages"]
    assert not (shown["anna"]["signer"] or shown["anna"]["messages"])
    assert shown["anna"]["types"] == shown["ben"]["types"]


def test_a_pass_ends_when_it_is_revoked(street: SimpleNamespace) -> None:
    owner, reader = street.served.browser("ben"), street.served.browser()
    made = owner.call("mine/passes", {"label": "adviser", "days": 1})[1]
    assert reader.call("sign-in", {"pass_code": made["code"]})[0] == 200
    assert reader.call("mine")[0] == 200
    assert reader.call(f"mine?account={ANNA}&purpose=p")[0] == HIDDEN
    assert owner.call(f"mine/passes/{made['made']['pass_id']}", verb="DELETE")[0] == 200
    assert reader.call("mine")[0] == FIRST
    assert street.served.browser().call("sign-in", {"pass_code": made["code"]})[0] == FIRST


def test_a_feeder_that_would_show_a_home_is_withheld(street: SimpleNamespace) -> None:
    path = f"feeders?slot={street.slot}"
    public = street.served.browser("ben").call(path)[1]["feeders"]
    assert public and all(one["withheld"] and "settled" not in one for one in public)
    own = street.served.browser("distributor").call(f"grid?slot={street.slot}")[1]["feeders"]
    top = [one["settled"] for one in own if "settled" in one and not one["info"]["parent"]]
    assert sum(int(one["bought_wh"]) for one in top) == 3_000


def test_events_that_everybody_sees_name_nobody() -> None:
    """By the kinds of their fields; an event that is not listed is closed."""
    assert set(get_events()) > PUBLIC_EVENTS
    for name in PUBLIC_EVENTS:
        kind = get_message_class(name)
        assert kind is not None
        texts = [
            field.name for field in get_fields(kind).values() if field.type == field.TYPE_STRING
        ]
        assert set(texts) <= {"module", "name", "validator"}, name
