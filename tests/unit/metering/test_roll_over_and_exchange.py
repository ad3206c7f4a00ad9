"""Registers that start again at zero, meters that are exchanged, and ids that come back."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1 import state_pb2, tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.settling import baseline_of, has_line, line_of, opened, settle
from tests.support.world import World, reading, response

RECORDED = state_pb2.READING_RECORDED
OUT_OF_RANGE = state_pb2.READING_OUT_OF_RANGE
WRONG_SIGNATURE = state_pb2.READING_WRONG_SIGNATURE
REGISTRAR = people.address_text("registrar")
BEN = "meter-ben"
# Of a register with six digits of kWh and three decimals.
SIZE_WH = 1_000_000_000


def nearly_full(shown_wh: int = 999_999_000) -> dict[str, Any]:
    return {f"registry.meters[{BEN}]": {"initial_import_wh": shown_wh}}


def submit(world: World, *readings: state_pb2.Reading) -> list[int]:
    world.block(world.submit(*readings))
    return list(response(world.results[0], tx_pb2.MsgSubmitReadingsResponse).results)


def read_and_settle(world: World, slot: int, shown_wh: int, key: str = BEN) -> int:
    """The energy that is settled for Ben in a slot at whose end his meter shows this."""
    world.block(at=max(world.time_s, world.end_s(slot)))
    assert submit(world, reading(BEN, slot, shown_wh, signed_by=key)) == [RECORDED]
    settle(world, slot)
    return line_of(world, slot, "ben").import_wh if has_line(world, slot, "ben") else 0


def exchange(world: World, final_wh: int, initial_wh: int, key: str = "meter-new") -> int:
    message = tx_pb2.MsgExchangeMeter(
        registrar=REGISTRAR,
        meter_id=BEN,
        pub_key=people.meter_key(key).public_key().public_bytes_raw(),
        final_import_wh=final_wh,
        initial_import_wh=initial_wh,
    )
    world.block(world.sign("registrar", message))
    return world.results[0].code


class TestRollOver:
    def test_a_register_that_starts_again_at_zero_is_settled_like_any_other(self) -> None:
        world, slot = opened(nearly_full())
        shown = [999_999_500, 999_999_990, 310, 600]
        used = [read_and_settle(world, slot + i, wh) for i, wh in enumerate(shown)]
        assert used == [500, 490, 320, 290]

    def test_a_fall_that_is_no_roll_over_is_rejected(self) -> None:
        world, slot = opened(nearly_full(500_000))
        world.block(at=world.end_s(slot))
        for shown_wh in (499_999, 0, SIZE_WH - 1):
            assert submit(world, reading(BEN, slot, shown_wh)) == [OUT_OF_RANGE]
        assert submit(world, reading(BEN, slot, 500_000)) == [RECORDED]

    def test_a_roll_over_stays_within_what_the_connection_carries(self) -> None:
        """10 kW, two slots of an hour each, and 5 %."""
        world, slot = opened(nearly_full(SIZE_WH - 1_000))
        world.block(at=world.end_s(slot))
        assert submit(world, reading(BEN, slot, 20_001)) == [OUT_OF_RANGE]
        assert submit(world, reading(BEN, slot, 20_000)) == [RECORDED]

    def test_a_smaller_register_rolls_over_earlier(self) -> None:
        small = {
            f"registry.meters[{BEN}]": {"initial_import_wh": 999_900, "register_max_wh": 999_999}
        }
        world, slot = opened(small)
        assert read_and_settle(world, slot, 50) == 150

    def test_the_sum_of_two_tariffs_falls_when_one_of_them_rolls_over(self) -> None:
        world, slot = opened(nearly_full(999_999_900 + 5_000_000))
        assert read_and_settle(world, slot, 5_000_200) == 300

    def test_readings_on_both_sides_of_a_roll_over_come_in_any_order(self) -> None:
        changes = nearly_full() | {"metering.params": {"reading_deadline_s": 600}}
        world, slot = opened(changes)
        world.block(at=world.end_s(slot + 1))
        assert submit(world, reading(BEN, slot + 1, 100)) == [RECORDED]
        assert submit(world, reading(BEN, slot, 101)) == [OUT_OF_RANGE]
        assert submit(world, reading(BEN, slot, 999_999_800)) == [RECORDED]
        settle(world, slot + 1)
        assert [line_of(world, number, "ben").import_wh for number in (slot, slot + 1)] == [
            800,
            300,
        ]

    def test_an_estimate_is_corrected_beyond_a_roll_over(self) -> None:
        changes = nearly_full() | {"metering.params": {"estimate_permille": 500}}
        world, slot = opened(changes)
        settle(world, slot)
        assert baseline_of(world, BEN).estimated_wh == 5_250
        assert read_and_settle(world, slot + 1, 5_000) == 750
        assert read_and_settle(world, slot + 2, 5_100) == 100


class TestExchange:
    def test_the_new_meter_continues_where_the_old_one_ended(self) -> None:
        world, slot = opened()
        assert read_and_settle(world, slot, 1_000) == 1_000
        assert exchange(world, final_wh=1_300, initial_wh=70) == 0
        assert read_and_settle(world, slot + 1, 90, key="meter-new") == 320
        assert read_and_settle(world, slot + 2, 100, key="meter-new") == 10

    def test_the_old_key_signs_no_more(self) -> None:
        world, slot = opened()
        assert exchange(world, final_wh=0, initial_wh=0) == 0
        world.block(at=world.end_s(slot))
        assert submit(world, reading(BEN, slot, 100)) == [WRONG_SIGNATURE]
        assert submit(world, reading(BEN, slot, 100, signed_by="meter-new")) == [RECORDED]

    def test_readings_that_wait_for_their_settlement_stay(self) -> None:
        world, slot = opened({"metering.params": {"reading_deadline_s": 300}})
        world.block(at=world.end_s(slot))
        assert submit(world, reading(BEN, slot, 1_000)) == [RECORDED]
        assert exchange(world, final_wh=1_200, initial_wh=500_000) == 0
        assert read_and_settle(world, slot + 1, 500_050, key="meter-new") == 250
        assert line_of(world, slot, "ben").import_wh == 1_000

    def test_a_meter_can_be_exchanged_again_and_roll_over(self) -> None:
        world, slot = opened()
        assert exchange(world, 100, SIZE_WH - 10, "meter-second") == 0
        assert exchange(world, 20, 7, "meter-third") == 0
        assert read_and_settle(world, slot, 8, key="meter-third") == 100 + 30 + 1

    def test_final_registers_far_beyond_64_bits_of_energy_are_rejected(self) -> None:
        world, _ = opened()
        assert exchange(world, 1, 0) == 0
        assert exchange(world, 2**64 - 1, 2**64 - 1, "meter-second") == 5
        assert exchange(world, 1, 2**64 - 1, "meter-second") == 0


class TestIdThatComesBack:
    def test_nothing_of_the_old_meter_is_settled_with_the_new_one(self) -> None:
        world, slot = opened()
        assert read_and_settle(world, slot, 8_000) == 8_000
        assert exchange(world, 8_100, 3) == 0
        world.block(world.remove_meter(BEN, (3, 0)))
        assert add_again(world) == 11
        settle(world, slot + 2)
        assert add_again(world) == 0
        at = world.slot_ahead(0)
        world.block(at=world.end_s(at))
        assert submit(world, reading(BEN, at, 540, signed_by="meter-new")) == [RECORDED]
        settle(world, at)
        assert line_of(world, at, "eva").import_wh == 40
        assert world.short()[f"registry.meters[{BEN}]"]["generation"] == "2"

    def test_not_even_while_the_last_slot_of_the_old_one_is_being_settled(self) -> None:
        """Its owner comes first in the order of settlement, the new one later."""
        one_at_a_time = {"settlement.params": {"accounts_per_block_max": 1}}
        for old, new in (("ben", "eva"), ("eva", "ben")):
            world, slot = opened(one_at_a_time)
            meter_id = f"meter-{old}"
            world.block(world.submit(reading(meter_id, slot, 8_000)), at=world.end_s(slot))
            settle(world, slot)
            world.block(world.remove_meter(meter_id, (8_000, 0)))
            world.block(at=world.deadline_s(slot + 1))
            while not world.short()[f"registry.meters[{meter_id}]"].get("closed"):
                world.block(at=world.time_s + 1)
            assert add_again(world, meter_id, new) == 0
            settle(world, slot + 1)
            assert f"metering.baselines[{meter_id}]" not in world.short()
            later = world.slot_ahead(1)
            world.block(at=world.end_s(later))
            assert submit(world, reading(meter_id, later, 540, signed_by="meter-new")) == [RECORDED]
            settle(world, later)
            assert line_of(world, later, new).import_wh == 40


def act(world: World, kind: str, **fields: Any) -> int:
    message = getattr(registry_tx_pb2, f"Msg{kind}")(registrar=REGISTRAR, **fields)
    world.block(world.sign("registrar", message))
    return world.results[0].code


def add_again(world: World, meter_id: str = BEN, owner: str = "eva") -> int:
    return act(
        world,
        "AddMeter",
        meter_id=meter_id,
        owner=people.address_text(owner),
        bridge=people.address_text("bridge"),
        feeder="south" if owner == "eva" else "north",
        capacity_w=10_000,
        pub_key=people.meter_key("meter-new").public_key().public_bytes_raw(),
        initial_import_wh=500,
    )


@given(
    st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from("rrrsx")), min_size=1, max_size=8),
    st.integers(0, 12_000),
    st.sampled_from([0, 50, 1_000]),
)
@examples(30)
@pytest.mark.slow
def test_what_is_settled_is_what_was_used(
    steps: list[tuple[int, str]], start_wh: int, permille: int
) -> None:
    """Slots with a reading (r), silent ones (s), and exchanges (x), all close to a roll-over."""
    first_wh = SIZE_WH - start_wh
    world, slot = opened(
        nearly_full(first_wh % SIZE_WH) | {"metering.params": {"estimate_permille": permille}}
    )
    shown_wh, used_wh, settled_wh, key = first_wh, 0, 0, BEN
    for number, (step_wh, kind) in enumerate([*steps, (0, "r")], start=slot):
        shown_wh, used_wh = shown_wh + step_wh, used_wh + step_wh
        if kind == "x":
            new_wh, key = SIZE_WH - 1_500 * (number - slot), f"meter-{number}"
            assert exchange(world, shown_wh % SIZE_WH, new_wh % SIZE_WH, key) == 0
            shown_wh = new_wh
        if kind == "s":
            settle(world, number)
            settled_wh += line_of(world, number, "ben").import_wh
        else:
            settled_wh += read_and_settle(world, number, shown_wh % SIZE_WH, key)
            if has_line(world, number, "ben"):
                settled_wh -= line_of(world, number, "ben").export_wh
            assert settled_wh == used_wh
