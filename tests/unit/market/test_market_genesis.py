"""What a genesis document says about the market: wrong ones are rejected, with the place."""

from __future__ import annotations

from typing import Any

import pytest

from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support import documents
from tests.support.streets.auctions import bid
from tests.support.streets.grid_market import GridMarket
from tests.support.streets.settling import opened
from tests.support.world import World

HIGH = 300_000
PARAMS = "market.params"
# What is changed in the street, and what the rejection has to say.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({PARAMS: {"grid_account": "fred"}}, "market.params.grid_account: not a participant"),
    ({PARAMS: {"grid_account": None}}, "market"),
    ({PARAMS: {"price_rule_permille": 1_001}}, "market.params.price_rule_permille: 0 to 1000"),
    ({PARAMS: {"resting_orders_max": 0}}, "market.params.resting_orders_max: 1 to 50000"),
    ({PARAMS: {"resting_orders_max": 50_001}}, "market.params.resting_orders_max"),
    ({PARAMS: {"resting_orders_per_owner_max": 0}}, "market.params.resting_orders_per_owner_max"),
    ({PARAMS: {"minimum_quantity_orders_max": 0}}, "market.params.minimum_quantity_orders_max"),
    ({PARAMS: {"minimum_quantity_orders_max": 1_001}}, "market.params.minimum_quantity_orders_max"),
    ({PARAMS: {"bookings_per_block_max": 0}}, "market.params.bookings_per_block_max"),
    ({PARAMS: {"curtailed_positions_max": 0}}, "market.params.curtailed_positions_max"),
    ({"market.last_cleared": 7}, "market.last_cleared: after last_slot"),
    ({"market.booking": {"slot": 7}}, "market.booking: its slot is not being cleared"),
    ({"market.flows[7, nowhere]": {"import_wh": 1}}, "market: there is no feeder nowhere"),
    ({"market.offers[7, dirk]": {"hold_id": 1}}, "market.offers 7: the slot is not on record"),
    (
        {"market.limit_orders[7, 1]": {"owner": "ben"}},
        "market.limit_orders 7, 1: no number that was given",
    ),
    (
        {"market.limit_orders[7, 1]": {"owner": "ben", "hold_id": 1}, "market.last_order_id": 1},
        "market.limit_orders 7, 1: the slot is not on record",
    ),
]


@pytest.mark.parametrize(("changes", "says"), WRONG)
def test_a_wrong_value_is_rejected(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(GenesisError) as caught:
        World(changes)
    assert says in str(caught.value)


def test_the_largest_values_are_taken() -> None:
    largest = {
        "price_rule_permille": 1_000, "resting_orders_max": 50_000,
        "resting_orders_per_owner_max": 50_000, "minimum_quantity_orders_max": 1_000,
        "bookings_per_block_max": 1_000_000, "curtailed_positions_max": 1_000,
        "imbalance_collateral_permille": 1_000,
    }  # fmt: skip
    World({PARAMS: largest}).block()


def traded() -> tuple[World, int]:
    """A street where Ben has bought and Anna has sold 1 kWh on north, with a fee."""
    world, slot = opened({"registry.feeders[north]": {"grid_fee_per_kwh": 5_000}})
    world.block(world.buy("ben", slot, 1_000, HIGH), world.sell("anna", slot, 700, 80_000))
    return world, slot


# What is changed in that street's own document, and the promise that it breaks.
BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("market.positions[{}, ben]", {"buy_collateral": 30_001}, "market.secured"),
    ("market.positions[{}, ben]", {"sell_collateral": 1}, "market.secured"),
    ("market.positions[{}, ben]", {"hold_id": 2}, "market.secured"),
    ("market.positions[{}, ben]", {"bought_wh": 1_001}, "market.slot_sums"),
    ("market.positions[{}, ben]", {"grid_fees": 6_000}, "market.slot_sums"),
    ("market.positions[{}, ben]", {"feeder": "south"}, "market.flows"),
    ("market.flows[{}, north]", {"import_wh": 299}, "market.flows"),
    ("market.slots[{}]", {"pending_wh": 1}, "market.no_orders_left"),
    ("market.slots[{}]", {"congestion_rent": 10**6}, "market.solvency"),
    ("market.slots[{}]", {"grid_fees": 10**6}, "market.solvency"),
]


@pytest.mark.parametrize(("path", "changes", "says"), BROKEN)
def test_a_broken_promise_is_rejected(path: str, changes: dict[str, Any], says: str) -> None:
    world, slot = traded()
    short = documents.patch(world.short(), {path.format(slot): changes})
    with pytest.raises(GenesisError) as caught:
        app.init_chain(documents.expand(short))
    assert says in str(caught.value)


def test_an_account_cannot_be_at_two_places() -> None:
    grid = GridMarket()
    world, slot = grid.world, grid.world.slot_ahead(1)
    world.block(grid.offer("dirk", slot, 100_000, 1_000), bid(world, "anna", slot, 1, HIGH))
    world.block(world.sell("dirk", slot, 10, 80_000))
    moved = documents.patch(world.short(), {f"market.offers[{slot}, dirk]": {"feeder": "north"}})
    with pytest.raises(GenesisError, match=r"market\.one_grid_node"):
        app.init_chain(documents.expand(moved))


def test_what_was_traded_comes_back() -> None:
    world, _ = traded()
    document = app.export(world.store)
    assert World.from_document(document).store.data == world.store.data
