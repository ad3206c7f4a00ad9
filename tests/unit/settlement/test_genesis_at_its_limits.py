"""The largest numbers that a genesis may have: the chain goes on and settles with them."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1.state_pb2 import QUALITY_CONNECTION

from tests.support import documents
from tests.support.streets.settling import arrears_of, line_of, opened, result_of, settle
from tests.support.world import World

# Worth almost 2^62 at the 300,000 per kWh that are the highest price on the street, and the 450,000
# that are its highest carbon charge.
LARGEST_READING_WH = (2**62 * 1000) // 750_000


def settle_with(changes: dict[str, Any], slot: int, world: World) -> World:
    """Settles a slot of a world that begins where another one has got, with some changes."""
    again = World.from_document(documents.expand(documents.patch(world.short(), changes)))
    again.height, again.time_s = world.height, world.time_s
    settle(again, slot)
    return again


def test_the_largest_reading_is_charged() -> None:
    world, slot = opened()
    reading = {
        f"metering.readings[{slot}, meter-ben]": {"import_wh": LARGEST_READING_WH},
        "registry.meters[meter-ben]": {"register_max_wh": 2**62 - 1},
    }
    again = settle_with(reading, slot, world)
    charge = line_of(again, slot, "ben").imbalance_charge
    assert charge == LARGEST_READING_WH * 300_000 // 1000
    assert result_of(again, slot).import_wh == LARGEST_READING_WH
    assert arrears_of(again)["ben"] > 2**60


def test_arrears_that_are_the_most_can_become_more() -> None:
    world, slot = opened({"bank.balances[ben, ueur]": None})
    changes: dict[str, Any] = {
        f"metering.readings[{slot}, meter-ben]": {"import_wh": LARGEST_READING_WH},
        "registry.meters[meter-ben]": {"register_max_wh": 2**62 - 1},
        "bank.arrears[ben, ueur]": 2**62,
    }
    again = settle_with(changes, slot, world)
    assert 2**62 + 2**60 < arrears_of(again)["ben"] < 2**63


@pytest.mark.parametrize(
    "changes",
    [
        {"registry.meters[meter-ben]": {"initial_import_wh": 2**62 - 1}},
        {
            "metering.baselines[meter-ben]": {
                "estimated_wh": LARGEST_READING_WH, "silent_slots": 1,
                "price_high_per_kwh": 300_000, "price_low_per_kwh": 80_000,
            }
        },
    ],
    ids=["meter", "baseline"],
)  # fmt: skip
def test_a_silent_meter_with_the_largest_register_is_settled_by_estimate(
    changes: dict[str, Any],
) -> None:
    world, slot = opened({"metering.params": {"estimate_permille": 1_000}})
    again = settle_with(changes, slot, world)
    line = line_of(again, slot, "ben")
    assert (line.import_wh, line.quality) == (10_500, QUALITY_CONNECTION)


def test_the_largest_estimate_comes_back() -> None:
    world, slot = opened()
    changes: dict[str, Any] = {
        "metering.baselines[meter-ben]": {
            "estimated_wh": LARGEST_READING_WH, "silent_slots": 1,
            "price_high_per_kwh": 300_000, "price_low_per_kwh": 80_000,
        },
        f"metering.readings[{slot}, meter-ben]": {},
    }  # fmt: skip
    again = settle_with(changes, slot, world)
    assert line_of(again, slot, "ben").apart_export_wh == LARGEST_READING_WH
