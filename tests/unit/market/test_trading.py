"""Trading through the chain: slots open and close, orders execute or lapse, the pool is solvent."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import events_pb2, query_pb2, state_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.market import get_curve, rules
from chain.market.rules import Curve
from tests.support.properties import examples
from tests.support.world import START_S, World

STREET = Curve(80_000, 300_000, 50_000)
LOW, HIGH = STREET.price_low, STREET.price_high
# Small enough for orders to run past both ends of the price line.
SHALLOW = {"market.params": {"depth_max_wh": 3_000, "order_max_wh": 5_000}}


def slot_of(world: World, slot: int) -> state_pb2.Slot:
    path = "/blockenergy.market.v1.Query/Slot"
    answer = world.query(path, query_pb2.QuerySlotRequest(slot=slot), query_pb2.QuerySlotResponse)
    return answer.info


def slots_in(world: World) -> list[int]:
    return [int(path[13:-1]) for path in world.short() if path.startswith("market.slots[")]


def events_of(result: Any, kind: type) -> list[Any]:
    return [event for event in result.events if isinstance(event, kind)]


class TestSlots:
    def test_the_first_slot_is_the_first_whose_gate_is_open(self) -> None:
        world = World()
        world.block(at=START_S + 39)
        assert slots_in(world)[0] == START_S // 60 + 1
        later = World()
        later.block(at=START_S + 40)
        assert slots_in(later)[0] == START_S // 60 + 2

    def test_slots_open_within_the_horizon_and_no_further(self) -> None:
        world = World({"market.params": {"horizon_slots": 3}})
        world.block()
        assert slots_in(world) == [world.slot_ahead(count) for count in (1, 2, 3)]

    def test_so_many_slots_per_block_and_no_more(self) -> None:
        world = World({"market.params": {"slots_opened_per_block_max": 2}})
        opened = [len(events_of(world.block(), events_pb2.EventSlotOpened)) for _ in range(4)]
        assert opened == [2, 2, 1, 0]

    def test_after_a_halt_of_the_chain_the_slots_that_nobody_can_meter_are_passed_over(
        self,
    ) -> None:
        world = World()
        world.block()
        last = slots_in(world)[-1]
        world.block(at=START_S + 60 * 100)
        after = [slot for slot in slots_in(world) if slot > last]
        # Slot 99 has just ended, so its meters can still be read.
        assert after == list(range(START_S // 60 + 99, START_S // 60 + 106))
        # The gate of the first two had passed before they opened.
        assert slot_of(world, after[1]).status == state_pb2.SLOT_STATUS_CLOSED
        assert slot_of(world, after[-1]).status == state_pb2.SLOT_STATUS_OPEN

    def test_prices_of_an_open_slot_are_kept(self) -> None:
        world = World()
        world.block()
        info = slot_of(world, world.slot_ahead(1))
        assert get_curve(info) == STREET


class TestOrders:
    def test_orders_are_taken_until_the_second_before_the_gate_closes(self) -> None:
        world = World()
        world.block()
        slot = world.slot_ahead(1)
        world.block(world.buy("ben", slot, 1_000, HIGH), at=START_S + 39)
        assert world.results[0].code == 0
        world.block(world.buy("ben", slot, 1_000, HIGH), at=START_S + 40)
        assert world.results[0].codespace == "market"

    def test_a_block_has_one_price_per_slot(self) -> None:
        world = World()
        world.block()
        near, far = world.slot_ahead(1), world.slot_ahead(2)
        result = world.block(
            world.buy("ben", near, 10_000, HIGH),
            world.buy("clara", far, 2_000, HIGH),
            world.sell("anna", near, 4_000, LOW),
            world.sell("dirk", far, 2_000, LOW),
        )
        traded = {event.slot: event for event in events_of(result, events_pb2.EventSlotTraded)}
        # 6 kWh net: half of 6 times 0.0022 EUR above the middle. The other slot balances.
        assert traded[near].price_per_kwh == 196_600
        assert traded[far].price_per_kwh == 190_000
        # One Wh more moves the price by a little.
        assert (traded[far].bid_per_kwh, traded[far].ask_per_kwh) == (189_998, 190_002)

    def test_the_order_of_transactions_in_a_block_changes_no_money(self) -> None:
        def trade(names: tuple[str, ...]) -> list[int]:
            world = World()
            world.block()
            slot = world.slot_ahead(1)
            orders = {
                "ben": lambda: world.buy("ben", slot, 3_000, HIGH),
                "clara": lambda: world.buy("clara", slot, 7_001, 200_000),
                "anna": lambda: world.sell("anna", slot, 4_999, 185_000),
            }
            world.block(*(orders[name]() for name in names))
            return [world.balance(name) for name in ("anna", "ben", "clara")]

        assert trade(("ben", "clara", "anna")) == trade(("anna", "clara", "ben"))

    def test_one_person_can_send_several_orders_in_a_block(self) -> None:
        world = World()
        world.block()
        slot = world.slot_ahead(1)
        world.block(*(world.buy("ben", slot, 1_000, HIGH) for _ in range(3)))
        assert [result.code for result in world.results] == [0, 0, 0]
        assert slot_of(world, slot).bought_wh == 3_000
        holds = [path for path in world.short() if path.startswith("bank.holds[")]
        assert holds == ["bank.holds[ben, 1]"]

    def test_a_bid_and_an_offer_of_the_same_person_meet_each_other(self) -> None:
        world = World()
        world.block()
        slot = world.slot_ahead(1)
        world.block(world.buy("eva", slot, 2_000, HIGH), world.sell("eva", slot, 2_000, LOW))
        info = slot_of(world, slot)
        # Both at the same price: they are closed against each other, and cost nothing.
        assert (info.bought_wh, info.cost, info.revenue, info.cancellation_income) == (0, 0, 0, 0)
        assert world.balance("eva") == 100_000_000

    @pytest.mark.parametrize("collateral_permille", [0, 100])
    def test_orders_that_reserve_nothing_may_lapse_together(self, collateral_permille: int) -> None:
        world = World({"market.params": {"imbalance_collateral_permille": collateral_permille}})
        world.block()
        slot = world.slot_ahead(1)
        world.block(
            world.sell("anna", slot, 1_000, HIGH),
            world.sell("anna", slot, 2_000, HIGH),
            world.sell("anna", slot, 500, LOW),
            world.sell("eva", slot, 1_000, HIGH),
            world.sell("eva", slot, 1_000, HIGH - 1),
        )
        positions = [path for path in world.short() if path.startswith("market.positions[")]
        assert positions == [f"market.positions[{slot}, anna]"]
        assert world.balance("eva") == 100_000_000

    def test_money_on_hold_cannot_be_sent(self) -> None:
        world = World({"bank.balances[ben, ueur]": 300_000})
        world.block()
        world.block(world.buy("ben", world.slot_ahead(1), 1_000, 240_000))
        assert world.balance("ben") == 300_000 - 221_100
        world.block(world.send("ben", "anna", 300_000 - 221_100 + 1))
        assert (world.results[0].codespace, world.results[0].code) == ("sdk", 5)

    def test_a_quote_is_what_a_single_order_then_costs(self) -> None:
        world = World()
        world.block()
        slot = world.slot_ahead(1)
        world.block(world.buy("clara", slot, 12_345, HIGH))
        path = "/blockenergy.market.v1.Query/Quote"
        request = query_pb2.QueryQuoteRequest(slot=slot, side=state_pb2.SIDE_BUY, quantity_wh=777)
        quote = world.query(path, request, query_pb2.QueryQuoteResponse)
        result = world.block(world.buy("ben", slot, 777, quote.price_per_kwh))
        (executed,) = events_of(result, events_pb2.EventOrderExecuted)
        assert executed.amount == quote.amount


orders = st.tuples(
    st.sampled_from(["anna", "eva"]),
    st.booleans(),
    st.integers(1, 5_000),
    st.integers(LOW, HIGH),
)


@given(st.lists(st.lists(orders, max_size=4), max_size=6))
@examples(40)
def test_inv_5_and_6_the_pool_is_solvent_after_any_sequence_of_trades(
    blocks: list[list[tuple[str, bool, int, int]]],
) -> None:
    world = World(SHALLOW)
    world.block()
    slot = world.slot_ahead(1)
    curve = Curve(LOW, HIGH, 3_000)
    for block in blocks:
        world.block(
            *(
                (world.buy if is_buy else world.sell)(name, slot, quantity_wh, limit)
                for name, is_buy, quantity_wh, limit in block
            )
        )
        info = slot_of(world, slot)
        cash = info.cost + info.cancellation_income - info.revenue
        net_wh = info.bought_wh - info.sold_wh
        area = rules.compute_potential(curve, net_wh) - rules.compute_potential(curve, 0)
        assert cash * 4000 * curve.depth_wh >= area
        assert cash - rules.compute_close_cost(curve, net_wh) >= -info.funding
        assert info.funding == rules.compute_funding(curve)


@given(st.permutations(["anna", "ben", "clara", "dirk", "eva"]), st.integers(1, 4))
@examples(20)
def test_inv_7_the_sequence_of_a_block_buys_nothing(names: list[str], per_block: int) -> None:
    """Whoever comes first in a block pays and gets the same."""
    sides = {"anna": False, "ben": True, "clara": True, "dirk": False, "eva": True}

    def amounts(sequence: list[str]) -> dict[str, int]:
        world = World()
        world.block()
        slot = world.slot_ahead(1)
        result = world.block(
            *(
                world.buy(name, slot, 1_000 * per_block, HIGH)
                if sides[name]
                else world.sell(name, slot, 1_700, LOW)
                for name in sequence
            )
        )
        executed = events_of(result, events_pb2.EventOrderExecuted)
        return {event.owner: event.amount for event in executed}

    assert amounts(names) == amounts(sorted(names))
