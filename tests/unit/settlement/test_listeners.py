"""Other modules are told of every settled account once, in batches, with what was metered."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from blockenergy.metering.v1.state_pb2 import QUALITY_CONNECTION

from chain.metering import Apart, Prices, SlotEnergy
from chain.runtime.context import Context
from chain.settlement import listeners
from chain.settlement.listeners import SettledAccount
from chain.settlement.state import LINES
from tests.support.streets.settling import opened, settle
from tests.support.world import reading


class Recorder:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int, list[SettledAccount]]] = []

    def hear(self, ctx: Context, slot: int, settled: Sequence[SettledAccount]) -> None:
        """Keeps a batch with its height and slot."""
        self.batches.append((ctx.block.height, slot, list(settled)))

    def accounts(self, slot: int) -> list[SettledAccount]:
        """All accounts of a slot, in the order in which they came."""
        return [account for _, at, batch in self.batches if at == slot for account in batch]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(listeners, "LISTENERS", (*listeners.LISTENERS, recorder.hear))
    return recorder


def test_every_account_is_announced_once_however_many_blocks_it_takes(recorder: Recorder) -> None:
    world, slot = opened({"settlement.params": {"accounts_per_block_max": 1}})
    world.block(world.buy("ben", slot, 5_000, 240_000), world.sell("anna", slot, 2_000, 100_000))
    readings = reading("meter-ben", slot, 4_000), reading("meter-anna", slot, 0, 2_500)
    world.block(world.submit(*readings), at=world.end_s(slot))
    settle(world, slot)
    accounts = recorder.accounts(slot)
    owners = [account.owner for account in accounts]
    assert owners == sorted(set(owners))
    assert all(len(batch) <= 1 for _, _, batch in recorder.batches)
    kept = dict(LINES.under(slot).items(world.state))
    told = {account.owner: account.line for account in accounts if account.owner in kept}
    assert told == kept
    assert len(kept) >= 2


def test_a_slot_of_one_block_is_one_batch(recorder: Recorder) -> None:
    world, slot = opened()
    settle(world, slot)
    assert [at for _, at, _ in recorder.batches].count(slot) == 1


def test_listeners_see_position_and_meters(recorder: Recorder) -> None:
    world, slot = opened()
    world.block(world.buy("ben", slot, 5_000, 240_000))
    world.block(world.submit(reading("meter-anna", slot, 30, 2_500)), at=world.end_s(slot))
    settle(world, slot)
    accounts = recorder.accounts(slot)
    anna = next(account for account in accounts if account.line.export_wh)
    assert anna.position is None
    assert list(anna.meters) == [SlotEnergy("meter-anna", 30, 2_500, "north")]
    ben = next(account for account in accounts if account.position)
    assert ben.position is not None and ben.position.bought_wh == 5_000
    # A missing reading is estimated apart, and says so; nothing is measured.
    apart = Apart(0, 0, Prices(300_000, 80_000))
    assert list(ben.meters) == [SlotEnergy("meter-ben", 0, 0, "north", QUALITY_CONNECTION, apart)]
