"""Standing orders: never more than was ordered, never more in a slot than was allowed, and every
amount that is not spent comes back.
"""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.market.v1 import state_pb2, tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.bank.state import HOLDS
from chain.market.standing import rules
from chain.market.standing.genesis import STANDING_SLOTS_CEILING
from chain.market.state import LIMIT_ORDERS, STANDING_ORDERS
from chain.runtime.encoding import bech32
from chain.runtime.gas import compute_message_gas
from tests.support import parameters
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.auctions import ask, bid, close, gate_s, slot_of
from tests.support.streets.settling import opened
from tests.support.world import World


def stand(world: World, owner: str, quantity_wh: int, slot_max_wh: int, **fields: Any) -> bytes:
    """A signed standing order to buy at any price within five slots, but for what `fields` say."""
    message = tx_pb2.MsgPlaceStandingOrder(
        owner=people.address_text(owner), quantity_wh=quantity_wh, slot_max_wh=slot_max_wh
    )
    defaults = {
        "side": state_pb2.SIDE_BUY, "price_limit_per_kwh": 300_000,
        "last_slot": world.slot_ahead(5),
    }  # fmt: skip
    for name, value in {**defaults, **fields}.items():
        setattr(message, name, value)
    return world.sign(owner, message)


def take_back(world: World, owner: str, number: int = 1) -> bytes:
    message = tx_pb2.MsgCancelStandingOrder(
        owner=people.address_text(owner), standing_order_id=number
    )
    return world.sign(owner, message)


def orders_of(world: World) -> list[tuple[int, state_pb2.LimitOrder]]:
    """What the chain has placed, with its slots."""
    return [
        (slot, one) for (slot, _), one in LIMIT_ORDERS.items(world.state) if one.standing_order_id
    ]


def money_of(world: World, name: str) -> tuple[int, int]:
    """What somebody can spend, and what is on hold."""
    holds: list[bank_pb2.Hold] = [
        hold
        for (owner, _), hold in HOLDS.items(world.state)
        if bech32.encode(owner) == people.address_text(name)
    ]
    return world.balance(name), sum(hold.amount for hold in holds)


def standing(world: World) -> list[state_pb2.StandingOrder]:
    return [order for _, order in STANDING_ORDERS.items(world.state)]


