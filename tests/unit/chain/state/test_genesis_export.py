"""Export writes the genesis document of a chain that goes on as if nothing had happened."""

from __future__ import annotations

import json

from chain import app
from tests.support.world import World, reading


def busy_street() -> World:
    """A street in the middle of everything: holds, positions, a half-settled slot, arrears."""
    world = World(
        {
            "settlement.params": {"accounts_per_block_max": 2},
            "bank.arrears[fred, ueur]": 500_000,
            "settlement.owed_by_fund[5, ben]": 7,
        }
    )
    world.block()
    slot = world.slot_ahead(1)
    world.block(world.buy("ben", slot, 5_000, 300_000), world.sell("dirk", slot, 3_000, 80_000))
    world.block(world.buy("eva", slot + 2, 1_000, 300_000), at=world.end_s(slot))
    readings = [reading("meter-ben", slot, 5_500), reading("meter-ben", slot, 5_400)]
    world.block(world.submit(*readings))
    world.block(at=world.deadline_s(slot))
    assert world.short()["settlement.progress"]["stage"] == "STAGE_LINES"
    return world


class TestExport:
    def test_export_and_load_are_opposites(self) -> None:
        world = busy_street()
        document = app.export(world.store)
        again = World.from_document(document)
        assert again.store.data == world.store.data
        assert app.export(again.store) == document

    def test_a_document_survives_its_way_through_a_file(self) -> None:
        document = app.export(busy_street().store)
        assert json.loads(json.dumps(document, indent=2)) == document

    def test_the_chain_goes_on_as_if_nothing_had_happened(self) -> None:
        world = busy_street()
        again = World.from_document(app.export(world.store))
        again.height, again.time_s = world.height, world.time_s
        for step in range(1, 200, 7):
            txs = [world.send("anna", "clara", step)]
            at = world.time_s + step
            results = [street.block(*txs, at=at) for street in (world, again)]
            assert results[0].changes == results[1].changes
            assert results[0].events == results[1].events
        assert again.store.data == world.store.data

    def test_the_order_of_entries_in_a_document_does_not_matter(self) -> None:
        document = app.export(busy_street().store)
        turned = {
            module: {
                name: content[::-1] if isinstance(content, list) else content
                for name, content in reversed(collections.items())
            }
            for module, collections in reversed(document.items())
        }
        assert app.init_chain(turned) == app.init_chain(document)
