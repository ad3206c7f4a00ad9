"""Blocks of market orders through the chain, compared to the millionth with the reference model.

Buying, selling and cancelling by several people behind lines with fees (INV-5, INV-6, INV-7). All
invariants of the chain are checked after each block as well.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from blockenergy.market.v1 import query_pb2, state_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.market.state import FLOWS
from tests.support.models.ledger import SUMS, Position, Sums
from tests.support.models.market_model import HIGH, LOW, Line, MarketModel, Order
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.world import World

# Anna on a feeder of her own, Ben and Dirk on another one, Clara on a branch of that.
FEEDERS = {"anna": "north", "ben": "south", "clara": "branch", "dirk": "south"}
MONEY = 100_000_000
Action = tuple[str, str, int, int]

capacities = st.sampled_from([0, 500, 2_000, 5_000, 10**6, 10**6])
fees = st.sampled_from([0, 0, 1, 12_345, 60_000])
lines = st.fixed_dictionaries(
    {
        "north": st.builds(Line, st.just(""), capacities, fees),
        "south": st.builds(Line, st.just(""), capacities, fees),
        "branch": st.builds(Line, st.just("south"), capacities, fees),
    }
)
whs = st.one_of(st.integers(1, 9), st.integers(1, 3_000), st.sampled_from([500, 1_000]))
_KINDS = ["buy", "sell", "take back what was bought", "take back what was sold"]


@st.composite
def actions(draw: st.DrawFn) -> Action:
    """An order with a limit that is met in any case, or with any other."""
    kind = draw(st.sampled_from(_KINDS))
    met = HIGH if kind in ("buy", "take back what was sold") else LOW
    limit = draw(st.one_of(st.just(met), st.just(met), st.integers(LOW, HIGH)))
    return draw(st.sampled_from(sorted(FEEDERS))), kind, draw(whs), limit


blocks_of_actions = st.lists(st.lists(actions(), min_size=2, max_size=8), min_size=2, max_size=6)


def street(
    lines_by_name: dict[str, Line], depth_wh: int, collateral_permille: int, margin: int = 0
) -> World:
    """The purses are full: half of the largest margin is left."""
    changes: dict[str, Any] = {
        "market.params": {
            "depth_max_wh": depth_wh,
            "margin_max_per_kwh": 2 * margin,
            "imbalance_collateral_permille": collateral_permille,
        },
        "registry.feeder_count": len(lines_by_name),
    }
    # Connections and sources that carry all that anybody orders.
    for name, feeder in FEEDERS.items():
        changes[f"registry.meters[meter-{name}]"] = {
            "feeder": feeder, "capacity_w": 1_000_000, "energy_source": "ENERGY_SOURCE_SOLAR",
        }  # fmt: skip
    for name, line in lines_by_name.items():
        changes[f"registry.feeders[{name}]"] = {
            "parent": line.parent,
            "capacity_w": line.capacity_wh,
            "grid_fee_per_kwh": line.grid_fee_per_kwh,
        }
    for name in FEEDERS:
        changes[f"registry.participants[{name}]"] = {"roles": ["ROLE_PROSUMER"]}
    world = World(changes)
    world.block()
    return world


def sign(world: World, slot: int, action: Action) -> bytes:
    name, kind, wh, limit = action
    if kind == "buy":
        return world.buy(name, slot, wh, limit)
    if kind == "sell":
        return world.sell(name, slot, wh, limit)
    return world.cancel(name, slot, "bought" in kind, wh, limit)


def order_of(action: Action) -> Order:
    name, kind, wh, limit = action
    is_buy = kind in ("buy", "take back what was sold")
    return Order(name, is_buy, wh, limit, cancels="take back" in kind)


def compare(world: World, slot: int, model: MarketModel) -> None:
    """Positions, balances, flows and the sums of the slot are those of the model."""
    short, ledger = world.short(), model.ledger
    for name in FEEDERS:
        expected = ledger.positions[name]
        stored = short.get(f"market.positions[{slot}, {name}]", {})
        has = Position(**{one.name: int(stored.get(one.name, 0)) for one in fields(Position)})
        assert has == (Position() if expected.is_empty else expected), name
        assert world.balance(name) == MONEY - has.on_hold - ledger.losses[name], name
    flows = {key[1]: f.import_wh - f.export_wh for key, f in FLOWS.items(world.state)}
    assert flows == {name: wh for name, wh in model.flows.items() if wh}
    info = slot_of(world, slot)
    assert Sums(**{name: getattr(info, name) for name in SUMS}) == ledger.sums()


def slot_of(world: World, slot: int) -> state_pb2.Slot:
    path = "/blockenergy.market.v1.Query/Slot"
    answer = world.query(path, query_pb2.QuerySlotRequest(slot=slot), query_pb2.QuerySlotResponse)
    return answer.info


@given(
    lines,
    st.sampled_from([700, 3_000, 50_000]),
    st.sampled_from([0, 1, 100]),
    st.sampled_from([0, 1, 5_500]),
    blocks_of_actions,
)
@examples(200)
def test_every_block_leads_to_the_entries_of_the_model(
    lines_by_name: dict[str, Line],
    depth_wh: int,
    collateral_permille: int,
    margin: int,
    blocks: list[list[Action]],
) -> None:
    world = street(lines_by_name, depth_wh, collateral_permille, margin)
    slot = world.slot_ahead(1)
    model = MarketModel(depth_wh, collateral_permille, lines_by_name, FEEDERS, margin)
    for block in blocks:
        world.block(*(sign(world, slot, action) for action in block))
        taken = [result.code == 0 for result in world.results]
        model.run([order_of(a) for a, ok in zip(block, taken, strict=True) if ok])
        compare(world, slot, model)
        sums = model.ledger.sums()
        assert sums.earned >= model.area(0, sums.net_wh)
        bound = HIGH if sums.net_wh > 0 else LOW
        assert sums.equity(bound) > -slot_of(world, slot).funding - 1


@given(lines, st.lists(actions(), min_size=3, max_size=10), st.randoms(use_true_random=False))
@examples(60)
def test_inv_7_the_sequence_of_the_people_in_a_block_changes_no_money(
    lines_by_name: dict[str, Line], block: list[Action], random: Any
) -> None:
    """Nobody can change the sequence of somebody else's own orders, but that of the people."""

    def outcome(sequence: list[Action]) -> list[int]:
        world = street(lines_by_name, 3_000, 100)
        slot = world.slot_ahead(1)
        begin = [(name, kind, 900, limit) for name in sorted(FEEDERS) for kind, limit in
                 (("buy", HIGH), ("sell", LOW))]  # fmt: skip
        world.block(*(sign(world, slot, action) for action in begin))
        world.block(*(sign(world, slot, action) for action in sequence))
        return [world.balance(name) for name in (*sorted(FEEDERS), "pool")]

    names = sorted(FEEDERS)
    random.shuffle(names)
    shuffled = sorted(block, key=lambda action: names.index(action[0]))
    assert outcome(shuffled) == outcome(block)


