"""Trading from the page: each order from its quote to what the chain has made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from blockenergy.market.v1 import query_pb2, tx_pb2
from browsing import VIEWS, Seen, find_barriers, hold_wallet, sign_in
from built import needs_browser
from playwright.sync_api import Page, expect
from served import Served, serving
from street_node import StreetNode

from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from tests.support.streets import people
from tests.support.world import World

pytestmark = needs_browser

# Fees and deposits, as a real chain has them.
COSTS = {
    "auth.params": {"min_gas_price_micro": 2_000},
    "bank.params": {"deposit_per_entry": 5_000},
    "registry.feeders[north]": {"grid_fee_per_kwh": 12_345},
    "registry.feeders[south]": {"grid_fee_per_kwh": 6_789},
}
PATH = "/blockenergy.market.v1.Query/"
ANNA = people.address_text("anna")


@pytest.fixture
def served(tmp_path: Any) -> Iterator[Served]:
    with StreetNode(World(COSTS)).running() as node:
        assert isinstance(node, StreetNode)
        node.record()
        with serving(node, open_tables(tmp_path / "t.sqlite", SERVER_METADATA)) as running:
            yield running


@pytest.fixture
def seen(chromium: Any, served: Served) -> Iterator[Seen]:
    context = chromium.new_context(locale="en-GB")
    seen = Seen(context, served)
    sign_in(seen, "anna")
    seen.show("/trade")
    yield seen
    context.close()
    assert not seen.problems


def choose_slot(seen: Seen, ahead: int) -> int:
    """Chooses one of the open slots; returns its number."""
    seen.page.locator("tbody button[aria-pressed]").nth(ahead).click()
    expect(seen.page.locator("tbody button[aria-pressed]").nth(ahead)).to_have_attribute(
        "aria-pressed", "true"
    )
    _, found = seen.served.browser().call("slots")
    takes = [one for one in found["slots"] if one["book"]["takes_orders"]]
    return int(takes[ahead]["slot"])


def sign(seen: Seen) -> None:
    """Lets the wallet sign what is shown, and a block arrive."""
    seen.page.get_by_role("button", name="Sign with Keplr").click()
    expect(seen.page.locator(".verdict")).to_contain_text("Sent.")
    seen.add_block()


def get_position(served: Served, slot: int) -> Any:
    request = query_pb2.QueryPositionRequest(slot=slot, owner=ANNA)
    return ask(served, "Position", request, query_pb2.QueryPositionResponse).position


def ask(served: Served, name: str, request: Any, response: type[Any]) -> Any:
    return served.node.world.query(f"{PATH}{name}", request, response)


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=False).first.fill(text)


def test_an_order_is_quoted_signed_and_executed_and_can_be_cancelled(
    seen: Seen, served: Served
) -> None:
    page = seen.page
    slot = choose_slot(seen, 2)
    fill(page, "Energy, kWh", "0.4")
    _, quoted = served.browser("anna").call(f"quote?slot={slot}&side=SIDE_BUY&quantity_wh=400")
    price = f"{int(quoted['quote']['price_per_kwh']) / 10_000:.2f}"
    expect(page.locator(".draft")).to_contain_text(price)
    expect(page.locator(".draft")).to_contain_text("On hold until then, at most")
    expect(page.locator(".draft")).to_contain_text("Fee of the transaction")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("Bought 400 Wh")
    assert get_position(served, slot).bought_wh == 400
    bought = page.locator("section").filter(has_text="What I have bought and sold")
    expect(bought.locator("tbody tr")).to_contain_text("400 Wh")
    held = page.locator("section").filter(has=page.get_by_role("heading", name="Money on hold"))
    expect(held.locator("tbody tr")).to_contain_text("position of")
    bought.get_by_role("button", name="Cancel").click()
    expect(page.locator(".draft")).to_contain_text("Cancel 400 Wh bought")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("Cancelled 400 Wh")
    expect(page.get_by_text("Nothing is agreed in slots")).to_be_visible()


def test_an_order_waits_for_the_auction_until_it_is_taken_back(seen: Seen, served: Served) -> None:
    page = seen.page
    slot = choose_slot(seen, 2)
    page.get_by_label("in the auction").check()
    page.get_by_label("sell").check()
    fill(page, "Energy, kWh", "0,25")
    fill(page, "At least", "21.5")
    expect(page.locator(".draft")).to_contain_text("Deposit")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("with 250 Wh waits for the auction")
    request = query_pb2.QueryLimitOrdersRequest(slot=slot, owner=ANNA)
    [found] = ask(served, "LimitOrders", request, query_pb2.QueryLimitOrdersResponse).orders
    assert (found.order.quantity_wh, found.order.price_limit_per_kwh) == (250, 215_000)
    orders = page.locator("section").filter(has_text="My orders in auctions")
    expect(orders.locator("tbody tr")).to_contain_text("waits for the auction")
    orders.get_by_role("button", name="Cancel").click()
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("is cancelled")
    expect(page.get_by_text("You have no orders in auctions.")).to_be_visible()


def test_an_order_that_waits_is_amended(seen: Seen, served: Served) -> None:
    page = seen.page
    slot = choose_slot(seen, 2)
    page.get_by_label("in the auction").check()
    fill(page, "Energy, kWh", "0.7")
    fill(page, "At most", "20")
    sign(seen)
    orders = page.locator("section").filter(has=page.get_by_role("heading", name="in auctions"))
    orders.get_by_role("button", name="Change").click()
    expect(page.get_by_role("heading", name="Change", exact=True)).to_be_visible()
    expect(page.get_by_label("Energy, kWh")).to_have_value("0.7")
    fill(page, "Energy, kWh", "0.9")
    fill(page, "At most", "21.4567")
    expect(page.locator(".draft")).to_contain_text("to 900")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("is changed: 900")
    request = query_pb2.QueryLimitOrdersRequest(slot=slot, owner=ANNA)
    [found] = ask(served, "LimitOrders", request, query_pb2.QueryLimitOrdersResponse).orders
    assert (found.order.quantity_wh, found.order.price_limit_per_kwh) == (900, 214_567)
    expect(orders.locator("tbody tr")).to_contain_text("900")
    # One that the chain rejects is rejected before the wallet opens.
    orders.get_by_role("button", name="Change").click()
    fill(page, "At most", "99")
    expect(page.locator(".draft .error")).to_contain_text("The price limit lies outside")
    expect(page.get_by_role("button", name="Sign with Keplr")).to_be_disabled()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", name="New order")).to_be_visible()


def test_an_offer_is_bought(seen: Seen, served: Served) -> None:
    page, world = seen.page, served.node.world
    slot = choose_slot(seen, 2)
    page.get_by_label("by an offer").check()
    expect(page.locator("form")).to_contain_text("Nobody offers energy for this slot.")
    served.node.record(
        offer(world, "eva", slot, 900, 214_567), offer(world, "dirk", slot, 800, 200_000)
    )
    served.catch_up()
    [cheap, dear] = served.browser("anna").call(f"mine/book/{slot}")[1]["offers"]
    assert cheap["seller"] == people.address_text("dirk")
    which = page.get_by_role("combobox", name="Offer")
    expect(which.locator("option")).to_have_count(2)
    expect(which).to_have_value(cheap["seller"])
    which.select_option(dear["seller"])
    fill(page, "Energy, kWh", "0.4")
    cost = -(-400 * int(dear["price_per_kwh"]) // 1_000)
    expect(page.locator(".draft")).to_contain_text(f"{cost / 1e6:.4f}")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("Bought 400")
    position = get_position(served, slot)
    assert (position.bought_wh, position.cost) == (400, cost)
    expect(page.get_by_role("table", name="Offers of others")).to_contain_text("500")
    # More than is left.
    fill(page, "Energy, kWh", "0.6")
    expect(page.locator(".draft .error")).to_contain_text("offer")
    expect(page.get_by_role("button", name="Sign with Keplr")).to_be_disabled()


def test_an_offer_is_placed_changed_and_ended(seen: Seen, served: Served) -> None:
    page = seen.page
    slot = choose_slot(seen, 2)
    page.get_by_label("sell").check()
    page.get_by_label("by an offer").check()
    fill(page, "Energy, kWh", "0.6")
    fill(page, "Your price", "19.5")
    expect(page.locator(".draft")).to_contain_text("Deposit")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("600")
    assert list_offers(served, slot) == {ANNA: (600, 195_000)}
    own = page.locator("section").filter(has=page.get_by_role("heading", name="My offers"))
    own.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Your price")).to_have_value("19.50")
    fill(page, "Your price", "18")
    # Its deposit stays with it.
    expect(page.locator(".draft")).to_contain_text("On hold until then, at most")
    expect(page.locator(".draft")).not_to_contain_text("Deposit")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("at 18.00")
    assert list_offers(served, slot) == {ANNA: (600, 180_000)}
    held = page.locator("section").filter(has=page.get_by_role("heading", name="Money on hold"))
    expect(held.locator("tbody tr")).to_contain_text("offer for")
    own.get_by_role("button", name="Cancel").click()
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("has ended")
    expect(page.get_by_text("You have no offers.")).to_be_visible()
    assert not list_offers(served, slot)


def offer(world: World, name: str, slot: int, available_wh: int, price: int) -> bytes:
    seller = people.address_text(name)
    return world.sign(
        name,
        tx_pb2.MsgSetOffer(
            seller=seller, slot=slot, available_wh=available_wh, price_per_kwh=price
        ),
    )


def list_offers(served: Served, slot: int) -> dict[str, tuple[int, int]]:
    request = query_pb2.QueryOffersRequest(slot=slot)
    found = ask(served, "Offers", request, query_pb2.QueryOffersResponse).offers
    return {one.seller: (one.offer.available_wh, one.offer.price_per_kwh) for one in found}


def test_a_standing_order_is_placed_and_taken_back(seen: Seen) -> None:
    page = seen.page
    choose_slot(seen, 1)
    page.get_by_label("standing order").check()
    fill(page, "Energy, kWh", "2")
    page.get_by_label("Last slot").select_option(index=1)
    fill(page, "At most in one slot", "1")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("Standing order 1 over 2.00")
    orders = page.locator("section").filter(has_text="My standing orders")
    expect(orders.locator("tbody tr")).to_contain_text("2.00")
    orders.get_by_role("button", name="Cancel").click()
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("Standing order 1 has ended")
    expect(page.get_by_text("You have no standing orders.")).to_be_visible()


def test_every_refusal_is_a_sentence(seen: Seen, served: Served) -> None:
    page, button = seen.page, seen.page.get_by_role("button", name="Sign with Keplr")
    slot = choose_slot(seen, 2)
    fill(page, "Energy, kWh", "none")
    expect(page.get_by_text("Enter an amount of energy")).to_be_visible()
    expect(button).to_have_count(0)
    fill(page, "Energy, kWh", "5000")
    expect(page.locator(".draft .error")).to_contain_text("The quantity is more than one order")
    expect(button).to_be_disabled()
    fill(page, "Energy, kWh", "1")
    fill(page, "At most", "99")
    expect(page.locator(".draft .error")).to_contain_text("The price limit lies outside")
    # Below what the pool asks: the chain takes the order, and lets it lapse.
    fill(page, "At most", "9")
    sign(seen)
    expect(page.locator(".verdict")).to_contain_text("has lapsed: the price was beyond your limit")
    # The wallet's owner refuses.
    fill(page, "At most", "30")
    page.evaluate("() => { keplr.signDirect = async () => { throw new Error('rejected') } }")
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_text("You have not signed; nothing was sent.")).to_be_visible()
    # Another key is in the wallet.
    page.evaluate("() => { keplr.getKey = async () => ({ bech32Address: 'energy1x' }) }")
    button.click()
    expect(page.get_by_text("The wallet shows another key")).to_be_visible()
    assert served.node.waiting == [] and slot


def test_what_fails_in_its_block_says_why(seen: Seen, served: Served) -> None:
    page, world = seen.page, served.node.world
    slot = choose_slot(seen, 2)
    fill(page, "Energy, kWh", "1")
    button = page.get_by_role("button", name="Sign with Keplr")
    button.click()
    expect(page.locator(".verdict")).to_contain_text("Sent.")
    # The gate closes before the block comes.
    served.node.record(at=slot * 60)
    served.catch_up()
    expect(page.locator(".verdict")).to_contain_text("The gate of this slot has closed")
    assert world.results[0].code


def test_what_gets_into_no_block_is_void_in_the_end(seen: Seen, served: Served) -> None:
    page = seen.page
    choose_slot(seen, 2)
    button = page.get_by_role("button", name="Sign with Keplr")
    button.click()
    expect(page.locator(".verdict")).to_contain_text("Sent.")
    served.node.waiting.clear()
    for _ in range(42):
        served.node.record()
    served.catch_up()
    expect(page.locator(".verdict")).to_contain_text("did not get into a block")


def test_by_keyboard_alone(seen: Seen, served: Served) -> None:
    page = seen.page
    slot = choose_slot(seen, 2)
    page.get_by_label("Energy, kWh").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("0.3")
    expect(page.locator(".draft")).to_contain_text("Buy 300 Wh")
    button = page.get_by_role("button", name="Sign with Keplr")
    expect(button).to_be_enabled()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.startsWith('Sign with')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("Sent.")
    seen.add_block()
    expect(page.locator(".verdict")).to_contain_text("Bought 300 Wh")
    assert get_position(served, slot).bought_wh == 300


def test_without_a_wallet_or_a_session_the_page_says_so(chromium: Any, served: Served) -> None:
    context = chromium.new_context(locale="en-GB")
    page = Seen(context, served).show("/trade")
    expect(page.get_by_text("Trading is for those who have signed in.")).to_be_visible()
    assert re.search("Sign in", page.locator("main").inner_text())
    context.close()


@pytest.mark.parametrize(("width", "mode"), [*VIEWS, (1280, "dark"), (360, "light")])
def test_trade_hinders_nobody(chromium: Any, served: Served, width: int, mode: Any) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=mode, locale="de-DE"
    )
    seen = Seen(context, served)
    hold_wallet(seen, "anna")
    world, slot = served.node.world, served.node.world.slot_ahead(3)
    served.node.record(
        world.buy("anna", slot, 1_000, 300_000),
        offer(world, "anna", slot, 300, 200_000),
        offer(world, "eva", slot, 900, 214_567),
    )
    page = seen.page
    page.goto(f"{served.url}/mine")
    page.get_by_role("button", name="Keplr").click()
    expect(page.get_by_role("button", name="Abmelden")).to_be_visible()
    page.goto(f"{served.url}/trade")
    served.node.record()
    served.catch_up()
    expect(page.locator(".draft .facts").first).to_be_visible()
    page.locator("details summary").click()
    expect(page.locator("h2").last).to_have_text("Zurückgelegtes Geld")
    found = find_barriers(context, page)
    assert not found, found
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert not seen.problems
