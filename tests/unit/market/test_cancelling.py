"""Taking positions back, by example: what else happens in the block, and what stays in the slot."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import events_pb2
from blockenergy.market.v1.errors_pb2 import Error
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from tests.support.streets import people
from tests.support.streets.auctions import bid
from tests.support.streets.grid_market import GridMarket
from tests.support.streets.settling import line_of, opened, result_of, settle
from tests.support.world import World

LOW, HIGH = 80_000, 300_000


def position_of(world: World, slot: int, name: str) -> dict[str, Any]:
    found: dict[str, Any] = world.short().get(f"market.positions[{slot}, {name}]", {})
    return found


def cancelled(result: Any) -> list[tuple[int, int, int]]:
    """Quantity, cost and loss of what was bought and taken back in a block."""
    return [
        (event.quantity_wh, event.cost, event.loss)
        for event in result.events
        if isinstance(event, events_pb2.EventPositionClosed)
    ]


def test_parts_add_up_to_the_whole() -> None:
    world, slot = opened({"registry.feeders[north]": {"grid_fee_per_kwh": 12_345}})
    world.block(world.buy("ben", slot, 1_001, HIGH))
    cost = int(position_of(world, slot, "ben")["cost"])
    parts = [cancelled(world.block(world.cancel("ben", slot, True, 143, LOW))) for _ in range(7)]
    assert sum(amount for ((_, amount, _),) in parts) == cost
    assert not position_of(world, slot, "ben")
    assert not [path for path in world.short() if path.startswith("bank.holds[")]


def test_several_in_one_block_share_like_several_blocks() -> None:
    together, slot = opened()
    together.block(together.buy("ben", slot, 1_000, HIGH))
    result = together.block(*(together.cancel("ben", slot, True, 333, LOW) for _ in range(3)))
    assert [wh for wh, _, _ in cancelled(result)] == [333] * 3
    assert position_of(together, slot, "ben")["bought_wh"] == "1"


def test_a_smaller_one_behind_one_that_is_too_large_is_executed() -> None:
    world, slot = opened()
    world.block(world.buy("ben", slot, 1_000, HIGH))
    result = world.block(*(world.cancel("ben", slot, True, wh, LOW) for wh in (600, 500, 400)))
    assert [wh for wh, _, _ in cancelled(result)] == [600, 400]


def test_who_buys_and_sells_has_one_side() -> None:
    world, slot = opened()
    result = world.block(world.buy("eva", slot, 2_000, HIGH), world.sell("eva", slot, 1_000, LOW))
    # Both at the price of the block: closing costs nothing.
    assert cancelled(result) == [(1_000, 191_100, 0)]
    position = position_of(world, slot, "eva")
    assert (position["bought_wh"], position.get("sold_wh", "0")) == ("1000", "0")
    assert position.get("sell_collateral", "0") == "0"
    world.block(world.cancel("eva", slot, False, 1_000, HIGH))
    assert world.results[0].code == Error.POSITION_TOO_SMALL


def nearly_full(bought_wh: int) -> World:
    """A slot that takes 50,000 Wh, of which Ben has bought so many."""
    world = World({
        "market.params": {"order_max_wh": 1},
        "market.last_slot": 30_000_001,
        "market.slots[30000001]": {
            "status": "SLOT_STATUS_OPEN", "bought_wh": bought_wh, "cost": 15_000_000,
            "price_low_per_kwh": LOW, "price_high_per_kwh": HIGH, "depth_wh": 50_000,
            "funding": 2_750_000,
        },
        "bank.balances[pool, ueur]": 2_750_000,
        "market.purses[1]": {"money": 0},
        "bank.balances[purses, ueur]": 30_250_000,
        "market.positions[30000001, ben]": {
            "bought_wh": bought_wh, "cost": 15_000_000, "hold_id": 1,
        },
        "bank.holds[ben, 1]": {"denom": "ueur", "amount": 15_000_000},
        "bank.last_hold_id": 1,
    })  # fmt: skip
    world.block()
    return world


def test_a_full_slot_still_lets_people_out() -> None:
    world = nearly_full(50_000)
    world.block(world.buy("clara", 30_000_001, 1, HIGH))
    assert world.results[0].code == Error.SLOT_FULL
    assert cancelled(world.block(world.cancel("ben", 30_000_001, True, 1, LOW)))


def test_what_is_ordered_in_the_block_counts_towards_what_the_slot_takes() -> None:
    world = nearly_full(49_998)
    orders = [world.buy(name, 30_000_001, 1, HIGH) for name in ("clara", "eva", "anna")]
    world.block(*orders)
    assert [result.code for result in world.results] == [0, 0, Error.SLOT_FULL]
    # Limit orders rest, whatever comes of them, and count as the largest there can be.
    world = nearly_full(49_998)
    world.block(bid(world, "clara", 30_000_001, 1, HIGH), bid(world, "eva", 30_000_001, 1, LOW))
    world.block(world.buy("anna", 30_000_001, 1, HIGH))
    assert world.results[0].code == Error.SLOT_FULL


def test_whose_offer_is_bought_meanwhile_may_have_to_keep_the_sale() -> None:
    """Dirk sold dear and takes back; in the same block Clara buys from his cheap offer. The part
    of what he is to receive is less than when he reserved for the worst case.
    """
    grid = GridMarket({"registry.feeders[south]": {"grid_fee_per_kwh": 0}})
    world, slot = grid.world, grid.world.slot_ahead(1)
    world.block(world.sell("dirk", slot, 1_000, LOW), grid.offer("dirk", slot, LOW, 5_000))
    result = world.block(
        world.cancel("dirk", slot, False, 1_000, HIGH),
        grid.buy_offer("clara", "dirk", slot, 5_000),
    )
    assert [tx.code for tx in world.results] == [0, 0]
    lapsed = [e for e in result.events if isinstance(e, events_pb2.EventOrderLapsed)]
    assert [people.name_of(event.owner) for event in lapsed] == ["dirk"]
    assert position_of(world, slot, "dirk")["sold_wh"] == "6000"


def test_all_that_an_account_has_in_a_slot_stays_at_one_place() -> None:
    """Ben moves to another feeder after he has bought; for this slot he stays where he was, so that
    the flows are right when he takes it back.
    """
    world, slot = opened()
    world.block(world.buy("ben", slot, 1_000, HIGH))
    remove = metering_tx_pb2.MsgRemoveMeter(
        registrar=people.address_text("registrar"), meter_id="meter-ben"
    )
    world.block(world.sign("registrar", remove), add_meter(world, "ben", "south"))
    world.block(world.buy("ben", slot, 500, HIGH), world.buy("ben", slot + 1, 500, HIGH))
    flows = [path for path in world.short() if path.startswith("market.flows[")]
    assert flows == [f"market.flows[{slot}, north]", f"market.flows[{slot + 1}, south]"]
    world.block(world.cancel("ben", slot, True, 1_500, LOW))
    assert not position_of(world, slot, "ben")


def test_what_cancelling_cost_is_the_pools_at_the_settlement() -> None:
    world, slot = opened({"registry.feeders[north]": {"grid_fee_per_kwh": 10_000}})
    pool_before = world.balance("pool")
    world.block(world.buy("ben", slot, 2_000, HIGH))
    ((_, _, loss),) = cancelled(world.block(world.cancel("ben", slot, True, 1_000, LOW)))
    assert loss > 0 and world.balance("pool") == pool_before + loss
    settle(world, slot)
    result = result_of(world, slot)
    # Both kWh have paid for crossing the line, also the one that was taken back.
    assert result.grid_fees == 20_000
    assert line_of(world, slot, "ben").bought_wh == 1_000


@pytest.mark.parametrize(("fee", "expected"), [(50_000, 500_000), (10**9, None)])
def test_a_line_that_is_booked_until_the_gate_has_its_price(fee: int, expected: int | None) -> None:
    """Ben books all that the line of the north carries and cancels a second before the gate, when
    his neighbours have gone without.
    """
    late = {"late_cancellation_s": 10, "late_cancellation_fee_per_kwh": fee}
    line = {"registry.feeders[north]": {"capacity_w": 10_000}}
    world, slot = opened({"market.params": late, **line})
    gate_s = slot * 60 - 20
    world.block(world.buy("ben", slot, 10_000, HIGH))
    world.block(world.buy("anna", slot, 1_000, HIGH))
    assert not position_of(world, slot, "anna")
    before = world.balance("ben")
    held = int(position_of(world, slot, "ben")["cost"])
    result = world.block(world.cancel("ben", slot, True, 10_000, LOW), at=gate_s - 1)
    ((_, _, loss),) = cancelled(result)
    # No more than if he had kept it and used nothing.
    imbalance = held - 10 * LOW
    assert loss == (imbalance if expected is None else expected) <= imbalance
    assert world.balance("ben") - before == held + 300_000 - loss
    # In time it costs nothing beyond what the energy is worth less.
    world.block(world.buy("ben", slot + 2, 10_000, HIGH))
    ((_, _, loss),) = cancelled(world.block(world.cancel("ben", slot + 2, True, 10_000, LOW)))
    assert loss <= 1


def test_a_late_seller_has_the_fee_on_hold() -> None:
    late = {"late_cancellation_s": 1_000, "late_cancellation_fee_per_kwh": 30_000}
    world, slot = opened({"market.params": late})
    world.block(world.sell("dirk", slot, 2_000, LOW))
    revenue = int(position_of(world, slot, "dirk")["revenue"])
    ((_, _, loss),) = cancelled(world.block(world.cancel("dirk", slot, False, 2_000, 190_000)))
    assert 60_000 <= loss <= 2 * 300_000 - revenue
    assert world.balance("dirk") == 100_000_000 - loss


def add_meter(world: World, owner: str, feeder: str) -> bytes:
    message = registry_tx_pb2.MsgAddMeter(
        registrar=people.address_text("registrar"),
        meter_id="meter-new",
        owner=people.address_text(owner),
        bridge=people.address_text("bridge"),
        feeder=feeder,
        capacity_w=10_000,
        pub_key=people.meter_key("meter-new").public_key().public_bytes_raw(),
    )
    return world.sign("registrar", message)
