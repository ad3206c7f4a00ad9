"""A genesis document from the middle of a booking: what does not fit together is rejected."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support.streets.auctions import ask, bid, gate_s
from tests.support.streets.settling import opened
from tests.support.world import World

Document = dict[str, Any]


def make_document() -> Document:
    """The export of a street that has booked two of four limit orders."""
    world, slot = opened({"market.params": {"bookings_per_block_max": 2}})
    world.block(
        bid(world, "ben", slot, 100, 250_000),
        bid(world, "clara", slot, 200, 240_000),
        ask(world, "dirk", slot, 150, 100_000),
        ask(world, "eva", slot, 50, 110_000),
    )
    assert not any(result.code for result in world.results)
    world.block(at=gate_s(slot))
    document = app.export(world.store)
    assert document["market"]["booking"]["booked"] == "2"
    return document


DOCUMENT = make_document()


def set_booking(**fields: str) -> Callable[[Document], None]:
    return lambda document: document["market"]["booking"].update(fields)


def drop_clearings(document: Document) -> None:
    document["market"]["clearings"] = []


def give_holds_a_deadline(document: Document) -> None:
    for hold in document["bank"]["holds"]:
        hold["value"]["deadline_s"] = "1900000000"


def share_a_hold(document: Document) -> None:
    """One order is secured by the hold of another."""
    mine = [entry["value"] for entry in document["market"]["limit_orders"][-2:]]
    mine[1]["hold_id"] = mine[0]["hold_id"]


def add_a_line(document: Document) -> None:
    owner = document["market"]["positions"][0]["key"][1]
    document["settlement"]["lines"].append({"key": ["7", owner], "value": {"quality": 2}})


WRONG = [
    (set_booking(booked="1"), "market.bookings"),
    (set_booking(booked="4"), "market.bookings"),
    (set_booking(order_id="1"), "market.bookings"),
    (drop_clearings, "market.clearings"),
    (give_holds_a_deadline, "market.resting_orders"),
    (give_holds_a_deadline, "market.secured"),
    (share_a_hold, "market.own_holds"),
    (add_a_line, "settlement.line_sums: slot 7 has lines and no result"),
]


def test_the_export_is_taken_and_the_booking_goes_on() -> None:
    world = World.from_document(DOCUMENT)
    assert world.store.data
    assert app.export(world.store) == DOCUMENT


@pytest.mark.parametrize(("change", "place"), WRONG, ids=range(len(WRONG)))
def test_what_does_not_fit_together_is_rejected(
    change: Callable[[Document], None], place: str
) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(GenesisError) as caught:
        app.init_chain(document)
    assert place in str(caught.value)