@given(
    st.integers(1, 6_000),
    st.integers(1, 3_000),
    st.integers(150_000, 300_000),
    st.lists(
        st.tuples(st.integers(1, 3_000), st.integers(80_000, 250_000)), min_size=5, max_size=5
    ),
    st.integers(0, 6),
    st.booleans(),
)
@examples(8)
def test_it_never_trades_too_much_and_gives_back_the_rest(
    quantity_wh: int,
    slot_max_wh: int,
    limit: int,
    asks: list[tuple[int, int]],
    given_up_after: int,
    is_linear: bool,
) -> None:
    """World.block checks after each block that what is placed is on hold."""
    slot_max_wh = min(slot_max_wh, quantity_wh)
    quantity_wh = min(quantity_wh, 5 * slot_max_wh)
    # Nothing is settled meanwhile.
    late = {"metering.params": {"reading_deadline_s": 600}}
    world, first = opened({"market.params": {"bookings_per_block_max": 1}, **late})
    before = world.balance("ben")
    full = 120_000 if is_linear else 0
    order = {"price_limit_per_kwh": limit, "full_price_per_kwh": full}
    world.block(stand(world, "ben", quantity_wh, slot_max_wh, **order))
    assert not world.results[0].log
    for number, (wh, price) in enumerate(asks):
        world.block(ask(world, "anna", first + number, wh, price))
        close(world, first + number)
        if number == given_up_after and standing(world):
            world.block(take_back(world, "ben"))
            assert not standing(world)
    filled = [order.filled_wh for _, order in orders_of(world)]
    assert sum(filled) <= quantity_wh
    assert max(filled, default=0) <= slot_max_wh
    assert len({slot for slot, _ in orders_of(world)}) == len(filled)
    assert not standing(world)
    # What is still on hold are positions: their cost and collateral, at most at the limit.
    balance, held = money_of(world, "ben")
    assert balance + held == before
    assert held <= sum(wh * (limit + 30_000) // 1000 + 2 for wh in filled)


def test_it_is_filled_slot_by_slot_until_nothing_is_left() -> None:
    world, first = opened()
    world.block(stand(world, "ben", 2_500, 1_000))
    for slot in range(first, first + 3):
        close(world, slot)
    assert [order.filled_wh for _, order in orders_of(world)] == [1_000, 1_000, 500]
    assert not standing(world)


def test_a_rest_below_the_minimum_of_an_order_is_traded_as_well() -> None:
    world, first = opened({"market.params": {"order_min_wh": 600}})
    world.block(stand(world, "ben", 1_000, 600))
    for slot in (first, first + 1):
        close(world, slot)
    assert [order.filled_wh for _, order in orders_of(world)] == [600, 400]


def test_what_was_taken_back_during_booking_ends_with_its_auction() -> None:
    """The gate has closed: the order stands, but the standing order places no other one."""
    world, first = opened({"market.params": {"bookings_per_block_max": 1}})
    before = sum(money_of(world, "ben"))
    world.block(
        stand(world, "ben", 3_000, 1_000),
        bid(world, "clara", first, 500, 300_000),
        bid(world, "eva", first, 500, 300_000),
    )
    world.block(at=gate_s(first))
    world.block(take_back(world, "ben"))
    assert not world.results[0].log
    assert not standing(world)
    close(world, first)
    close(world, first + 1)
    assert [order.filled_wh for _, order in orders_of(world)] == [1_000]
    assert sum(money_of(world, "ben")) == before


def test_the_orders_of_a_suspended_owner_wait_and_end_at_the_deadline() -> None:
    world, first = opened()
    before = world.balance("ben")
    message = registry_tx_pb2.MsgSuspendParticipant(
        registrar=people.address_text("registrar"), address=people.address_text("ben")
    )
    world.block(stand(world, "ben", 1_000, 1_000, last_slot=first + 1))
    world.block(world.sign("registrar", message))
    assert not world.results[0].log
    close(world, first)
    assert len(standing(world)) == 1
    close(world, first + 1)
    assert not standing(world)
    assert not orders_of(world)
    assert world.balance("ben") == before


def test_after_a_halt_nothing_is_traded_that_has_been_delivered() -> None:
    world, first = opened()
    before = world.balance("ben")
    world.block(stand(world, "ben", 2_000, 1_000, last_slot=first + 1))
    world.block(at=(first + 4) * 60)
    for _ in range(5):
        world.block()
    assert not standing(world)
    assert not orders_of(world)
    assert world.balance("ben") == before


def test_a_full_book_has_no_place_for_it() -> None:
    """Nobody's resting order is evicted at the gate, when it is too late to order again."""
    world, first = opened({"market.params": {"resting_orders_max": 1}})
    world.block(stand(world, "ben", 1_000, 1_000), bid(world, "clara", first, 1, 80_000))
    close(world, first)
    assert not orders_of(world)
    close(world, first + 1)
    assert [slot for slot, _ in orders_of(world)] == [first + 1]


def test_a_connection_that_is_used_otherwise_carries_no_more() -> None:
    world, first = opened()
    world.block(stand(world, "ben", 1_000, 1_000), world.buy("ben", first, 9_001, 300_000))
    assert not world.results[1].log
    close(world, first)
    assert not orders_of(world)


def test_it_takes_no_more_than_is_on_hold() -> None:
    """As after a rise of prices, by which the collateral of a slot goes: it waits instead."""
    world, first = opened()
    world.block(stand(world, "ben", 1_000, 1_000, price_limit_per_kwh=200_000))
    changed = world.short()
    # The cost at its limit, and one less than the collateral.
    needed = 200_000 + 30_000 - 1
    surplus = int(changed["bank.holds[ben, 1]"]["amount"]) - needed
    changed["bank.holds[ben, 1]"]["amount"] = str(needed)
    changed["bank.balances[ben, ueur]"] = str(world.balance("ben") + surplus)
    again = World(base=changed)
    again.height, again.time_s = world.height, world.time_s
    before = again.balance("ben")
    close(again, first)
    assert not orders_of(again)
    assert again.balance("ben") == before


def test_after_a_rise_of_collateral_it_trades_what_its_hold_covers() -> None:
    """It is a state like any other: a chain that goes on from its export accepts it."""
    # Nothing is settled meanwhile.
    world, first = opened({"metering.params": {"reading_deadline_s": 600}})
    begin = first + 6
    order = {"first_slot": begin, "last_slot": begin + 3, "price_limit_per_kwh": 200_000}
    world.block(
        stand(world, "ben", 4_000, 2_000, **order),
        parameters.update(world, "market", imbalance_collateral_permille=500),
    )
    before = sum(money_of(world, "ben"))
    world.run_until(gate_s(begin) - 5)
    world.block(ask(world, "anna", begin, 1_000, 200_000))
    assert not [result.log for result in world.results if result.code]
    for slot in range(begin, begin + 2):
        close(world, slot)
        # With what is left on hold the second slot gets nothing.
        assert [one.left_wh for one in standing(world)] == [2_000]
        world = carried_over(world)
    close(world, begin + 3)
    assert not standing(world)
    assert [one.filled_wh for _, one in orders_of(world)] == [2_000]
    assert sum(money_of(world, "ben")) == before


def carried_over(world: World) -> World:
    """The same street on a chain that begins with its export."""
    again = World(base=world.short())
    again.height, again.time_s = world.height, world.time_s
    return again


def test_a_book_is_filled_in_the_order_of_the_standing_orders() -> None:
    world, first = opened({"market.params": {"resting_orders_max": 1}})
    world.block(stand(world, "clara", 1_000, 1_000), stand(world, "ben", 1_000, 1_000))
    close(world, first)
    assert [one.owner for _, one in orders_of(world)] == [people.address_text("clara")]
    assert slot_of(world, first).status == state_pb2.SLOT_STATUS_CLOSED


@given(st.integers(1, STANDING_SLOTS_CEILING), st.booleans())
def test_its_gas_stands_for_all_that_is_done_for_it(slots: int, is_linear: bool) -> None:
    """Its message, a look at each gate until its deadline, and each time that it is placed."""
    message = tx_pb2.MsgPlaceStandingOrder(full_price_per_kwh=int(is_linear))
    gas = compute_message_gas(message)
    each = rules.PLACE_LINEAR_GAS if is_linear else rules.PLACE_GAS
    placings = rules.count_placings(gas, slots, is_linear=is_linear)
    work = rules.PLACE_GAS + slots * rules.LOOK_GAS + min(placings, slots) * each
    assert 0 < work <= gas
    # A day and more of quarters of an hour is paid for, whatever happens in them.
    assert placings >= (slots if slots <= 180 else 130 if slots <= 672 else 1)


def test_it_ends_when_its_gas_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "PLACE_GAS", 1_300_000)
    world, first = opened()
    before = sum(money_of(world, "ben"))
    world.block(stand(world, "ben", 2_000, 1_000, price_limit_per_kwh=80_000))
    assert standing(world)[0].placings_left == 2
    close(world, first)
    assert standing(world)[0].placings_left == 1
    # Nobody sells so cheaply: it was placed twice, traded nothing, and has its money back.
    close(world, first + 1)
    assert not standing(world)
    assert [order.filled_wh for _, order in orders_of(world)] == [0, 0]
    assert money_of(world, "ben") == (before, 0)
