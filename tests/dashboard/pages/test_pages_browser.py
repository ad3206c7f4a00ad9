"""The pages in a real browser, in front of a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blockenergy.market.v1 import tx_pb2 as market_pb2
from browsing import VIEWS, Seen, find_barriers, sign_in
from built import DIST, needs_browser
from playwright.sync_api import Route, expect
from saved_proofs import CHAIN, SAVED, TRUSTED
from served import Served, serving
from settled_streets import trade_and_settle
from street_node import StreetNode

from client.signing.tx import compute_hash
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from tests.support.streets import people
from tests.support.world import World

pytestmark = needs_browser

STALE_MS = 20_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: Any) -> Iterator[Served]:
    engine = open_tables(tmp_path_factory.mktemp("t") / "t.sqlite", SERVER_METADATA)
    with StreetNode(World()).running() as node:
        assert isinstance(node, StreetNode)
        with serving(node, engine) as running:
            trade_and_settle(node, [("anna", True, 400, 380), ("ben", False, 400, 400)])
            running.catch_up()
            yield running


@pytest.fixture
def seen(chromium: Any, served: Served) -> Iterator[Seen]:
    context = chromium.new_context(locale="en-GB")
    seen = Seen(context, served)
    yield seen
    context.close()
    assert not seen.problems


def test_now_shows_prices_and_states_and_follows_the_chain(seen: Seen) -> None:
    page = seen.show("/")
    expect(page.locator("figcaption")).to_contain_text("ct/kWh")
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="trading").first).to_be_visible()
    expect(rows.filter(has_text="in delivery")).to_have_count(1)
    expect(page.locator(".plot canvas")).to_be_visible()
    seen.add_block()
    expect(page.locator(".banner")).to_have_count(0)


def test_arrow_keys_go_from_slot_to_slot(seen: Seen) -> None:
    page = seen.show("/")
    page.locator(".plot").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator(".chosen").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".chosen")).not_to_have_text(first)
    assert "ct/kWh" in first


def test_a_page_that_gets_no_blocks_is_grey_and_says_so(seen: Seen) -> None:
    page = seen.show("/")
    banner = page.locator(".banner")
    expect(banner).to_contain_text("The chain makes no blocks.", timeout=STALE_MS)
    expect(page.locator(".stale")).to_be_visible()
    seen.add_block()
    expect(page.locator(".stale")).to_have_count(0)
    expect(banner).to_have_count(0)


def test_a_page_without_its_server_is_grey_and_says_so(chromium: Any, served: Served) -> None:
    context = chromium.new_context(locale="en-GB")
    seen = Seen(context, served)
    page = seen.show("/")
    context.set_offline(True)
    expect(page.locator(".banner")).to_contain_text("lost its server", timeout=STALE_MS)
    context.set_offline(False)
    seen.add_block()
    expect(page.locator(".banner")).to_have_count(0)
    context.close()


def test_a_wallet_signs_in_and_its_owner_sees_what_was_settled(seen: Seen, served: Served) -> None:
    sign_in(seen, "anna")
    page = seen.page
    mine = served.browser("anna")
    day = page.get_by_label("Day").input_value()
    _, found = mine.call(f"mine/slots?day={day}")
    line = next(one["line"] for one in found["slots"] if "line" in one)
    row = page.locator("tbody tr").filter(has_text="Proof")
    expect(row).to_contain_text("buy 400 Wh")
    expect(row).to_contain_text("in 380 Wh")
    net = int(line["credited"]) - int(line["charged"])
    exact = row.locator("[title]").last.get_attribute("title")
    assert exact == f"{net / 1e6:.6f}".replace("-", "\u2212") + "\u00a0EUR"
    expect(page.locator(".facts").first).to_contain_text("380 Wh")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def hold(_: Route) -> None:
    """Never answers."""


def test_another_key_in_the_wallet_signs_out_and_what_is_under_way_is_given_up(seen: Seen) -> None:
    sign_in(seen, "anna")
    page = seen.page
    page.route("**/api/v1/mine/slots*", hold)
    with page.expect_request("**/api/v1/mine/slots*"):
        page.get_by_label("Day").fill("2026-01-01")
    with page.expect_event("requestfailed", lambda one: "/mine/slots" in one.url):
        page.evaluate("window.dispatchEvent(new Event('keplr_keystorechange'))")
    expect(page.get_by_role("button", name="Sign in with Keplr")).to_be_visible()


def test_texts_of_others_stay_texts(seen: Seen, served: Served) -> None:
    memo = "<img src=x onerror=alert(1)>\u202e=1+1"
    world = served.node.world
    message = market_pb2.MsgBuy(
        buyer=people.address_text("anna"),
        slot=world.slot_ahead(2),
        quantity_wh=100,
        price_limit_per_kwh=300_000,
    )
    tx = world.sign("anna", message, memo=memo)
    served.node.record(tx)
    served.catch_up()
    sign_in(seen, "anna")
    page = seen.show(f"/explore/{compute_hash(tx).hex()}")
    shown = page.locator("dd bdi")
    expect(shown).to_have_text("<img src=x onerror=alert(1)>\\u{202e}=1+1")
    assert shown.locator("*").count() == 0


@pytest.mark.parametrize(("width", "mode"), VIEWS)
def test_nothing_hinders_anybody(chromium: Any, served: Served, width: int, mode: Any) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=mode, locale="en-GB"
    )
    seen = Seen(context, served)
    sign_in(seen, "anna")
    for path in ("/", "/mine", "/explore", "/proof/1"):
        page = seen.show(path)
        expect(page.locator("h1")).to_be_visible()
        expect(page.get_by_text("Waiting for the server")).to_have_count(0)
        found = find_barriers(context, page)
        assert not found, (path, found)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()


def test_the_pages_speak_german(chromium: Any, served: Served) -> None:
    context = chromium.new_context(locale="de-DE")
    page = Seen(context, served).show("/")
    expect(page.get_by_role("heading", name="Jetzt")).to_be_visible()
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        ("", "Proven"),
        ("value", "another line"),
        ("chain", "another chain"),
        ("trusted", "other validators"),
        ("vote", "two thirds"),
    ],
)
def test_one_file_verifies_a_saved_proof_without_a_network(
    chromium: Any, tmp_path: Path, alter: str, said: str
) -> None:
    proof = json.loads(json.dumps(SAVED))
    chain, trusted = CHAIN, TRUSTED.hex()
    if alter == "value":
        proof["value"] = base64.b64encode(base64.b64decode(proof["value"])[:-1] + b"\x02").decode()
    elif alter == "chain":
        chain = "energy-1"
    elif alter == "trusted":
        trusted = "00" * 32
    elif alter == "vote":
        for vote in proof["block"]["signed_header"]["commit"]["signatures"][:2]:
            vote["signature"] = base64.b64encode(bytes(64)).decode()
    (tmp_path / "proof.json").write_text(json.dumps(proof))
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto((DIST / "verify.html").as_uri())
    page.get_by_label("Saved proof").set_input_files(tmp_path / "proof.json")
    page.get_by_label("Chain").fill(chain)
    page.get_by_label("Hash of validators").fill(trusted)
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#result")).to_contain_text(said)
    expect(page.locator("#result h2")).to_have_text("Proven" if not alter else "Not proven")
    context.close()
