"""Linked orders: executed all or none, each whole, whatever else is in the block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from blockenergy.market.v1 import events_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL
from hypothesis import given
from hypothesis import strategies as st

from chain import app, market
from chain.market import Leg
from chain.market.pool import trading
from chain.runtime.context import Context
from chain.runtime.state.store import CacheStore
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.settling import opened
from tests.support.world import World

LOW, HIGH = 80_000, 300_000
Group = tuple[str, list[Leg]]


def run(world: World, groups: Sequence[Group]) -> dict[tuple[str, int, bool], list[int]]:
    """A block with nothing but these groups; what was executed, by owner, slot and side."""
    ctx = Context(CacheStore(world.store), world.block_info)
    for owner, legs in groups:
        market.place_linked(ctx, people.wallet(owner).address, legs)
    trading.execute(ctx)
    world.store.apply(ctx.store.changes)
    assert not (problems := app.check_invariants(world.store)), problems
    executed: dict[tuple[str, int, bool], list[int]] = {}
    for event in ctx.events:
        if isinstance(event, events_pb2.EventOrderExecuted):
            key = people.name_of(event.owner), event.slot, event.side == 1
            executed.setdefault(key, []).append(event.quantity_wh)
    return executed


def shift(slot: int, wh: int, most: int = HIGH, least: int = LOW) -> list[Leg]:
    """Bought in one slot, nine tenths of it sold in the next."""
    return [Leg(SIDE_BUY, slot, wh, most), Leg(SIDE_SELL, slot + 1, wh * 9 // 10, least)]


class TestByExample:
    def test_both_are_executed(self) -> None:
        world, slot = opened()
        executed = run(world, [("anna", shift(slot, 1_000))])
        assert executed == {("anna", slot, True): [1_000], ("anna", slot + 1, False): [900]}

    def test_none_is_if_the_price_of_one_is_not_met(self) -> None:
        world, slot = opened()
        assert not run(world, [("anna", shift(slot, 1_000, least=190_000))])
        assert not run(world, [("anna", shift(slot, 1_000, most=190_000))])
        assert world.balance("anna") == 100_000_000

    def test_none_is_if_a_line_cannot_carry_one_of_them_whole(self) -> None:
        world, slot = opened({"registry.feeders[north]": {"capacity_w": 999}})
        assert not run(world, [("anna", shift(slot, 1_000))])
        assert run(world, [("anna", shift(slot, 900))])

    def test_who_breaks_leaves_the_price_to_the_others(self) -> None:
        """With both, 4 kWh would cost 0.1944 EUR in the first slot. Eva's sale comes to nothing,
        so her purchase does not count, and Anna's is within its limit again.
        """
        world, slot = opened()
        groups = [
            ("anna", shift(slot, 2_000, most=193_000)),
            ("eva", shift(slot, 2_000, least=250_000)),
        ]
        # Eva's limit was better than Anna's, so Anna's order lapsed before Eva's link broke.
        assert not run(world, groups)
        groups[0] = ("anna", shift(slot, 2_000, most=194_400))
        assert list(run(world, groups)) == [("anna", slot, True), ("anna", slot + 1, False)]

    def test_groups_of_one_account_do_not_hang_together(self) -> None:
        world, slot = opened()
        groups = [("anna", shift(slot, 1_000)), ("anna", shift(slot + 2, 1_000, least=HIGH))]
        assert len(run(world, groups)) == 2


groups_of_legs = st.lists(
    st.tuples(
        st.sampled_from(["anna", "ben", "clara", "dirk", "eva"]),
        st.integers(0, 2),
        st.integers(2, 3_000),
        st.integers(LOW, HIGH),
        st.integers(LOW, HIGH),
    ),
    max_size=8,
)


@given(groups_of_legs, st.sampled_from([1_500, 10**6]), st.randoms(use_true_random=False))
@examples(80)
def test_all_or_none_each_whole_and_in_any_sequence(
    drawn: list[tuple[str, int, int, int, int]], capacity_w: int, random: Random
) -> None:
    changes = {
        "registry.feeders[north]": {"capacity_w": capacity_w},
        "market.params": {"depth_max_wh": 3_000},
    }
    world, slot = opened(changes)
    groups = [
        (owner, shift(slot + ahead, wh, most, least)) for owner, ahead, wh, most, least in drawn
    ]
    executed = run(world, groups)
    placed = Counter((owner, legs[0].slot, legs[0].quantity_wh) for owner, legs in groups)
    for owner in {owner for owner, _ in groups}:
        # In each slot what is sold belongs to what was bought in the slot before.
        for at in range(slot, slot + 4):
            bought = executed.get((owner, at, True), [])
            sold = executed.get((owner, at + 1, False), [])
            assert sorted(wh * 9 // 10 for wh in bought) == sorted(sold)
            assert not Counter((owner, at, wh) for wh in bought) - placed
    again, _ = opened(changes)
    random.shuffle(groups)
    shuffled = run(again, groups)
    assert {key: sorted(whs) for key, whs in shuffled.items()} == {
        key: sorted(whs) for key, whs in executed.items()
    }


def test_a_long_chain_of_broken_links_comes_to_an_end() -> None:
    """Each group sells what the next one buys, alternately in two slots, and the first one fails:
    one breaks after the other. If that takes too long, all that are still there lapse together.
    """

    def chain_of(length: int, slot: int) -> list[Group]:
        groups = [("anna", [Leg(SIDE_SELL, slot, 1_000, LOW), Leg(SIDE_BUY, slot + 1, 1_000, LOW)])]
        for step in range(1, length):
            here, other = slot + step % 2, slot + 1 - step % 2
            legs = [Leg(SIDE_SELL, here, 1_000, LOW), Leg(SIDE_BUY, other, 1_000, 190_000 + step)]
            groups.append(("anna", legs))
        # Somebody buys what the last one sells, so that both slots are balanced.
        return [*groups, ("ben", [Leg(SIDE_BUY, slot + (length - 1) % 2, 1_000, HIGH)])]

    for length, survivors in ((8, ["ben", "eva", "eva"]), (30, [])):
        world, slot = opened({"registry.meters[meter-anna]": {"capacity_w": 1_000_000}})
        executed = run(world, [*chain_of(length, slot), ("eva", shift(slot + 2, 1_000))])
        assert [owner for owner, _, _ in executed] == survivors
