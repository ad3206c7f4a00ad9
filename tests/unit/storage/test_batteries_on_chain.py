"""Batteries on the chain: orders are limited by what will be in them, meters say what is."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY
from blockenergy.storage.v1 import events_pb2, tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples
from tests.support.rejections import rejections
from tests.support.streets import people, settling
from tests.support.streets.storing import HIGH, LOW, Storing

EMPTY = {"state_of_charge_wh": 0}
# The feeder carries 2 kWh in a slot.
NARROW = {"registry.feeders[north]": {"capacity_w": 2_000}}


def energies(storing: Storing) -> list[int]:
    return [entry.state_of_charge_wh for entry in storing.projection.values()]


class TestOrders:
    def test_what_is_charged_is_there_afterwards_less_the_loss(self) -> None:
        storing = Storing()
        storing.world.block(storing.charge(storing.world.slot_ahead(2), 2_000))
        assert energies(storing) == [5_000, 6_800, 6_800, 6_800, 6_800]

    def test_a_battery_cannot_be_overfilled_by_a_later_charge_in_an_earlier_slot(self) -> None:
        storing = Storing({"state_of_charge_wh": 8_000})
        near, far = storing.world.slot_ahead(1), storing.world.slot_ahead(3)
        storing.world.block(storing.charge(far, 2_000))
        storing.world.block(storing.charge(near, 500))
        assert rejections(storing.world) == ["CHARGE_TOO_LARGE"]
        # 1800 of 2000 Wh of room are taken: 223 Wh leave 200 in the battery, 224 one more.
        storing.world.block(storing.charge(near, 224))
        assert rejections(storing.world) == ["CHARGE_TOO_LARGE"]
        storing.world.block(storing.charge(near, 223))
        assert rejections(storing.world) == [""]
        assert max(energies(storing)) == 10_000

    def test_what_is_sold_later_is_not_there_to_be_sold_earlier(self) -> None:
        storing = Storing({"state_of_charge_wh": 2_000})
        near, far = storing.world.slot_ahead(1), storing.world.slot_ahead(3)
        storing.world.block(storing.discharge(far, 1_500))
        storing.world.block(storing.discharge(near, 300))
        # 1667 Wh are spoken for, and 300 Wh take 334.
        assert rejections(storing.world) == ["DISCHARGE_TOO_LARGE"]
        storing.world.block(storing.discharge(near, 299))
        assert rejections(storing.world) == [""]
        assert energies(storing)[-1] == 0

    def test_what_is_bought_for_an_earlier_slot_can_be_sold_in_a_later_one_only(self) -> None:
        storing = Storing(EMPTY)
        world = storing.world
        near, middle, far = (world.slot_ahead(ahead) for ahead in (1, 2, 3))
        world.block(storing.charge(middle, 2_000))
        world.block(storing.discharge(near, 1_000))
        assert rejections(storing.world) == ["DISCHARGE_TOO_LARGE"]
        world.block(storing.discharge(far, 1_620))
        assert rejections(storing.world) == [""]

    def test_a_plan_can_be_taken_back_by_trading_the_other_way_in_the_same_slot(self) -> None:
        storing = Storing(EMPTY)
        slot = storing.world.slot_ahead(1)
        storing.world.block(storing.charge(slot, 2_000))
        storing.world.block(storing.discharge(slot, 2_000))
        assert rejections(storing.world) == [""]
        assert energies(storing) == [0, 0, 0, 0, 0]

    def test_the_power_limits_what_a_slot_comes_to(self) -> None:
        storing = Storing(EMPTY)
        slot = storing.world.slot_ahead(1)
        storing.world.block(storing.charge(slot, 5_001))
        assert rejections(storing.world) == ["POWER_TOO_LARGE"]
        storing.world.block(storing.charge(slot, 3_000))
        storing.world.block(storing.charge(slot, 2_001))
        assert rejections(storing.world) == ["POWER_TOO_LARGE"]
        storing.world.block(storing.charge(slot, 2_000))
        assert rejections(storing.world) == [""]

    def test_one_order_per_block_even_in_one_transaction(self) -> None:
        storing = Storing()
        world = storing.world
        world.block(
            storing.charge(world.slot_ahead(1), 100), storing.discharge(world.slot_ahead(2), 100)
        )
        assert rejections(storing.world) == ["", "ONE_ORDER_PER_BLOCK"]
        legs = [
            tx_pb2.MsgCharge(
                owner=people.address_text("battery"),
                slot=world.slot_ahead(ahead),
                quantity_wh=100,
                price_limit_per_kwh=HIGH,
            )
            for ahead in (1, 2)
        ]
        world.block(world.sign("battery", *legs))
        assert rejections(storing.world) == ["ONE_ORDER_PER_BLOCK"]
        # Nothing of the rejected transaction stayed, so the turn of that block was still free.
        assert energies(storing)[-1] == 5_090

    def test_an_order_that_lapses_leaves_the_plan_as_it_was(self) -> None:
        storing = Storing(EMPTY)
        storing.world.block(storing.charge(storing.world.slot_ahead(1), 1_000, LOW))
        assert rejections(storing.world) == [""]
        assert energies(storing) == [0, 0, 0, 0, 0]

    def test_an_order_that_the_feeder_cuts_counts_as_far_as_it_was_executed(self) -> None:
        storing = Storing(EMPTY, NARROW)
        storing.world.block(storing.charge(storing.world.slot_ahead(1), 3_000))
        assert storing.projection[storing.world.slot_ahead(1)].charge_wh == 2_000
        assert energies(storing)[0] == 1_800

    def test_the_plan_goes_over_the_gap_that_a_halt_of_the_chain_leaves(self) -> None:
        storing = Storing(
            {"state_of_charge_wh": 9_000}, {"settlement.params": {"accounts_per_block_max": 1}}
        )
        world, slot = storing.world, storing.world.slot_ahead(5)
        world.block(storing.charge(slot, 1_000))
        world.block(at=world.time_s + 60 * 100)
        later = world.slot_ahead(2)
        assert (
            storing.projection[slot].state_of_charge_wh
            == storing.projection[later].state_of_charge_wh
            == 9_900
        )
        assert later - slot > len(storing.projection)
        world.block(storing.charge(later, 113))
        assert rejections(world) == ["CHARGE_TOO_LARGE"]
        world.block(storing.charge(later, 112))
        assert rejections(world) == [""]

    def test_a_curtailment_changes_the_plan(self) -> None:
        storing = Storing(EMPTY)
        world, slot = storing.world, storing.world.slot_ahead(1)
        world.block(storing.shift((slot, 2_000), (slot + 2, 1_620)))
        curtail = market_tx_pb2.MsgCurtail(
            distributor=people.address_text("distributor"),
            slot=slot,
            feeder="north",
            side=SIDE_BUY,
            share_permille=500,
            reason="The line is being repaired.",
        )
        world.block(world.sign("distributor", curtail), at=slot * 60 - 20)
        # 900 Wh will be in it, and 810 of the 1620 Wh that are sold will arrive.
        assert [storing.projection[slot + ahead].state_of_charge_wh for ahead in (0, 1, 2)] == [
            900,
            900,
            0,
        ]
        world.block(storing.charge(slot + 1, 1_000))
        assert rejections(world) == [""]
        for ahead in (0, 1):
            world.block(storing.meter(slot + ahead, 1_000), at=storing.end_of(slot + ahead))
        world.block(storing.meter(slot + 2, 0, 1_620), at=storing.end_of(slot + 2))
        settling.settle(world, slot + 2)
        assert storing.battery.state_of_charge_wh == storing.battery.rejected_discharge_wh == 0


class TestShifts:
    def test_what_is_sold_counts_on_what_is_bought(self) -> None:
        storing = Storing(EMPTY)
        world = storing.world
        near, far = world.slot_ahead(1), world.slot_ahead(4)
        world.block(storing.shift((near, 2_000), (far, 1_620)))
        assert rejections(storing.world) == [""]
        assert energies(storing) == [1_800, 1_800, 1_800, 0, 0]

    def test_more_than_the_losses_leave_cannot_be_sold(self) -> None:
        storing = Storing(EMPTY)
        near, far = storing.world.slot_ahead(1), storing.world.slot_ahead(4)
        storing.world.block(storing.shift((near, 2_000), (far, 1_621)))
        assert rejections(storing.world) == ["DISCHARGE_TOO_LARGE"]

    @pytest.mark.parametrize("limits", [(LOW, LOW), (HIGH, HIGH)])
    def test_if_one_leg_lapses_so_does_the_other(self, limits: tuple[int, int]) -> None:
        storing = Storing(EMPTY)
        world = storing.world
        balance = world.balance("battery")
        world.block(
            storing.shift((world.slot_ahead(1), 2_000), (world.slot_ahead(2), 1_000), limits)
        )
        assert rejections(storing.world) == [""]
        assert energies(storing) == [0, 0, 0, 0, 0]
        assert world.balance("battery") == balance

    def test_a_leg_that_a_feeder_would_cut_lapses_and_the_other_with_it(self) -> None:
        storing = Storing(EMPTY, NARROW)
        world = storing.world
        world.block(storing.shift((world.slot_ahead(1), 2_001), (world.slot_ahead(2), 1_000)))
        assert energies(storing) == [0, 0, 0, 0, 0]
        world.block(storing.shift((world.slot_ahead(1), 2_000), (world.slot_ahead(2), 1_000)))
        assert energies(storing)[:2] == [1_800, 688]


class TestMetering:
    def test_what_is_metered_as_planned_ends_where_it_was_projected(self) -> None:
        storing = Storing()
        world, slot = storing.world, storing.world.slot_ahead(1)
        world.block(storing.charge(slot, 2_003))
        expected = storing.projection[slot].state_of_charge_wh
        world.block(storing.meter(slot, 2_003), at=storing.end_of(slot))
        settling.settle(world, slot)
        assert storing.battery.state_of_charge_wh == expected == 6_802
        assert storing.battery.settled_slot == slot

    def test_what_was_not_charged_cannot_be_discharged(self) -> None:
        storing = Storing({"state_of_charge_wh": 100})
        world, slot = storing.world, storing.world.slot_ahead(1)
        world.block(storing.shift((slot, 2_000), (slot + 1, 1_700)))
        world.block(storing.meter(slot), at=storing.end_of(slot))
        settling.settle(world, slot)
        assert storing.battery.state_of_charge_wh == 100
        # The meter claims that the battery gave what was sold.
        result = world.block_unchecked(storing.meter(slot + 1, 0, 1_700), at=world.time_s)
        assert result.tx_results[0].code == 0
        settling.settle(world, slot + 1)
        battery = storing.battery
        assert (battery.state_of_charge_wh, battery.discharged_wh) == (0, 1_700)
        assert battery.rejected_discharge_wh == 1_610

    def test_an_empty_battery_takes_orders_that_make_it_no_worse(self) -> None:
        storing = Storing({"state_of_charge_wh": 100})
        world, slot = storing.world, storing.world.slot_ahead(1)
        world.block(storing.shift((slot, 2_000), (slot + 4, 1_700)))
        world.block(storing.meter(slot), at=storing.end_of(slot))
        settling.settle(world, slot)
        # 90 Wh of the 1700 can be delivered. What is charged before them makes up for it.
        assert storing.projection[slot + 4].state_of_charge_wh == 0
        world.block(storing.discharge(slot + 3, 1), storing.charge(slot + 3, 1))
        assert rejections(storing.world) == ["DISCHARGE_TOO_LARGE", ""]
        world.block(storing.charge(slot + 3, 1_999))
        assert rejections(storing.world) == [""]
        assert storing.projection[slot + 4].state_of_charge_wh == 11

    def test_what_does_not_fit_is_rejected_and_counted(self) -> None:
        storing = Storing({"state_of_charge_wh": 9_000})
        world, slot = storing.world, storing.world.slot_ahead(1)
        world.block(storing.meter(slot, 3_000), at=storing.end_of(slot))
        settling.settle(world, slot)
        battery = storing.battery
        assert battery.state_of_charge_wh == 10_000
        # 1112 Wh would have put 1000.8 Wh into 1000 Wh of room: that is 1000.
        assert (battery.charged_wh, battery.rejected_charge_wh) == (3_000, 1_888)

    def test_every_slot_in_which_something_flowed_is_announced(self) -> None:
        storing = Storing()
        world, slot = storing.world, storing.world.slot_ahead(1)
        world.block(storing.meter(slot, 1_000, 90), at=storing.end_of(slot))
        world.block(at=world.deadline_s(slot) - 1)
        events = world.block(at=world.deadline_s(slot)).events
        tracked = [event for event in events if isinstance(event, events_pb2.EventBatteryTracked)]
        assert tracked == [
            events_pb2.EventBatteryTracked(
                owner=people.address_text("battery"),
                slot=slot,
                charged_wh=1_000,
                discharged_wh=90,
                state_of_charge_wh=5_800,
            )
        ]

    def test_a_battery_counts_from_the_slot_in_which_it_was_registered(self) -> None:
        storing = Storing(changes={"storage.batteries[battery]": None})
        world = storing.world
        before, slot = world.slot_ahead(1), world.slot_ahead(2)
        world.block(storing.meter(before, 500), at=storing.end_of(before))
        message = tx_pb2.MsgAddBattery(
            registrar=people.address_text("registrar"),
            owner=people.address_text("battery"),
            capacity_wh=10_000,
            power_w=5_000,
            charge_efficiency_permille=1_000,
            discharge_efficiency_permille=1_000,
            state_of_charge_wh=500,
        )
        world.block(world.sign("registrar", message))
        world.block(storing.meter(slot, 7), at=storing.end_of(slot))
        settling.settle(world, before)
        assert storing.battery.state_of_charge_wh == 500
        settling.settle(world, slot)
        assert storing.battery.state_of_charge_wh == 507

    def test_a_battery_without_a_meter_is_projected_over_slots_to_come_only(self) -> None:
        storing = Storing()
        world = storing.world
        world.block(world.remove_meter("meter-battery"))
        world.run_until(world.time_s + 600)
        settled = [
            slot
            for slot in range(world.slot_ahead(-9), world.slot_ahead(0))
            if f"settlement.results[{slot}]" in world.short()
        ]
        assert storing.battery.settled_slot < max(settled)
        assert min(storing.projection) == max(settled) + 1


_ahead = st.integers(1, 4)
_wh = st.one_of(st.sampled_from([1, 900, 1_000, 5_000]), st.integers(1, 6_000))
_limits = st.sampled_from([LOW, 185_000, 190_000, 195_000, HIGH])
_orders = st.one_of(
    st.tuples(st.just("charge"), _ahead, _wh, _limits),
    st.tuples(st.just("discharge"), _ahead, _wh, _limits),
    st.tuples(st.just("shift"), _ahead, _wh, _ahead, _wh, st.booleans()),
)
_settings = st.fixed_dictionaries(
    {
        "state_of_charge_wh": st.integers(0, 10_000),
        "charge_efficiency_permille": st.sampled_from([1_000, 930, 900, 333]),
        "discharge_efficiency_permille": st.sampled_from([1_000, 930, 900, 333]),
    }
)
_feeders = st.sampled_from([{}, NARROW])


def order(storing: Storing, wish: tuple[Any, ...]) -> bytes:
    now = storing.world.slot_ahead(0)
    if wish[0] == "shift":
        limits = (HIGH, LOW) if wish[5] else (190_000, 185_000)
        return storing.shift((now + wish[1], wish[2]), (now + wish[3], wish[4]), limits)
    make = storing.charge if wish[0] == "charge" else storing.discharge
    return make(now + wish[1], wish[2], wish[3])


def run_slot(storing: Storing, wishes: list[tuple[Any, ...]], deviation_wh: int) -> None:
    """Orders, then the end of the slot, whose meter shows what was planned, or something else."""
    world, slot = storing.world, storing.world.slot_ahead(0)
    for wish in wishes:
        before = storing.battery
        world.block(order(storing, wish))
        if world.results[0].code:
            assert storing.battery == before
    plan = storing.projection.get(slot)
    net_wh = (plan.charge_wh - plan.discharge_wh if plan else 0) + deviation_wh
    world.block(storing.meter(slot, max(0, net_wh), max(0, -net_wh)), at=storing.end_of(slot))
    assert world.results[0].code == 0


@given(_settings, _feeders, st.lists(st.lists(_orders, max_size=3), min_size=4, max_size=7))
@examples(40)
def test_who_keeps_to_the_plan_is_never_rejected_and_ends_where_it_was_projected(
    battery: dict[str, int], feeders: dict[str, Any], slots: list[list[tuple[Any, ...]]]
) -> None:
    storing = Storing(battery, feeders)
    for wishes in slots:
        run_slot(storing, wishes, deviation_wh=0)
        assert all(0 <= state_of_charge_wh <= 10_000 for state_of_charge_wh in energies(storing))
        assert not storing.battery.rejected_charge_wh + storing.battery.rejected_discharge_wh
    last = storing.projection[storing.world.slot_ahead(4)].state_of_charge_wh
    for _ in range(6):
        run_slot(storing, [], deviation_wh=0)
    assert storing.battery.state_of_charge_wh == last
    assert not storing.battery.rejected_charge_wh + storing.battery.rejected_discharge_wh


@given(
    _settings,
    _feeders,
    st.lists(
        st.tuples(st.lists(_orders, max_size=2), st.sampled_from([0, 0, 1, -1, 4_000, -4_000])),
        min_size=4,
        max_size=8,
    ),
)
@examples(40)
def test_whatever_the_meter_shows_the_battery_keeps_its_law(
    battery: dict[str, int],
    feeders: dict[str, Any],
    slots: list[tuple[list[tuple[Any, ...]], int]],
) -> None:
    storing = Storing(battery, feeders)
    for wishes, deviation_wh in slots:
        run_slot(storing, wishes, deviation_wh)
        found = storing.battery
        assert 0 <= found.state_of_charge_wh <= found.capacity_wh
        assert all(0 <= state_of_charge_wh <= 10_000 for state_of_charge_wh in energies(storing))
        charged_wh = found.charged_wh - found.rejected_charge_wh
        discharged_wh = found.discharged_wh - found.rejected_discharge_wh
        eta = battery["charge_efficiency_permille"], battery["discharge_efficiency_permille"]
        most = battery["state_of_charge_wh"] * 1_000 + charged_wh * eta[0]
        assert discharged_wh * 1_000 * 1_000 <= most * eta[1]
