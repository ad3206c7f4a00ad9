"""What the web API says to one who trades: what an order will put on hold, and what others want."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from blockenergy.market.v1 import state_pb2, tx_pb2
from google.protobuf.message import Message
from served import Browser, Served, serving
from street_node import StreetNode

from chain.market import MarketError
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import open_tables
from tests.support.streets import people
from tests.support.world import World

COSTS = {
    "auth.params": {"min_gas_price_micro": 2_000},
    "bank.params": {"deposit_per_entry": 5_000},
    "registry.feeders[north]": {"grid_fee_per_kwh": 12_345},
    "registry.feeders[south]": {"grid_fee_per_kwh": 6_789},
    "market.params": {"resting_orders_max": 100},
}
BUY, SELL = state_pb2.SIDE_BUY, state_pb2.SIDE_SELL


@pytest.fixture
def served(tmp_path: Any) -> Iterator[Served]:
    with StreetNode(World(COSTS)).running() as node:
        assert isinstance(node, StreetNode)
        node.record()
        with serving(node, open_tables(tmp_path / "t.sqlite", SERVER_METADATA)) as running:
            yield running


def limit_order(name: str, slot: int, side: Any, quantity_wh: int, price: int) -> Message:
    return tx_pb2.MsgPlaceLimitOrder(
        owner=people.address_text(name),
        slot=slot,
        side=side,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=price,
    )


def standing_order(side: Any, slot: int) -> Message:
    return tx_pb2.MsgPlaceStandingOrder(
        owner=people.address_text("anna"),
        side=side,
        quantity_wh=9_000,
        slot_max_wh=5_000,
        price_limit_per_kwh=210_000,
        last_slot=slot + 2,
    )


def preview(browser: Browser, tx: bytes) -> Any:
    status, content = browser.call("tx/preview", {"tx_bytes": base64.b64encode(tx).decode()})
    assert status == 200, content
    return content


def list_orders(slot: int) -> dict[str, Message]:
    anna = people.address_text("anna")
    sale = {"seller": anna, "slot": slot, "price_limit_per_kwh": 80_000}
    return {
        "bid": limit_order("anna", slot, BUY, 700, 200_000),
        "ask": limit_order("anna", slot, SELL, 700, 200_000),
        "ask beyond its sources": limit_order("anna", slot, SELL, 9_000, 200_000),
        "standing bid": standing_order(BUY, slot),
        "standing ask": standing_order(SELL, slot),
        "offer": tx_pb2.MsgSetOffer(
            seller=anna, slot=slot, available_wh=9_000, price_per_kwh=200_000
        ),
        "purchase from an offer": tx_pb2.MsgBuyOffer(
            buyer=anna,
            seller=people.address_text("eva"),
            slot=slot + 1,
            quantity_wh=300,
            price_limit_per_kwh=300_000,
        ),
        "sale": tx_pb2.MsgSell(quantity_wh=9_000, **sale),
        "purchase": tx_pb2.MsgBuy(
            buyer=anna, slot=slot + 1, quantity_wh=300, price_limit_per_kwh=250_000
        ),
    }


@pytest.mark.parametrize("name", list_orders(1))
def test_what_is_said_to_go_on_hold_goes_on_hold(served: Served, name: str) -> None:
    """Resting orders exactly; of one that is executed at once no more than was said."""
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    # She has sold some of what her sources produce, so that the rest backs less.
    sellers = {"seller": people.address_text("eva"), "slot": slot + 1}
    served.node.record(
        world.sell("anna", slot, 500, 80_000),
        world.sign("eva", tx_pb2.MsgSetOffer(available_wh=700, price_per_kwh=200_000, **sellers)),
    )
    served.catch_up()
    browser = served.browser("anna")
    before = browser.call("mine")[1]["balances"]
    order = list_orders(slot)[name]
    said = preview(browser, world.spoil("anna", order))
    assert said["code"] == "0" and said["responses"]
    fee = [("ueur", int(said["fee"]))]
    served.node.record(world.sign("anna", order, gas_limit=int(said["gas_limit"]), fee=fee))
    assert not world.results[0].code
    served.catch_up()
    after = browser.call("mine")[1]["balances"]
    held = int(get_amount(after["held"])) - int(get_amount(before["held"]))
    paid = int(get_amount(before["free"])) - int(get_amount(after["free"])) - held
    if name == "purchase from an offer":
        # Its price is known; what it costs stays on hold until it is delivered.
        assert held == int(said["reserve"]) and said["deposit"] == "0"
    elif name not in {"sale", "purchase"}:
        assert held == int(said["reserve"]) + int(said["deposit"])
    else:
        assert 0 < held <= int(said["reserve"]) and said["deposit"] == "0"
        assert int(said["quote"]["amount"]) > 0
    assert paid == int(said["fee"]) > 0


def test_what_is_changed_goes_on_hold_as_said(served: Served) -> None:
    """In all, and with the deposit that it had."""
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    anna, browser = people.address_text("anna"), served.browser("anna")
    offer = {"seller": anna, "slot": slot}
    for first, then in (
        (
            limit_order("anna", slot, SELL, 5_000, 200_000),
            lambda order_id: tx_pb2.MsgAmendLimitOrder(
                owner=anna,
                slot=slot,
                order_id=order_id,
                quantity_wh=6_000,
                price_limit_per_kwh=210_000,
            ),
        ),
        (
            tx_pb2.MsgSetOffer(available_wh=500, price_per_kwh=200_000, **offer),
            lambda _: tx_pb2.MsgSetOffer(available_wh=700, price_per_kwh=150_000, **offer),
        ),
    ):
        before = get_amount(browser.call("mine")[1]["balances"]["held"])
        served.node.record(world.sign("anna", first))
        served.catch_up()
        orders = browser.call("mine/orders")[1]
        order_id = int(orders["limit_orders"][0]["order_id"])
        said = preview(browser, world.spoil("anna", then(order_id)))
        assert (said["code"], said["deposit"]) == ("0", "0"), said
        served.node.record(world.sign("anna", then(order_id)))
        assert not world.results[0].code
        served.catch_up()
        after = get_amount(browser.call("mine")[1]["balances"]["held"])
        deposit = COSTS["bank.params"]["deposit_per_entry"]
        assert int(after) - int(before) == int(said["reserve"]) + deposit
    assert [one["offer"]["available_wh"] for one in browser.call("mine/orders")[1]["offers"]] == [
        "700"
    ]


def test_offers_of_others_are_shown_with_the_grid_fee_between(served: Served) -> None:
    """The page promises what the chain takes: one millionth less is too little."""
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    offer = {"slot": slot, "available_wh": 700}
    for name, price in (("eva", 200_000), ("dirk", 190_000), ("anna", 180_000)):
        message = tx_pb2.MsgSetOffer(seller=people.address_text(name), price_per_kwh=price, **offer)
        served.node.record(world.sign(name, message))
        assert not world.results[0].code
    served.catch_up()
    anna = served.browser("anna")
    shown = anna.call(f"mine/book/{slot}")[1]["offers"]
    assert {one["seller"] for one in shown} == {people.address_text(one) for one in ("eva", "dirk")}
    assert shown == sorted(shown, key=lambda one: int(one["price_per_kwh"]))
    for one in shown:
        for less in (0, 1):
            message = tx_pb2.MsgBuyOffer(
                buyer=people.address_text("anna"),
                seller=one["seller"],
                slot=slot,
                quantity_wh=700,
                price_limit_per_kwh=int(one["price_per_kwh"]) - less,
            )
            said = preview(anna, world.spoil("anna", message))
            expected = str(MarketError.OFFER_TOO_DEAR.code) if less else "0"
            assert said["code"] == expected, said


def get_amount(coins: Any) -> str:
    return next((one["amount"] for one in coins if one["denom"] == "ueur"), "0")


def test_a_preview_has_the_chain_s_own_refusal_and_is_for_the_signer(served: Served) -> None:
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    tx = world.sign("anna", limit_order("anna", slot, BUY, 700, 999_999))
    said = preview(served.browser("anna"), tx)
    assert (said["code"], said["codespace"]) == ("4", "market")
    assert "The price limit lies outside" in said["text"]
    content = {"tx_bytes": base64.b64encode(tx).decode()}
    assert served.browser("ben").call("tx/preview", content)[0] == 403


def test_orders_and_holds_are_those_of_the_chain(served: Served) -> None:
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    served.node.record(
        world.sign("anna", limit_order("anna", slot, BUY, 700, 200_000)),
        world.sign("ben", limit_order("ben", slot, BUY, 900, 210_000)),
        world.sign("anna", limit_order("anna", slot + 1, SELL, 300, 200_000)),
    )
    served.catch_up()
    found = served.browser("anna").call("mine/orders")[1]
    shown = {(int(one["slot"]), one["order"]["quantity_wh"]) for one in found["limit_orders"]}
    assert shown == {(slot, "700"), (slot + 1, "300")}
    holds = {one["hold_id"] for one in found["holds"]}
    assert holds == {one["order"]["hold_id"] for one in found["limit_orders"]}


def test_orders_of_others_are_sums_and_only_of_many(served: Served) -> None:
    """No name in the book, and nothing at all where few would be seen through it."""
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    served.node.record(
        world.sign("ben", limit_order("ben", slot, BUY, 900, 210_000)),
        world.sign("clara", limit_order("clara", slot, BUY, 900, 210_000)),
    )
    served.catch_up()
    found = served.browser("anna").call(f"mine/book/{slot}")[1]
    assert found["withheld"] and not found["bids"] and not found["asks"]
    assert found["book"]["info"]["resting_orders"] == "2"
    assert people.address_text("ben") not in str(found)


def test_a_book_of_many_is_shown_by_price(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.answers.trade.METERS_MIN", 3)
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    served.node.record(
        world.sign("ben", limit_order("ben", slot, BUY, 900, 210_000)),
        world.sign("clara", limit_order("clara", slot, BUY, 800, 210_000)),
        world.sign("eva", limit_order("eva", slot, SELL, 700, 230_000)),
    )
    served.catch_up()
    anna = served.browser("anna")
    found = anna.call(f"mine/book/{slot}")[1]
    assert found["bids"] == [{"price_limit_per_kwh": "210000", "quantity_wh": "1700"}]
    assert found["asks"] == [{"price_limit_per_kwh": "230000", "quantity_wh": "700"}]
    # One with more than half of it would be seen.
    served.node.record(world.sign("ben", limit_order("ben", slot, BUY, 9_000, 210_000)))
    served.catch_up()
    assert anna.call(f"mine/book/{slot}")[1]["withheld"]


def test_room_is_what_the_chain_still_takes(served: Served) -> None:
    """One Wh more than the room is refused; what is ordered takes of it."""
    world, slot = served.node.world, served.node.world.slot_ahead(2)
    served.node.record(world.sign("anna", limit_order("anna", slot, SELL, 700, 200_000)))
    served.catch_up()
    anna = served.browser("anna")
    room = anna.call(f"mine/book/{slot}")[1]
    for side, name in ((BUY, "buy_room_wh"), (SELL, "sell_room_wh")):
        wh = int(room[name])
        assert wh > 0
        for more, code in ((0, "0"), (1, "32")):
            order = limit_order("anna", slot, side, wh + more, 200_000)
            said = preview(anna, world.spoil("anna", order))
            assert said["code"] == code, (name, said)
