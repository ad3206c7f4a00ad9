"""Batteries that cannot be are rejected at genesis with their place; all others come back."""

from __future__ import annotations

from typing import Any

import pytest

from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support import documents
from tests.support.streets import people
from tests.support.streets.storing import BATTERY, OWNER
from tests.support.world import World

NAME = people.address_text("battery")
BATTERIES = f"storage.batteries {NAME}"


def stored(fields: dict[str, Any]) -> dict[str, Any]:
    return {**OWNER, "storage.batteries[battery]": {**BATTERY, **fields}}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"storage.params": {"capacity_max_wh": 0}}, "storage.params.capacity_max_wh"),
        ({"storage.params": {"capacity_max_wh": 2**50 + 1}}, "storage.params.capacity_max_wh"),
        ({"storage.params": {"power_max_w": 0}}, "storage.params.power_max_w"),
        ({"storage.params": {"power_max_w": 2**40 + 1}}, "storage.params.power_max_w"),
        (stored({"capacity_wh": 0, "state_of_charge_wh": 0}), f"{BATTERIES}: the capacity"),
        (stored({"capacity_wh": 2**50 + 1}), f"{BATTERIES}: the capacity"),
        (stored({"power_w": 0}), f"{BATTERIES}: the power"),
        (stored({"power_w": 2**40 + 1}), f"{BATTERIES}: the power"),
        (stored({"charge_efficiency_permille": 0}), f"{BATTERIES}: an efficiency"),
        (stored({"discharge_efficiency_permille": 1_001}), f"{BATTERIES}: an efficiency"),
        (stored({"state_of_charge_wh": 10_001}), f"storage.state_of_charge: {NAME}"),
        (stored({"charged_wh": 5, "rejected_charge_wh": 6}), f"storage.state_of_charge: {NAME}"),
        # It held max 10 kWh at first, 5 kWh are; nine tenths of the rest arrive.
        (stored({"discharged_wh": 4_501}), f"storage.state_of_charge: {NAME}: more was discharged"),
        ({"storage.batteries[fred]": BATTERY}, "storage.owners"),
        ({"storage.batteries[ben]": {"nonsense": 1}}, "storage.batteries"),
    ],
    ids=lambda value: "",
)
def test_a_wrong_value_is_rejected_with_its_place(changes: dict[str, Any], place: str) -> None:
    short = documents.complete(documents.patch(documents.street(), changes))
    with pytest.raises(GenesisError) as caught:
        app.init_chain(documents.expand(short))
    assert place in str(caught.value)


def test_the_most_that_can_have_come_out_is_taken() -> None:
    world = World(stored({"discharged_wh": 4_500}))
    assert not app.check_invariants(world.store)


def test_what_is_exported_comes_back() -> None:
    world = World(stored({"charged_wh": 77, "rejected_charge_wh": 7, "last_order_height": 3}))
    document = app.export(world.store)
    assert app.export(World.from_document(document).store) == document
