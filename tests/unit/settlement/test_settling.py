"""Settling through the chain: who pays what, who waits, and that no money is lost (INV-10)."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1.state_pb2 import QUALITY_CONNECTION
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from blockenergy.settlement.v1 import events_pb2

from tests.support.streets import people
from tests.support.streets.settling import (
    has_line,
    is_settled,
    line_of,
    opened,
    result_of,
    settle,
)
from tests.support.world import World, reading

LOW, HIGH = 80_000, 300_000
EVERYBODY = (*people.GRID, *people.HOUSEHOLDS, *people.MODULE_ACCOUNTS)
ONE_AT_A_TIME = {"settlement.params": {"accounts_per_block_max": 1}}


class TestTiming:
    def test_a_slot_is_settled_at_its_reading_deadline_and_not_before(self) -> None:
        world, slot = opened()
        world.block(at=world.deadline_s(slot) - 1)
        assert not is_settled(world, slot)
        world.block(at=world.deadline_s(slot))
        assert is_settled(world, slot)

    def test_no_account_twice_and_no_more_per_block_than_allowed(self) -> None:
        world, slot = opened(ONE_AT_A_TIME)
        world.block(*(world.buy(name, slot, 1_000, HIGH) for name in ("ben", "clara", "eva")))
        world.block(at=world.deadline_s(slot))
        counts = []
        while not is_settled(world, slot):
            lines = [path for path in world.short() if path.startswith("settlement.lines[")]
            counts.append(len(lines))
            world.block(at=world.time_s + 1)
        # One account per block, then one feeder, with the last of which the books are closed.
        assert counts == [1, 2, 3, 4, 5, 5]
        assert result_of(world, slot).parties == 5

    @pytest.mark.parametrize("accounts_per_block", [1, 2, 3, 5, 100])
    def test_the_outcome_does_not_depend_on_the_pace(self, accounts_per_block: int) -> None:
        world, slot = opened({"settlement.params": {"accounts_per_block_max": accounts_per_block}})
        world.block(
            world.buy("ben", slot, 5_000, HIGH),
            world.buy("eva", slot, 4_000, HIGH),
            world.sell("dirk", slot, 9_000, LOW),
        )
        readings = [
            reading("meter-ben", slot, 6_000),
            reading("meter-dirk", slot, 0, 9_500),
            reading("meter-eva", slot, 4_000),
        ]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settle(world, slot)
        balances = {name: world.balance(name) for name in ("ben", "eva", "dirk", "fund")}
        assert balances == {
            "ben": 100_000_000 - 950_000 - 300_000,
            "eva": 100_000_000 - 760_000,
            "dirk": 100_000_000 + 1_710_000 + 40_000,
            "fund": 300_000 - 40_000 - 150_000,
        }

    def test_after_a_halt_all_due_slots_are_settled_one_after_the_other(self) -> None:
        world, slot = opened(ONE_AT_A_TIME)
        world.block(at=world.deadline_s(slot + 4))
        settled = []
        for _ in range(40):
            result = world.block(at=world.time_s + 1)
            settled += [
                event.slot
                for event in result.events
                if isinstance(event, events_pb2.EventSlotSettled)
            ]
        assert settled == [slot, slot + 1, slot + 2, slot + 3, slot + 4]


class TestReadings:
    def test_after_a_halt_energy_is_counted_from_the_slot_settled_last(self) -> None:
        """Slots that were never opened have readings as well, which nobody settles."""
        world, _ = opened(
            {
                "settlement.params": {"history_slots": 1, "accounts_per_block_max": 1},
                "market.params": {"slots_opened_per_block_max": 1},
                "metering.params": {"reading_deadline_s": 120},
            }
        )
        last = int(world.short()["market.last_slot"]) + 1
        never_opened = last + 1
        readings = (
            reading("meter-clara", last, 1_000),
            reading("meter-clara", never_opened, 4_000),
        )
        world.block(world.submit(*readings), at=world.end_s(never_opened))
        world.block(at=world.deadline_s(never_opened) + 60)
        later = int(world.short()["market.last_slot"])
        assert later > never_opened
        assert f"market.slots[{never_opened}]" not in world.short()
        world.block(world.submit(reading("meter-clara", later, 6_000)), at=world.end_s(later))
        settle(world, later)
        assert line_of(world, later, "clara").import_wh == 5_000

    def test_two_meters_of_one_owner_add_up(self) -> None:
        second = {
            "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
            "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
        }  # fmt: skip
        world, slot = opened({"registry.meters[meter-fred]": second})
        world.block(world.buy("ben", slot, 5_000, HIGH))
        readings = [reading("meter-ben", slot, 4_000), reading("meter-fred", slot, 1_500, 500)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.export_wh, line.imbalance_charge) == (5_500, 500, 0)


class TestWhoIsGone:
    def test_a_suspended_participant_is_settled_as_agreed(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(_registrar(world, "SuspendParticipant", address=people.address_text("ben")))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 5_000)), at=at)
        settle(world, slot)
        assert world.balance("ben") == 100_000_000 - 977_500

    def test_a_suspended_meter_is_settled_as_silent(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(_registrar(world, "SuspendMeter", meter_id="meter-ben"))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 9_000)), at=at)
        settle(world, slot)
        assert line_of(world, slot, "ben").quality == QUALITY_CONNECTION

    def test_what_a_meter_has_read_before_it_was_removed_is_settled(self) -> None:
        world, slot = opened()
        world.block(world.sell("dirk", slot, 5_000, LOW))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 5_000)), at=at)
        world.block(world.remove_meter("meter-dirk", (0, 5_000)))
        settle(world, slot)
        line = line_of(world, slot, "dirk")
        assert (line.export_wh, line.imbalance_charge) == (5_000, 0)
        settle(world, slot + 1)
        assert world.short()["registry.meters[meter-dirk]"]["closed"] is True
        assert not has_line(world, slot + 1, "dirk")

    @pytest.mark.parametrize(("early_s", "estimated"), [(1, False), (0, True)])
    def test_a_meter_counts_for_the_slots_that_it_has_seen_to_their_end(
        self, early_s: int, estimated: bool
    ) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(at=world.end_s(slot) - early_s)
        world.block(world.remove_meter("meter-ben"))
        settle(world, slot)
        assert bool(line_of(world, slot, "ben").quality) == estimated

    def test_a_position_without_a_meter_is_settled_as_not_used(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(world.remove_meter("meter-ben"))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.imbalance_credit, line.quality) == (0, 400_000, 0)


class TestHistory:
    def test_old_slots_are_forgotten_with_all_that_belongs_to_them(self) -> None:
        world, slot = opened({"settlement.params": {"history_slots": 2, "pruned_per_block_max": 1}})
        at = world.end_s(slot)
        world.block(
            world.submit(reading("meter-ben", slot, 100), reading("meter-ben", slot, 99)), at=at
        )
        world.run_until(world.deadline_s(slot + 2))
        assert any(f"[{slot}" in path for path in world.short())
        for _ in range(20):
            world.block()
        # Only the root over its lines stays, for ever.
        root = f"settlement.line_roots[{slot}]"
        assert [path for path in world.short() if f"[{slot}" in path] == [root]
        kept = {f"settlement.results[{number}]" for number in (slot + 1, slot + 2)}
        assert kept <= world.short().keys()

    def test_readings_of_slots_that_never_opened_are_forgotten_too(self) -> None:
        world, slot = opened({"settlement.params": {"history_slots": 1}})
        never_opened = slot - 1
        world.block(
            world.submit(reading("meter-ben", never_opened, 100)), at=world.end_s(never_opened)
        )
        assert f"metering.readings[{never_opened}, meter-ben]" in world.short()
        world.run_until(world.deadline_s(slot + 1))
        assert f"metering.readings[{never_opened}, meter-ben]" not in world.short()

    def test_a_conflict_goes_before_its_reading(self) -> None:
        """A piece at a time, without an invariant ever being broken in between."""
        world, slot = opened({"settlement.params": {"history_slots": 1, "pruned_per_block_max": 1}})
        readings = [reading("meter-ben", slot, shown_wh) for shown_wh in (100, 99, 98)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        conflict, recorded = (
            f"metering.{kind}[{slot}, meter-ben]" for kind in ("conflicts", "readings")
        )
        assert world.short()[conflict]["count"] == "2"
        world.run_until(world.deadline_s(slot + 1))
        assert conflict not in world.short()
        assert recorded in world.short()
        world.block()
        assert recorded not in world.short()


def _registrar(world: World, kind: str, **fields: Any) -> bytes:
    message = getattr(registry_tx_pb2, f"Msg{kind}")
    return world.sign("registrar", message(registrar=people.address_text("registrar"), **fields))
