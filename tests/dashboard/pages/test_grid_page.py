"""The page for operators of feeders, and who may not see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from blockenergy.market.v1 import query_pb2, state_pb2, tx_pb2
from browsing import VIEWS, Seen, find_barriers, hold_wallet, sign_in
from built import needs_browser
from playwright.sync_api import expect
from served import Served, serving
from settled_streets import trade_and_settle
from street_node import StreetNode

from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from tests.support.streets import people
from tests.support.world import World

pytestmark = needs_browser

# A slot stands for an hour, so that 4,000 W carry 4,000 Wh in it.
GRID = {"registry.feeders[north]": {"capacity_w": 4_000}}
HOSTILE = '<img src=x onerror=alert(1)>\u202e"'


@pytest.fixture
def served(tmp_path: Any) -> Iterator[Served]:
    with StreetNode(World(GRID)).running() as node:
        assert isinstance(node, StreetNode)
        trade_and_settle(node, [("anna", False, 700, 0), ("ben", True, 2_000, 1_800)])
        world, slot = node.world, node.world.slot_ahead(1)
        node.record(world.buy("ben", slot, 3_600, 300_000))
        # Its gate closes, and the next slot is that in delivery.
        node.record(at=slot * 60 - 5)
        node.record(at=slot * 60)
        with serving(node, open_tables(tmp_path / "t.sqlite", SERVER_METADATA)) as running:
            yield running


@pytest.fixture
def seen(chromium: Any, served: Served) -> Iterator[Seen]:
    context = chromium.new_context(locale="en-GB")
    seen = Seen(context, served)
    yield seen
    context.close()
    assert not seen.problems


def test_an_operator_sees_flows_against_capacity(seen: Seen, served: Served) -> None:
    sign_in(seen, "distributor")
    page = seen.show("/grid")
    row = page.locator("tbody tr").filter(has=page.get_by_role("button", name="north"))
    for figure in ("4.0 kW", "in 3.60 kWh", "90 %", "400 Wh"):
        expect(row).to_contain_text(figure.replace(" kW", "\u00a0kW").replace(" %", "\u00a0%"))
    expect(page.get_by_text("Used to 80 % or more: north.")).to_be_visible()
    # The settled slot: 1,300 Wh agreed into the feeder, 1,800 metered.
    settled = page.locator("tbody tr").filter(has_text="+500")
    expect(settled).to_contain_text("in 1.30")
    expect(settled).to_contain_text("in 1.80")
    page.get_by_text("Meters on north").click()
    expect(page.get_by_text("meter-ben")).to_be_visible()


def test_an_operator_curtails_after_seeing_what_it_costs(seen: Seen, served: Served) -> None:
    sign_in(seen, "distributor")
    page = seen.show("/grid")
    page.get_by_label("Share of each position").fill("25")
    page.get_by_label("Reason").fill(HOSTILE)
    expect(page.locator(".draft .facts").first).to_contain_text("900 Wh")
    page.get_by_role("button", name="Sign with Keplr").click()
    expect(page.locator(".verdict")).to_contain_text("Sent.")
    seen.add_block()
    expect(page.locator(".verdict")).to_contain_text("It is in block")
    row = page.locator("section").filter(has=page.get_by_role("heading", name="Curtailments"))
    expect(row.locator("tbody tr")).to_contain_text("900 Wh")
    shown = row.locator("tbody td bdi").last
    expect(shown).to_have_text('<img src=x onerror=alert(1)>\\u{202e}"')
    world = served.node.world
    request = query_pb2.QueryCurtailmentsRequest(slot=world.slot_ahead(0))
    kind = query_pb2.QueryCurtailmentsResponse
    [found] = world.query("/blockenergy.market.v1.Query/Curtailments", request, kind).curtailments
    assert (found.curtailment.quantity_wh, found.curtailment.share_permille) == (900, 250)


def test_whoever_operates_nothing_sees_nothing(seen: Seen, served: Served) -> None:
    sign_in(seen, "anna")
    page = seen.show("/grid")
    expect(page.get_by_text("This page is for those who operate feeders.")).to_be_visible()
    expect(page.get_by_role("link", name="Grid")).to_have_count(0)
    assert "ben" not in page.locator("main").inner_text()
    assert served.browser("anna").call("curtailments")[0] == 403


def test_curtailments_are_those_of_one_s_own_feeders(served: Served) -> None:
    world = served.node.world
    message = tx_pb2.MsgCurtail(
        distributor=people.address_text("distributor"),
        slot=world.slot_ahead(0),
        feeder="north",
        side=state_pb2.SIDE_BUY,
        share_permille=100,
        reason="repair",
    )
    served.node.record(world.sign("distributor", message))
    assert not world.results[0].code
    served.catch_up()
    [found] = served.browser("distributor").call("curtailments")[1]["curtailments"]
    assert (found["curtailed"]["feeder"], found["curtailed"]["quantity_wh"]) == ("north", "360")
    assert len(served.browser("auditor").call("curtailments")[1]["curtailments"]) == 1


@pytest.mark.parametrize(("width", "mode"), [*VIEWS, (1280, "dark"), (360, "light")])
def test_grid_hinders_nobody(chromium: Any, served: Served, width: int, mode: Any) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=mode, locale="de-DE"
    )
    seen = Seen(context, served)
    hold_wallet(seen, "distributor")
    page = seen.page
    page.goto(f"{served.url}/mine")
    page.get_by_role("button", name="Keplr").click()
    expect(page.get_by_role("button", name="Abmelden")).to_be_visible()
    page.goto(f"{served.url}/grid")
    served.node.record()
    served.catch_up()
    page.get_by_label("Grund").fill("Probe")
    expect(page.locator(".draft .facts").first).to_be_visible()
    found = find_barriers(context, page)
    assert not found, found
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert not seen.problems
