"""Readings: which are accepted, and how far a register can have advanced per slot."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1 import state_pb2, tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from chain.metering import reading_sign_bytes, rules
from tests.support.streets import people
from tests.support.world import World, reading, response

RECORDED = state_pb2.READING_RECORDED
AGAIN = state_pb2.READING_ALREADY_RECORDED
CONFLICT = state_pb2.READING_CONFLICT
OUT_OF_RANGE = state_pb2.READING_OUT_OF_RANGE
TOO_EARLY = state_pb2.READING_TOO_EARLY
TOO_LATE = state_pb2.READING_TOO_LATE
# A connection of 10 kW, a slot that stands for an hour, 5 % tolerance.
MOST_WH = 10_500
LONG_DEADLINE = {"metering.params": {"reading_deadline_s": 600}}


def submit(world: World, *readings: state_pb2.Reading, at: int | None = None) -> list[int]:
    """Submits readings in one message; returns their results."""
    world.block(world.submit(*readings), at=at)
    return list(response(world.results[0], tx_pb2.MsgSubmitReadingsResponse).results)


def started(changes: dict[str, Any] | None = None) -> tuple[World, int]:
    """A street, and its first slot that is still to come."""
    world = World(changes)
    world.block()
    return world, world.slot_ahead(1)


class TestWhen:
    def test_from_the_end_of_the_slot_until_the_deadline(self) -> None:
        world, slot = started()
        early = reading("meter-ben", slot, 100)
        assert submit(world, early, at=world.end_s(slot) - 1) == [TOO_EARLY]
        assert submit(world, early, at=world.end_s(slot)) == [RECORDED]
        late = reading("meter-clara", slot, 100)
        assert submit(world, late, at=world.deadline_s(slot) - 1) == [RECORDED]
        too_late = reading("meter-eva", slot, 100)
        assert submit(world, too_late, at=world.deadline_s(slot)) == [TOO_LATE]

    def test_a_recorded_reading_sent_again_is_a_success_however_late(self) -> None:
        world, slot = started()
        good = reading("meter-ben", slot, 100)
        assert submit(world, good, at=world.end_s(slot)) == [RECORDED]
        assert submit(world, good, at=world.deadline_s(slot) + 60) == [AGAIN]

    def test_a_slot_of_the_far_future_is_too_early(self) -> None:
        world, _ = started()
        assert submit(world, reading("meter-ben", 2**64 - 1, 100)) == [TOO_EARLY]

    def test_readings_of_one_message_are_seen_by_those_behind_them(self) -> None:
        world, slot = started()
        both = [reading("meter-ben", slot, 100), reading("meter-ben", slot, 100)]
        assert submit(world, *both, at=world.end_s(slot)) == [RECORDED, AGAIN]


class TestConflicts:
    def test_the_first_reading_stands_and_others_are_counted(self) -> None:
        world, slot = started()
        readings = [reading("meter-ben", slot, wh) for wh in (100, 200, 300, 200)]
        results = submit(world, *readings, at=world.end_s(slot))
        assert results == [RECORDED, CONFLICT, CONFLICT, CONFLICT]
        short = world.short()
        assert short[f"metering.readings[{slot}, meter-ben]"] == {"import_wh": "100"}
        noted = short[f"metering.conflicts[{slot}, meter-ben]"]
        assert noted == {"registers": {"import_wh": "200"}, "count": "3"}

    def test_nobody_without_the_meters_key_can_make_a_conflict(self) -> None:
        world, slot = started()
        forged = reading("meter-ben", slot, 200, signed_by="meter-eva")
        results = submit(world, reading("meter-ben", slot, 100), forged, at=world.end_s(slot))
        assert results == [RECORDED, state_pb2.READING_WRONG_SIGNATURE]
        assert not [path for path in world.short() if path.startswith("metering.conflicts[")]


class TestRange:
    def test_a_meter_counts_from_the_slot_in_which_it_was_added(self) -> None:
        """Slot 0 of the street and the next one: two slots at full load."""
        world, slot = started()
        at = world.end_s(slot)
        assert submit(world, reading("meter-ben", slot, 2 * MOST_WH + 1), at=at) == [OUT_OF_RANGE]
        assert submit(world, reading("meter-ben", slot, 2 * MOST_WH)) == [RECORDED]

    def test_import_and_export_share_the_connection(self) -> None:
        world, slot = started()
        at = world.end_s(slot)
        too_much = reading("meter-ben", slot, MOST_WH, MOST_WH + 1)
        assert submit(world, too_much, at=at) == [OUT_OF_RANGE]
        assert submit(world, reading("meter-ben", slot, MOST_WH, MOST_WH)) == [RECORDED]

    def test_after_a_reading_one_slot_at_full_load_is_the_most(self) -> None:
        world, slot = started()
        assert submit(world, reading("meter-ben", slot, 500), at=world.end_s(slot)) == [RECORDED]
        at = world.end_s(slot + 1)
        too_much = reading("meter-ben", slot + 1, 501 + MOST_WH)
        assert submit(world, too_much, at=at) == [OUT_OF_RANGE]
        assert submit(world, reading("meter-ben", slot + 1, 500 + MOST_WH)) == [RECORDED]

    def test_a_register_never_runs_backwards(self) -> None:
        world, slot = started()
        assert submit(world, reading("meter-ben", slot, 500), at=world.end_s(slot)) == [RECORDED]
        at = world.end_s(slot + 1)
        assert submit(world, reading("meter-ben", slot + 1, 499), at=at) == [OUT_OF_RANGE]
        assert submit(world, reading("meter-ben", slot + 1, 500)) == [RECORDED]

    def test_after_missing_slots_each_counts(self) -> None:
        world, slot = started()
        assert submit(world, reading("meter-ben", slot, 0), at=world.end_s(slot)) == [RECORDED]
        world.run_until(world.end_s(slot + 3))
        over = reading("meter-ben", slot + 3, 3 * MOST_WH + 1)
        assert submit(world, over) == [OUT_OF_RANGE]
        assert submit(world, reading("meter-ben", slot + 3, 3 * MOST_WH)) == [RECORDED]

    def test_a_reading_that_comes_late_has_to_fit_the_next_one_too(self) -> None:
        world, slot = started(LONG_DEADLINE)
        world.block(at=world.end_s(slot + 1))
        assert submit(world, reading("meter-ben", slot + 1, 5_000)) == [RECORDED]
        assert submit(world, reading("meter-ben", slot, 5_001)) == [OUT_OF_RANGE]
        assert submit(world, reading("meter-ben", slot, 5_000)) == [RECORDED]

    def test_registers_beyond_63_bits_are_out_of_range(self) -> None:
        world, slot = started()
        assert submit(world, reading("meter-ben", slot, 2**63), at=world.end_s(slot)) == [
            OUT_OF_RANGE
        ]

    def test_a_slot_before_the_meter_was_added_is_out_of_range(self) -> None:
        world, slot = started(LONG_DEADLINE)
        world.block(at=world.end_s(slot))
        add = registry_tx_pb2.MsgAddMeter(
            registrar=people.address_text("registrar"),
            meter_id="meter-fred",
            owner=people.address_text("eva"),
            bridge=people.address_text("bridge"),
            feeder="south",
            capacity_w=10_000,
            pub_key=people.meter_key("meter-fred").public_key().public_bytes_raw(),
        )
        world.block(world.sign("registrar", add))
        for shown_wh in (0, 10):
            assert submit(world, reading("meter-fred", slot, shown_wh)) == [OUT_OF_RANGE]


class TestSignature:
    @pytest.mark.parametrize(
        "change",
        [
            {"meter_id": "meter-eva"},
            {"slot": 8},
            {"import_register_wh": 8},
            {"export_register_wh": 8},
        ],
    )
    def test_it_covers_every_field(self, change: dict[str, Any]) -> None:
        signed = state_pb2.Reading(
            meter_id="meter-ben", slot=7, import_register_wh=1, export_register_wh=2
        )
        changed = state_pb2.Reading()
        changed.CopyFrom(signed)
        for name, value in change.items():
            setattr(changed, name, value)
        assert reading_sign_bytes("street-1", signed) != reading_sign_bytes("street-1", changed)

    def test_it_covers_the_chain(self) -> None:
        content = state_pb2.Reading(meter_id="meter-ben", slot=7)
        assert reading_sign_bytes("street-1", content) != reading_sign_bytes("street-2", content)

    def test_it_does_not_cover_itself(self) -> None:
        content = state_pb2.Reading(meter_id="meter-ben", slot=7)
        before = reading_sign_bytes("street-1", content)
        content.signature = bytes(64)
        assert reading_sign_bytes("street-1", content) == before

    def test_golden_bytes(self) -> None:
        """What meters in the field sign can never change."""
        content = state_pb2.Reading(
            meter_id="meter-ben", slot=30_000_001, import_register_wh=5_500, export_register_wh=1
        )
        assert reading_sign_bytes("street-1", content).hex() == (
            "626c6f636b656e657267792f72656164696e672f7631"
            "4b7710fde116c19eb7caa91963df90ed630afedfb133dc5067332e8846881ffb"
            "0a096d657465722d62656e"
            "108187a70e"
            "18fc2a"
            "2001"
        )

    @pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65)])
    def test_what_is_no_signature_is_rejected(self, signature: bytes) -> None:
        world, slot = started()
        bad = reading("meter-ben", slot, 100)
        bad.signature = signature
        results = submit(world, bad, at=world.end_s(slot))
        assert results == [state_pb2.READING_WRONG_SIGNATURE]


class TestArithmetic:
    def test_the_most_that_can_flow_is_rounded_up(self) -> None:
        assert rules.compute_energy_max_wh(1, 1, 900, 0) == 1
        assert rules.compute_energy_max_wh(17_000, 1, 900, 50) == 4_463

    def test_silence_counts_for_a_century_at_the_most(self) -> None:
        century = rules.compute_energy_max_wh(1, 1_000_000, 3_600, 0)
        assert century == 1_000_000
        assert rules.compute_energy_max_wh(1, 10**12, 900, 0) == century

    @pytest.mark.parametrize(
        ("before_wh", "after_wh", "step_wh"),
        [(0, 0, 0), (0, 499, 499), (0, 500, -500), (999, 0, 1), (0, 999, -1), (700, 1_199, 499)],
    )
    def test_a_register_moves_on_the_shorter_way_around(
        self, before_wh: int, after_wh: int, step_wh: int
    ) -> None:
        assert rules.compute_step(before_wh, after_wh, 1_000) == step_wh
