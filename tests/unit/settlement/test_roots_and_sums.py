"""The root over the lines of a slot, and what is announced of its feeders."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from blockenergy.settlement.v1.events_pb2 import EventFeedersSettled, EventSlotSettled
from blockenergy.settlement.v1.state_pb2 import FeederSum

from chain.light import compute_merkle_root
from chain.runtime.trees.simple import compute_entry_hash, compute_root
from chain.settlement import make_line_key, write_line
from chain.settlement.slot import feeder_sums
from chain.settlement.state import LINES
from tests.support.streets.settling import is_settled, opened
from tests.support.world import World, reading

# Yard, with Ben, is below north, with Anna.
YARD: dict[str, Any] = {
    "registry.feeders[yard]": {"parent": "north", "capacity_w": 10_000_000},
    "registry.meters[meter-ben]": {"feeder": "yard"},
}


def settle_one(accounts_per_block: int) -> tuple[World, int, list[Any]]:
    """A slot that is traded, measured and settled, with the events of its settlement."""
    changes = {"settlement.params": {"accounts_per_block_max": accounts_per_block}}
    world, slot = opened(YARD | changes)
    world.block(world.buy("ben", slot, 5_000, 240_000), world.sell("anna", slot, 2_000, 100_000))
    shown = [("anna", 0, 2_500), ("ben", 4_000, 0), ("clara", 1_000, 0)]
    readings = [reading(f"meter-{name}", slot, *registers) for name, *registers in shown]
    world.block(world.submit(*readings), at=world.end_s(slot))
    events, at = [], world.deadline_s(slot)
    while not is_settled(world, slot):
        events += world.block(at=at).events
        at = world.time_s + 1
    return world, slot, events


@pytest.mark.parametrize("accounts_per_block", [1, 2, 100])
def test_the_root_is_over_the_lines_however_many_blocks_they_take(accounts_per_block: int) -> None:
    world, slot, events = settle_one(accounts_per_block)
    entries = [
        (make_line_key(slot, owner), write_line(line))
        for owner, line in LINES.under(slot).items(world.state)
    ]
    [root] = [
        event.lines_root
        for event in events
        if isinstance(event, EventSlotSettled) and event.slot == slot
    ]
    assert len(entries) > 3
    assert root == compute_root([compute_entry_hash(*entry) for entry in entries])
    assert world.short()[f"settlement.line_roots[{slot}]"] == root.hex()
    # The trees of CometBFT are the same.
    written = [b"\x1d" + key + b"\x20" + sha256(value).digest() for key, value in entries]
    assert root == compute_merkle_root(written)


@pytest.mark.parametrize(("accounts_per_block", "per_event"), [(1, 100), (2, 1), (100, 100)])
def test_sums_of_feeders_hold_those_below(
    monkeypatch: pytest.MonkeyPatch, accounts_per_block: int, per_event: int
) -> None:
    monkeypatch.setattr(feeder_sums, "FEEDERS_PER_EVENT", per_event)
    world, slot, events = settle_one(accounts_per_block)
    told = [
        event for event in events if isinstance(event, EventFeedersSettled) and event.slot == slot
    ]
    assert all(0 < len(event.feeders) <= per_event for event in told)
    listed = [(one.feeder, one.sum) for event in told for one in event.feeders]
    sums = dict(listed)
    assert len(sums) == len(listed)
    assert sums["yard"] == FeederSum(
        accounts=1, meters=1, bought_wh=5_000, import_wh=4_000, largest_wh=4_000
    )
    assert sums["north"] == FeederSum(
        accounts=2, meters=2, bought_wh=5_000, sold_wh=2_000, import_wh=4_000, export_wh=2_500,
        largest_wh=4_000,
    )  # fmt: skip
    south = sums["south"]
    assert (south.import_wh, south.export_wh, south.meters) == (1_000, 0, south.accounts)
    assert south.estimated_accounts == south.accounts - 1
    assert not [path for path in world.short() if path.startswith("settlement.feeder_sums")]