@given(blocks_of_actions, st.booleans(), st.booleans(), whs, fees)
@examples(80)
def test_taking_back_and_trading_again_never_gains(
    history: list[list[Action]], is_buy: bool, at_once: bool, wh: int, fee: int
) -> None:
    """Anna has traded; whatever else has happened, taking it back and trading it again, in one
    block or in two, leaves her with the same energy and no more money.
    """
    wide = {"north": Line("", 10**6, fee), "south": Line("", 10**6, 0)}
    world = street(wide | {"branch": Line("south", 10**6, 0)}, 3_000, 0)
    slot = world.slot_ahead(1)
    world.block(
        sign(world, slot, ("anna", "buy" if is_buy else "sell", wh, HIGH if is_buy else LOW))
    )
    for block in history:
        world.block(*(sign(world, slot, action) for action in block))
    before = worth(world, slot)
    kind = "bought" if is_buy else "sold"
    back = ("anna", f"take back what was {kind}", wh, LOW if is_buy else HIGH)
    again = ("anna", "buy" if is_buy else "sell", wh, HIGH if is_buy else LOW)
    if at_once:
        world.block(sign(world, slot, back), sign(world, slot, again))
    else:
        world.block(sign(world, slot, back))
        world.block(sign(world, slot, again))
    after = worth(world, slot)
    if after[0] == before[0]:
        assert after[1] <= before[1]


def worth(world: World, slot: int) -> tuple[list[int], int]:
    """What Anna has bought and sold, and what her money comes to if she keeps to it."""
    position = world.short().get(f"market.positions[{slot}, anna]", {})
    bought, sold, revenue, bond = (
        int(position.get(key, 0)) for key in ("bought_wh", "sold_wh", "revenue", "sell_collateral")
    )
    # What she has to pay is on hold already.
    return [bought, sold], world.balance("anna") + revenue + bond


def test_a_difference_of_a_millionth_is_noticed() -> None:
    plain = {"north": Line("", 10**6, 1), "south": Line("", 10**6, 0)}
    lines_by_name = plain | {"branch": Line("south", 10**6, 0)}
    world = street(lines_by_name, 3_000, 100)
    slot = world.slot_ahead(1)
    world.block(world.buy("anna", slot, 777, HIGH))
    model = MarketModel(3_000, 100, lines_by_name, FEEDERS)
    model.run([Order("anna", True, 777, HIGH)])
    compare(world, slot, model)
    model.ledger.positions["anna"].cost += 1
    with pytest.raises(AssertionError, match="anna"):
        compare(world, slot, model)


def test_the_accounts_of_the_model_exist() -> None:
    assert set(FEEDERS) <= set(people.HOUSEHOLDS)
