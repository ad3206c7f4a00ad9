"""Nobody can hold back what a meter has signed, and nothing is unbilled when a meter goes."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1 import state_pb2, tx_pb2
from blockenergy.metering.v1.state_pb2 import QUALITY_CORRECTED, QUALITY_MEASURED
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from tests.support.rejections import rejections
from tests.support.streets import people
from tests.support.streets.settling import has_line, line_of, opened, settle
from tests.support.world import World, reading, response

LOW, HIGH = 80_000, 300_000
RECORDED = state_pb2.READING_RECORDED
AGAIN = state_pb2.READING_ALREADY_RECORDED
BEN, DIRK = "meter-ben", "meter-dirk"
SECOND_BRIDGE = {"registry.participants[auditor]": {"roles": ["ROLE_BRIDGE"]}}
LONG = {"metering.params": {"reading_deadline_s": 300}}


def bring(world: World, sender: str, *readings: state_pb2.Reading, at: int | None = None) -> Any:
    world.block(world.bring(sender, *readings), at=at)
    return list(response(world.results[0], tx_pb2.MsgBringReadingsResponse).results)


def submit(world: World, bridge: str, *readings: state_pb2.Reading) -> Any:
    world.block(world.submit(*readings, bridge=bridge))
    return list(response(world.results[0], tx_pb2.MsgSubmitReadingsResponse).results)


def change_bridge(world: World, sender: str, meter_id: str, bridge: str) -> bytes:
    message = registry_tx_pb2.MsgChangeBridge(
        sender=people.address_text(sender), meter_id=meter_id, bridge=people.address_text(bridge)
    )
    return world.sign(sender, message)


def exchange(world: World, final_wh: int, initial_wh: int, key: str) -> None:
    message = tx_pb2.MsgExchangeMeter(
        registrar=people.address_text("registrar"),
        meter_id=BEN,
        pub_key=people.meter_key(key).public_key().public_bytes_raw(),
        final_import_wh=final_wh,
        initial_import_wh=initial_wh,
    )
    world.block(world.sign("registrar", message))
    assert rejections(world) == [""]


class TestWithheld:
    def test_a_seller_whose_bridge_is_silent_brings_its_reading_itself(self) -> None:
        world, slot = opened()
        world.block(world.sell("dirk", slot, 10_000, LOW))
        shown = reading(DIRK, slot, 0, 10_000)
        assert bring(world, "dirk", shown, at=world.end_s(slot)) == [RECORDED]
        settle(world, slot)
        line = line_of(world, slot, "dirk")
        assert (line.imbalance_charge, line.quality) == (0, QUALITY_MEASURED)
        assert world.balance("dirk") == 100_000_000 + line.revenue

    def test_whoever_holds_it_and_the_bridge_too_but_once(self) -> None:
        world, slot = opened()
        shown = reading(BEN, slot, 500)
        assert bring(world, "eva", shown, at=world.end_s(slot)) == [RECORDED]
        assert bring(world, "ben", shown) == [AGAIN]
        assert submit(world, "bridge", shown) == [AGAIN]
        settle(world, slot)
        assert line_of(world, slot, "ben").import_wh == 500

    def test_a_reading_that_the_meter_has_not_signed_is_nobodys(self) -> None:
        world, slot = opened()
        made_up = reading(BEN, slot, 1, signed_by="meter-eva")
        wrong = [state_pb2.READING_WRONG_SIGNATURE]
        assert bring(world, "ben", made_up, at=world.end_s(slot)) == wrong


class TestChangeOfBridge:
    def test_no_reading_is_lost_or_counted_twice(self) -> None:
        """The old bridge still has two readings in its spool, the new one gets the last again."""
        world, slot = opened(SECOND_BRIDGE | LONG)
        old = [reading(BEN, slot, 500), reading(BEN, slot + 1, 900)]
        world.block(at=world.end_s(slot + 1))
        world.block(change_bridge(world, "ben", BEN, "auditor"))
        assert rejections(world) == [""]
        assert submit(world, "auditor", old[1]) == [RECORDED]
        assert submit(world, "bridge", *old) == [RECORDED, AGAIN]
        settle(world, slot + 1)
        assert [line_of(world, slot + n, "ben").import_wh for n in (0, 1)] == [500, 400]

    def test_only_owner_and_registrar_move_a_meter(self) -> None:
        world, _ = opened(SECOND_BRIDGE)
        world.block(change_bridge(world, "eva", BEN, "auditor"))
        assert rejections(world) == ["NOT_YOUR_METER"]
        world.block(change_bridge(world, "registrar", BEN, "auditor"))
        assert rejections(world) == [""]


class TestFinalReading:
    def test_what_was_used_in_mid_slot_is_billed(self) -> None:
        world, slot = opened()
        world.block(world.submit(reading(BEN, slot, 1_000)), at=world.end_s(slot))
        world.block(world.remove_meter(BEN, (10_000, 0)), at=world.end_s(slot) + 30)
        assert rejections(world) == [""]
        settle(world, slot + 1)
        line = line_of(world, slot + 1, "ben")
        assert (line.import_wh, line.charged) == (9_000, 9_000 * HIGH // 1_000)
        assert world.short()[f"registry.meters[{BEN}]"]["closed"] is True
        settle(world, slot + 2)
        assert not has_line(world, slot + 2, "ben")

    def test_what_was_delivered_in_mid_slot_counts_for_what_was_sold(self) -> None:
        world, slot = opened()
        world.block(world.sell("dirk", slot + 1, 4_000, LOW))
        world.block(world.submit(reading(DIRK, slot, 0, 50)), at=world.end_s(slot))
        world.block(world.remove_meter(DIRK, (0, 4_050)), at=world.end_s(slot) + 30)
        settle(world, slot + 1)
        assert line_of(world, slot + 1, "dirk").imbalance_charge == 0

    def test_readings_of_ended_slots_come_after_the_removal_too(self) -> None:
        world, slot = opened(LONG)
        world.block(world.remove_meter(BEN, (1_500, 0)), at=world.end_s(slot) + 30)
        assert submit(world, "bridge", reading(BEN, slot, 1_501)) == [
            state_pb2.READING_OUT_OF_RANGE
        ]
        assert submit(world, "bridge", reading(BEN, slot, 1_000)) == [RECORDED]
        world.block(at=world.end_s(slot + 1))
        assert submit(world, "bridge", reading(BEN, slot + 1, 1_600)) == [
            state_pb2.READING_METER_NOT_ACTIVE
        ]
        settle(world, slot + 1)
        assert [line_of(world, slot + n, "ben").import_wh for n in (0, 1)] == [1_000, 500]

    def test_a_silent_meter_that_goes_is_corrected(self) -> None:
        world, slot = opened({"metering.params": {"estimate_permille": 100}})
        settle(world, slot)
        world.block(world.remove_meter(BEN, (9_000, 0)))
        at = world.slot_ahead(0)
        settle(world, at)
        lines = [line_of(world, number, "ben") for number in range(slot, at + 1)]
        assert lines[-1].quality == QUALITY_CORRECTED
        assert sum(line.import_wh - line.export_wh for line in lines) == 9_000
        assert f"metering.baselines[{BEN}]" not in world.short()

    @pytest.mark.parametrize("final_wh", [0, 40_000])
    def test_registers_that_cannot_be_are_rejected(self, final_wh: int) -> None:
        world, slot = opened()
        world.block(world.submit(reading(BEN, slot, 1_000)), at=world.end_s(slot))
        world.block(world.remove_meter(BEN, (final_wh, 0)))
        assert rejections(world) == ["REGISTERS_OUT_OF_RANGE"]

    def test_a_slot_that_was_never_opened_is_settled_with_the_next_one(self) -> None:
        """Removed in the slot in which the chain begins, which nobody trades."""
        world = World()
        world.block(world.remove_meter(BEN, (700, 0)))
        slot = world.slot_ahead(1)
        settle(world, slot)
        assert line_of(world, slot, "ben").import_wh == 700


class TestReturn:
    def test_a_removed_meter_comes_back_as_it_is(self) -> None:
        """The same device under the same id, with what it has counted elsewhere meanwhile."""
        world, slot = opened()
        world.block(world.submit(reading(BEN, slot, 1_000)), at=world.end_s(slot))
        old = reading(BEN, slot + 1, 1_400)
        world.block(world.remove_meter(BEN, (1_200, 0)), at=world.end_s(slot) + 30)
        settle(world, slot + 1)
        add = registry_tx_pb2.MsgAddMeter(
            registrar=people.address_text("registrar"),
            meter_id=BEN,
            owner=people.address_text("eva"),
            bridge=people.address_text("bridge"),
            feeder="south",
            capacity_w=10_000,
            pub_key=people.meter_key(BEN).public_key().public_bytes_raw(),
            initial_import_wh=5_000,
        )
        world.block(world.sign("registrar", add))
        assert rejections(world) == [""]
        assert world.short()[f"registry.meters[{BEN}]"]["generation"] == "1"
        at = world.slot_ahead(0)
        world.block(at=world.end_s(at))
        # What it signed before it came back is of no use to anybody.
        assert submit(world, "bridge", old)[0] != RECORDED
        assert submit(world, "bridge", reading(BEN, at, 5_300)) == [RECORDED]
        settle(world, at)
        assert line_of(world, at, "eva").import_wh == 300
        assert not has_line(world, at, "ben")

    def test_the_old_device_of_an_exchange_still_reads_the_slots_that_had_ended(self) -> None:
        world, slot = opened(LONG)
        world.block(at=world.end_s(slot) + 10)
        exchange(world, 1_200, 70, "meter-new")
        as_new = reading(BEN, slot, 1_000, signed_by="meter-new")
        assert submit(world, "bridge", as_new) == [state_pb2.READING_WRONG_SIGNATURE]
        assert submit(world, "bridge", reading(BEN, slot, 1_000)) == [RECORDED]
        world.block(at=world.end_s(slot + 1))
        assert submit(world, "bridge", reading(BEN, slot + 1, 1_300)) == [
            state_pb2.READING_WRONG_SIGNATURE
        ]
        shown = reading(BEN, slot + 1, 100, signed_by="meter-new")
        assert submit(world, "bridge", shown) == [RECORDED]
        settle(world, slot + 1)
        lines = [line_of(world, slot + number, "ben") for number in (0, 1)]
        assert [line.import_wh for line in lines] == [1_000, 230]
        assert [line.quality for line in lines] == [QUALITY_MEASURED] * 2
