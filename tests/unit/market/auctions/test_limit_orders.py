"""Limit orders before the gate: what they hold, and that changing one's mind costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import state_pb2, tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.market.auction import full_book
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.auctions import ask, bid, gate_s, order_ids, orders_of, slot_of
from tests.support.streets.settling import opened
from tests.support.world import World

LOW, HIGH = 80_000, 300_000

LOG = {
    "ATTRIBUTES_INVALID": "renewable",
    "TOO_MANY_ORDERS": "cancel one first",
    "BEYOND_CONNECTION": "cannot carry so much",
}


def amend(world: World, owner: str, slot: int, order_id: int, **fields: Any) -> bytes:
    message = tx_pb2.MsgAmendLimitOrder(
        owner=people.address_text(owner), slot=slot, order_id=order_id, **fields
    )
    return world.sign(owner, message)


def cancel(world: World, owner: str, slot: int, order_id: int) -> bytes:
    message = tx_pb2.MsgCancelLimitOrder(
        owner=people.address_text(owner), slot=slot, order_id=order_id
    )
    return world.sign(owner, message)


def log_of(world: World) -> str:
    """What the last transaction of the last block was rejected with; empty if it was not."""
    return world.results[-1].log


class TestHolds:
    def test_a_bid_holds_what_it_costs_at_worst_and_a_cover(self) -> None:
        world, slot = opened()
        before = world.balance("ben")
        world.block(bid(world, "ben", slot, 2_000, 200_000))
        # 2 kWh for 0.20 EUR, and a tenth of what they cost at the highest price, 0.30 EUR.
        assert before - world.balance("ben") == 400_000 + 60_000

    def test_an_ask_holds_a_bond(self) -> None:
        world, slot = opened()
        before = world.balance("dirk")
        world.block(ask(world, "dirk", slot, 2_000, 100_000))
        assert before - world.balance("dirk") == 40_000

    def test_each_order_has_a_hold_of_its_own(self) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1, 200_000), bid(world, "ben", slot, 1, 200_000))
        holds = [order.hold_id for _, order in orders_of(world, slot)]
        assert len(set(holds)) == 2

    def test_an_amended_order_keeps_its_number_and_its_hold(self) -> None:
        world, slot = opened()
        before = world.balance("ben")
        world.block(bid(world, "ben", slot, 2_000, 200_000, minimum_acceptable_wh=5))
        [(number, placed)] = orders_of(world, slot)
        world.block(
            amend(world, "ben", slot, number, quantity_wh=1_000, price_limit_per_kwh=90_000)
        )
        [(same, order)] = orders_of(world, slot)
        assert (same, order.hold_id) == (number, placed.hold_id)
        assert before - world.balance("ben") == 90_000 + 30_000
        assert slot_of(world, slot).minimum_quantity_orders == 0


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(80_000, 300_000)), max_size=4))
@examples(20)
def test_after_any_changes_a_cancelled_order_has_given_back_exactly_what_it_held(
    changes: list[tuple[int, int]],
) -> None:
    world, slot = opened()
    before = world.balance("anna")
    world.block(bid(world, "anna", slot, 700, 123_457))
    [number] = order_ids(world)
    for quantity_wh, limit in changes:
        fields = {"quantity_wh": quantity_wh, "price_limit_per_kwh": limit}
        world.block(amend(world, "anna", slot, number, **fields))
        assert not log_of(world)
    world.block(cancel(world, "anna", slot, number))
    assert not log_of(world)
    assert world.balance("anna") == before
    assert slot_of(world, slot).resting_orders == 0


class TestTheGate:
    def test_an_order_of_the_block_in_which_the_gate_passes_comes_too_late(self) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1_000, 300_000), at=gate_s(slot))
        assert "gate" in log_of(world)
        assert slot_of(world, slot).status == state_pb2.SLOT_STATUS_CLOSED

    def test_one_second_earlier_it_is_cleared(self) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1_000, 300_000), at=gate_s(slot) - 1)
        world.block(at=gate_s(slot))
        [(_, order)] = orders_of(world, slot)
        assert order.filled_wh == 1_000

    @pytest.mark.parametrize("change", [cancel, amend])
    def test_nothing_is_changed_after_it(self, change: Any) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1_000, 90_000))
        [number] = order_ids(world)
        world.block(change(world, "ben", slot, number), at=gate_s(slot))
        assert "gate" in log_of(world)


class TestPlaces:
    def test_an_account_that_moves_stays_where_its_orders_are(self) -> None:
        """Meters may move to another feeder between two orders; the slot's orders stay together."""
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1_000, 90_000))
        world.block(*move(world, "ben", "south"))
        world.block(bid(world, "ben", slot, 1_000, 90_000), bid(world, "ben", slot + 1, 1, 90_000))
        assert [order.feeder for _, order in orders_of(world, slot)] == ["north", "north"]
        assert [order.feeder for _, order in orders_of(world, slot + 1)] == ["south"]

    def test_without_a_meter_nobody_has_a_place(self) -> None:
        world, slot = opened({"registry.meters[meter-ben]": None})
        world.block(bid(world, "ben", slot, 1_000, 190_000, local=True))
        assert LOG["ATTRIBUTES_INVALID"] in log_of(world)
        world.block(bid(world, "ben", slot, 1_000, 190_000))
        assert LOG["BEYOND_CONNECTION"] in log_of(world)


