"""The invariants of auctions find a state in which a promise is broken; so does a genesis."""

from __future__ import annotations

from typing import Any

import pytest

from chain.runtime.state.collections import GenesisError
from tests.support import documents
from tests.support.streets.auctions import bid, gate_s
from tests.support.streets.settling import opened
from tests.support.world import World


@pytest.fixture(scope="module")
def halfway() -> tuple[documents.Short, int]:
    """Two of three orders of the first slot are booked, and an order rests in the second one."""
    world, slot = opened({"market.params": {"bookings_per_block_max": 2}})
    names = ("ben", "clara", "eva")
    world.block(
        *[bid(world, name, slot, 100, 300_000) for name in names],
        bid(world, "ben", slot + 1, 50, 200_000, minimum_acceptable_wh=50),
    )
    world.block(at=gate_s(slot))
    return world.short(), slot


def load(short: documents.Short, changes: dict[str, Any]) -> None:
    World.from_document(documents.expand(documents.patch(short, changes)))


def test_as_it_is_nothing_is_broken(halfway: tuple[documents.Short, int]) -> None:
    load(halfway[0], {})


@pytest.mark.parametrize(
    ("path", "change", "found"),
    [
        ("market.slots[{next}]", {"resting_orders": 2}, "resting_orders"),
        ("market.slots[{next}]", {"minimum_quantity_orders": 0}, "resting_orders"),
        ("market.limit_orders[{next}, 4]", {"quantity_wh": 5_000}, "resting_orders"),
        ("market.resting[{next}, ben]", {"orders": 2}, "resting_accounts"),
        ("market.resting[{next}, ben]", {"orders": 2**63 - 1}, "resting_accounts"),
        ("market.resting[{next}, ben]", {"feeder": "south"}, "(one_grid_node|resting_accounts)"),
        ("market.limit_orders[{next}, 4]", {"side": "SIDE_UNSPECIFIED"}, "limit_orders"),
        ("market.limit_orders[{next}, 4]", {"hold_id": 0}, "limit_orders"),
        ("market.limit_orders[{next}, 4]", {"quantity_wh": 0}, "limit_orders"),
        ("market.limit_orders[{next}, 4]", {"quantity_wh": 49}, "limit_orders"),
        ("market.limit_orders[{next}, 4]", {"price_limit_per_kwh": 79_999}, "limit_orders"),
        ("market.limit_orders[{next}, 4]", {"price_limit_per_kwh": 300_001}, "limit_orders"),
        ("market.limit_orders[{next}, 4]", {"full_price_per_kwh": 90_000}, "limit_orders"),
        (
            "market.limit_orders[{next}, 4]",
            {"full_price_per_kwh": 210_000, "minimum_acceptable_wh": 0},
            "limit_orders",
        ),
        ("market.limit_orders[{slot}, 1]", {"price_limit_per_kwh": 2**63 - 1}, "clearings"),
        ("market.resting[{slot}, eva]", None, "resting_accounts"),
        ("market.booking", {"slot": 0}, "gates"),
        ("market.slots[{slot}]", {"status": "SLOT_STATUS_OPEN"}, "limit_orders"),
        ("market.slots[{next}]", {"status": "SLOT_STATUS_CLOSED"}, "gates"),
        ("market.slots[{slot}]", {"bought_wh": 301}, "clearings"),
        ("market.clearings[{slot}]", {"volume_wh": 301}, "clearings"),
        ("market.clearings[{slot}]", {"pool_sold_wh": 299}, "clearings"),
        ("market.limit_orders[{slot}, 1]", {"filled_wh": 99}, "clearings"),
        ("market.limit_orders[{slot}, 3]", {"quantity_wh": 99}, "clearings"),
    ],
)
def test_what_does_not_fit_is_found(
    halfway: tuple[documents.Short, int], path: str, change: Any, found: str
) -> None:
    short, slot = halfway
    with pytest.raises(GenesisError, match=rf"market\.{found}"):
        load(short, {path.format(slot=slot, next=slot + 1): change})
