"""Meters without readings: silence never pays, whatever its owner buys, uses or sells meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY
from blockenergy.metering.v1 import events_pb2
from blockenergy.metering.v1.state_pb2 import (
    QUALITY_CONNECTION,
    QUALITY_CORRECTED,
    QUALITY_MEASURED,
    QUALITY_PROFILE,
)
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples
from tests.support.rejections import rejections
from tests.support.streets import people
from tests.support.streets.settling import baseline_of, has_line, line_of, opened, settle
from tests.support.streets.storing import Storing
from tests.support.world import World, reading

LOW, HIGH = 80_000, 300_000
# What Ben's connection of 10 kW carries in a slot that stands for an hour.
MOST_WH = 10_500
STRICT = {"metering.params": {"estimate_permille": 1_000}}
BEN = "meter-ben"


def run(
    world: World, first: int, uses: list[int], silent: set[int], start: tuple[int, int] = (0, 0)
) -> None:
    """Settles slots in which Ben uses energy (negative: feeds in), read at their ends or silent."""
    shown = list(start)
    for number, used_wh in enumerate(uses):
        slot = first + number
        shown[used_wh < 0] += abs(used_wh)
        world.block(at=max(world.time_s, world.end_s(slot)))
        if number not in silent:
            world.block(world.submit(reading(BEN, slot, *shown)))
        settle(world, slot)


def play(
    orders: dict[int, int], uses: list[int], silent: set[int], changes: dict[str, Any] | None = None
) -> int:
    """What Ben has at the end who bought (negative: sold) energy for slots and then used it."""
    world, first = opened(STRICT | LARGE | (changes or {}))
    for number, wh in orders.items():
        trade = world.buy("ben", first + number, wh, HIGH) if wh > 0 else None
        world.block(trade or world.sell("ben", first + number, -wh, LOW))
    run(world, first, uses, silent)
    owed = sum(
        int(amount) for path, amount in world.short().items() if path.startswith("bank.arrears[ben")
    )
    return world.balance("ben") - owed


# Longer deadlines and horizon, and a line of few Wh: what is bought costs little or much.
LARGE: dict[str, Any] = {
    "market.params": {"depth_max_wh": 5_000},
    "registry.participants[ben]": {"roles": ["ROLE_PROSUMER"]},
}


class TestAttacks:
    """Ben uses 2 kWh in each of four slots, or nothing; in the others he pays what others pay."""

    def test_bank_what_was_bought_for_a_silent_slot_is_not_used_in_another(self) -> None:
        """Bought in a slot in which nothing is used, used in those after it."""
        honest = play({}, [0, 2_000, 2_000, 2_000], set())
        assert play({0: 6_000}, [0, 2_000, 2_000, 2_000], {0}) < honest
        assert play({0: 6_000}, [0, 2_000, 2_000, 2_000], {0, 1, 2}) < honest

    def test_shift_what_was_used_in_silence_is_not_covered_by_the_slot_of_the_reading(self) -> None:
        honest = play({3: 2_000}, [2_000] * 4, set())
        assert play({3: 8_000}, [2_000] * 4, {0, 1, 2}) < honest

    def test_never_who_stays_silent_pays_for_all_that_the_connection_carries(self) -> None:
        honest = play({}, [MOST_WH] * 4, set())
        assert play({}, [MOST_WH] * 4, {0, 1, 2, 3}) == honest
        assert play({}, [2_000] * 4, {0, 1, 2, 3}) == honest

    def test_a_seller_does_not_move_its_production_into_a_slot_in_which_it_sold(self) -> None:
        honest = play({3: -2_000}, [-2_000] * 4, set())
        assert play({3: -8_000}, [-2_000] * 4, {0, 1, 2}) < honest

    def test_what_was_estimated_too_high_comes_back_at_the_lowest_price(self) -> None:
        world, slot = opened(STRICT)
        run(world, slot, [500, 500], {0})
        first, second = (line_of(world, number, "ben") for number in (slot, slot + 1))
        assert (first.quality, first.import_wh) == (QUALITY_CONNECTION, MOST_WH)
        assert first.charged == MOST_WH * HIGH // 1_000
        assert (second.quality, second.import_wh) == (QUALITY_CORRECTED, 0)
        assert second.apart_export_wh == MOST_WH - 1_000
        assert second.credited == (MOST_WH - 1_000) * LOW // 1_000

    def test_an_estimate_is_not_a_battery_for_the_slots_after_it(self) -> None:
        """What was bought and estimated too high does not make later energy free."""
        world, slot = opened(STRICT)
        run(world, slot, [0, 0, 3_000, 3_000], {0})
        lines = [line_of(world, slot + number, "ben") for number in (2, 3)]
        assert [line.charged for line in lines] == [900_000, 900_000]
        assert [line.quality for line in lines] == [QUALITY_MEASURED] * 2

    def test_nor_for_a_real_one(self) -> None:
        """Nothing is stored, and nothing drawn, but what the meter has shown."""
        storing = Storing(changes=STRICT)
        world, slot = storing.world, storing.world.slot_ahead(1)
        settle(world, slot)
        battery = storing.battery
        assert (battery.state_of_charge_wh, battery.charged_wh) == (5_000, 0)
        assert battery.settled_slot == slot
        world.block(storing.meter(slot + 1, 2_000, 900), at=storing.end_of(slot + 1))
        settle(world, slot + 1)
        battery = storing.battery
        assert (battery.charged_wh, battery.discharged_wh) == (2_000, 900)
        assert battery.state_of_charge_wh == 5_000 + 1_800 - 1_000


class TestEstimates:
    def test_the_day_before_then_the_slot_before_then_the_connection(self) -> None:
        """A day of four slots."""
        changes = {
            "metering.params": {"estimate_permille": 1_000, "represented_duration_s": 21_600}
        }
        world, slot = opened(changes)
        run(world, slot, [100, 700, 200, 300, 400, 0, 0, 0], {5, 6, 7})
        found = [line_of(world, slot + number, "ben") for number in (5, 6, 7)]
        assert [line.import_wh for line in found] == [700, 200, 300]
        assert {line.quality for line in found} == {QUALITY_PROFILE}

        world, slot = opened(changes)
        run(world, slot, [100, 700, 0], {2})
        assert line_of(world, slot + 2, "ben").import_wh == 700

        world, slot = opened(changes)
        run(world, slot, [100, 0], {1})
        line = line_of(world, slot + 1, "ben")
        assert (line.import_wh, line.quality) == (63_000, QUALITY_CONNECTION)

    def test_a_meter_used_nothing_before_it_was_added(self) -> None:
        """The slot before is settled when it is there already."""
        world, first = opened()
        world.block(at=world.end_s(first))
        message = registry_tx_pb2.MsgAddMeter(
            registrar=people.address_text("registrar"),
            meter_id="meter-new",
            owner=people.address_text("ben"),
            bridge=people.address_text("bridge"),
            feeder="south",
            capacity_w=10_000,
            pub_key=people.meter_key_bytes("meter-new"),
        )
        world.block(world.sign("registrar", message), world.submit(reading(BEN, first, 0, 0)))
        settle(world, first)
        assert not has_line(world, first, "ben")

    def test_after_too_long_a_silence_no_profile_counts(self) -> None:
        changes = {"metering.params": {"estimate_permille": 1_000, "silent_slots_max": 2}}
        world, slot = opened(changes)
        run(world, slot, [100, 300, 300, 300, 300], {2, 3, 4})
        found = [line_of(world, slot + number, "ben").import_wh for number in (2, 3, 4)]
        assert found == [300, 300, MOST_WH]

    def test_a_share_of_the_connection(self) -> None:
        world, slot = opened({"metering.params": {"estimate_permille": 1}})
        settle(world, slot)
        assert line_of(world, slot, "ben").import_wh == 11

    def test_the_reading_after_it_is_counted_from_the_last_one(self) -> None:
        world, slot = opened(STRICT)
        run(world, slot, [100, 300, 300, 200, 50], {2})
        corrected, after = (line_of(world, slot + number, "ben") for number in (3, 4))
        # 500 Wh since the last reading, of which 300 were estimated.
        assert (corrected.import_wh, corrected.apart_import_wh) == (200, 200)
        assert after.import_wh == 50
        assert f"metering.baselines[{BEN}]" not in world.short()

    def test_a_reading_that_runs_backwards_over_a_gap_is_worth_nothing(self) -> None:
        """It was there first, so that nothing contradicted it; fed in twice, it would pay twice."""
        world, slot = opened(
            {"metering.params": {"estimate_permille": 1_000, "reading_deadline_s": 600}}
        )
        at = world.end_s(slot + 3)
        world.block(world.submit(reading(BEN, slot + 2, 0, 500)), at=at)
        world.block(world.submit(reading(BEN, slot, 0, 1_000), reading(BEN, slot + 3, 0, 1_000)))
        settle(world, slot + 3)
        lines = [line_of(world, slot + number, "ben") for number in range(4)]
        assert [line.quality for line in lines][1:] == [
            QUALITY_CONNECTION,
            QUALITY_CONNECTION,
            QUALITY_CORRECTED,
        ]
        assert sum(line.export_wh - line.import_wh for line in lines) == 1_000

    def test_another_meter_of_the_owner_is_measured_as_ever(self) -> None:
        second = {
            "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
            "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
        }  # fmt: skip
        world, slot = opened({"registry.meters[meter-fred]": second, **STRICT})
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(world.submit(reading("meter-fred", slot, 4_500)), at=world.end_s(slot))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.apart_import_wh) == (4_500 + MOST_WH, MOST_WH)
        assert line.imbalance_credit == 500 * LOW // 1_000
        assert line.imbalance_charge == MOST_WH * HIGH // 1_000


SHORT = {"metering.params": {"silent_slots_max": 2, "estimate_permille": 0}}


class TestReported:
    def test_a_silent_meter_is_reported_and_its_owner_trades_no_more(self) -> None:
        world, slot = opened(SHORT)
        settle(world, slot)
        world.block(world.buy("ben", slot + 4, 100, HIGH))
        assert world.results[0].code == 0
        result = world.block(at=world.deadline_s(slot + 1))
        reported = [e for e in result.events if isinstance(e, events_pb2.EventMeterSilent)]
        assert (BEN, slot + 1, 2) in [(e.meter_id, e.slot, e.silent_slots) for e in reported]
        target = world.slot_ahead(3)
        owner = people.address_text("ben")
        limit = market_tx_pb2.MsgPlaceLimitOrder(
            owner=owner, side=SIDE_BUY, slot=target, quantity_wh=100, price_limit_per_kwh=HIGH
        )
        offer = market_tx_pb2.MsgBuyOffer(
            buyer=owner,
            slot=target,
            seller=people.address_text("dirk"),
            quantity_wh=100,
            price_limit_per_kwh=HIGH,
        )
        world.block(
            world.buy("ben", target, 100, HIGH), world.sign("ben", limit), world.sign("ben", offer)
        )
        assert rejections(world) == ["METER_SILENT"] * 3
        # What it has can be given back.
        world.block(world.cancel("ben", slot + 4, True, 100, LOW))
        assert world.results[0].code == 0

    def test_it_trades_again_when_a_reading_is_settled(self) -> None:
        world, slot = opened(SHORT)
        run(world, slot, [0, 0, 900], {0, 1})
        assert not has_line(world, slot + 1, "ben") or line_of(world, slot + 1, "ben").quality
        assert line_of(world, slot + 2, "ben").import_wh == 900
        world.block(world.buy("ben", world.slot_ahead(3), 100, HIGH))
        assert world.results[0].code == 0

    def test_nobody_buys_from_a_silent_seller(self) -> None:
        world, slot = opened(SHORT)
        settle(world, slot)
        target = slot + 5
        offer = market_tx_pb2.MsgSetOffer(
            seller=people.address_text("dirk"), slot=target, available_wh=500, price_per_kwh=LOW
        )
        world.block(world.sign("dirk", offer))
        assert world.results[0].code == 0
        world.block(world.submit(reading(BEN, slot + 1)), at=world.end_s(slot + 1))
        settle(world, slot + 1)
        purchase = market_tx_pb2.MsgBuyOffer(
            buyer=people.address_text("ben"),
            slot=target,
            seller=people.address_text("dirk"),
            quantity_wh=100,
            price_limit_per_kwh=HIGH,
        )
        world.block(world.sign("ben", purchase))
        assert rejections(world) == ["METER_SILENT"]


def test_the_baseline_says_how_long_and_how_much() -> None:
    world, slot = opened(STRICT)
    run(world, slot, [100, 0, 0], {1, 2})
    found = baseline_of(world, BEN)
    assert (found.slot, found.import_wh, found.silent_slots) == (slot, 100, 2)
    assert found.estimated_wh == 2 * MOST_WH
    assert (found.price_high_per_kwh, found.price_low_per_kwh) == (HIGH, LOW)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 3_000, 9_000, -3_000, -9_000]),
            st.sampled_from([0, 400, 5_000, 10_000, -5_000]),
        ),
        min_size=4,
        max_size=4,
    ),
    st.sets(st.integers(0, 3), min_size=1),
    st.sampled_from([0, 100, 1_000]),
)
@examples(25)
@pytest.mark.slow
def test_silence_never_pays(slots: list[tuple[int, int]], silent: set[int], permille: int) -> None:
    """Whatever is traded and used, once a reading has come; without one, if the estimate is all
    that the connection carries.
    """
    orders = {number: order for number, (order, _) in enumerate(slots) if order}
    uses = [use for _, use in slots]
    changes = {"metering.params": {"estimate_permille": permille}}
    if permille < 1_000:
        uses, silent = [*uses, 0], silent - {4}
    assert play(orders, uses, silent, changes) <= play(orders, uses, set(), changes)