def move(world: World, owner: str, feeder: str) -> list[bytes]:
    """The registrar replaces an owner's meter by one on another feeder."""
    registrar = people.address_text("registrar")
    removed = world.remove_meter(f"meter-{owner}")
    add = registry_tx_pb2.MsgAddMeter(
        registrar=registrar,
        meter_id=f"meter-{owner}-2",
        owner=people.address_text(owner),
        bridge=people.address_text("bridge"),
        feeder=feeder,
        capacity_w=10_000,
        pub_key=people.meter_key(f"meter-{owner}-2").public_key().public_bytes_raw(),
    )
    return [removed, world.sign("registrar", add)]


class TestTooMany:
    def test_of_one_account(self) -> None:
        world, slot = opened()
        world.block(*[bid(world, "ben", slot, 1, 90_000) for _ in range(5)])
        assert [bool(result.code) for result in world.results] == [False] * 4 + [True]

    def test_of_a_slot(self) -> None:
        world, slot = opened({"market.params": {"resting_orders_max": 1}})
        world.block(bid(world, "ben", slot, 1, 90_000), bid(world, "clara", slot, 1, 90_000))
        assert LOG["TOO_MANY_ORDERS"] in log_of(world)
        # A larger one is better, and so is one that is closer to the other side.
        for name, quantity_wh, limit in (("clara", 2, 90_000), ("eva", 1, 90_001)):
            world.block(bid(world, name, slot, quantity_wh, limit))
            assert not log_of(world)
            assert [people.name_of(order.owner) for _, order in orders_of(world, slot)] == [name]
        assert world.balance("ben") == world.balance("clara") == 100_000_000

    def test_empty_accounts_do_not_keep_others_out(self) -> None:
        """Asks of 1 Wh at the highest price, bids of 1 Wh at the lowest: they can never cost
        anything, and never keep anybody out.
        """
        world, slot = opened({"market.params": {"resting_orders_max": 4}})
        world.block(
            *(ask(world, "dirk", slot, 1, HIGH) for _ in range(2)),
            *(bid(world, "clara", slot, 1, LOW) for _ in range(2)),
        )
        for count in range(1, 5):
            world.block(bid(world, "ben", slot, 100, 100_000 + count))
            assert not log_of(world)
            owners = [people.name_of(order.owner) for _, order in orders_of(world, slot)]
            assert owners.count("ben") == count and len(owners) == 4

    def test_places_for_fill_or_kill_are_not_taken_by_those_that_never_fill(self) -> None:
        world, slot = opened({"market.params": {"minimum_quantity_orders_max": 1}})
        world.block(ask(world, "dirk", slot, 1, HIGH, minimum_acceptable_wh=1))
        world.block(bid(world, "ben", slot, 1_000, 200_000, minimum_acceptable_wh=500))
        assert not log_of(world)
        assert [people.name_of(order.owner) for _, order in orders_of(world, slot)] == ["ben"]

    def test_all_orders_of_an_account_are_within_its_connection(self) -> None:
        """What it has sold and asks to sell; what it has bought would be closed first."""
        world, slot = opened()
        world.block(ask(world, "anna", slot, 6_000, LOW), world.sell("anna", slot, 3_000, LOW))
        assert not log_of(world)
        world.block(ask(world, "anna", slot, 1_001, LOW))
        assert LOG["BEYOND_CONNECTION"] in log_of(world)
        number = orders_of(world, slot)[0][0]
        fields = {"price_limit_per_kwh": LOW, "quantity_wh": 7_001}
        world.block(amend(world, "anna", slot, number, **fields))
        assert LOG["BEYOND_CONNECTION"] in log_of(world)
        world.block(amend(world, "anna", slot, number, **fields | {"quantity_wh": 7_000}))
        assert not log_of(world)

    def test_fill_or_kill_also_by_amending(self) -> None:
        world, slot = opened({"market.params": {"minimum_quantity_orders_max": 1}})
        world.block(
            bid(world, "ben", slot, 1, 90_000, minimum_acceptable_wh=1),
            bid(world, "ben", slot, 1, 90_000),
        )
        fields = {"quantity_wh": 1, "price_limit_per_kwh": 90_000, "minimum_acceptable_wh": 1}
        second = order_ids(world)[1]
        world.block(amend(world, "ben", slot, second, **fields))
        assert LOG["TOO_MANY_ORDERS"] in log_of(world)
        # The one that there is may be amended.
        world.block(amend(world, "ben", slot, second - 1, **fields))
        assert not log_of(world)

    def test_with_a_range(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(full_book, "LINEAR_ORDERS_MAX", 1)
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1, 90_000, full_price_per_kwh=80_000))
        assert not log_of(world)
        world.block(bid(world, "ben", slot, 1, 90_000, full_price_per_kwh=80_000))
        assert LOG["TOO_MANY_ORDERS"] in log_of(world)


class TestMoney:
    def test_an_order_that_is_not_covered_leaves_nothing_behind(self) -> None:
        world, slot = opened({"bank.balances[ben, ueur]": 1_000})
        before = world.short()
        world.block(bid(world, "ben", slot, 1_000, 190_000))
        assert "smaller" in log_of(world)
        changed = {path for path, value in world.short().items() if before.get(path) != value}
        assert changed == {"auth.accounts[ben]"}
