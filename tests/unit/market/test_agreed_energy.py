"""Whatever is offered, bought, sold, cancelled and curtailed: energy, money and lines add up."""

from __future__ import annotations

from collections import Counter
from typing import Any

from blockenergy.market.v1 import tx_pb2
from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL
from hypothesis import given
from hypothesis import strategies as st

from chain.market import rules
from chain.market.rules import Curve
from tests.support import documents
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.grid_market import GridMarket

STREET = Curve(80_000, 300_000, 50_000)
PARENTS = {"north": "", "yard": "north", "south": ""}
SELLERS = st.sampled_from(["anna", "dirk", "eva"])
BUYERS = st.sampled_from(["anna", "ben", "clara", "eva"])
QUANTITIES = st.one_of(st.integers(1, 20), st.integers(1, 1_000), st.integers(1, 6_000))
PRICES = st.one_of(
    st.sampled_from([80_000, 150_001, 190_000, 300_000]), st.integers(80_000, 300_000)
)
SIDES = st.sampled_from([SIDE_BUY, SIDE_SELL])

offers = st.tuples(st.just("offer"), SELLERS, PRICES, st.sampled_from([0, 3_000, 5_001]))
purchases = st.tuples(st.just("buy_offer"), BUYERS, SELLERS, QUANTITIES)
orders = st.one_of(
    st.tuples(st.just("buy"), BUYERS, QUANTITIES, PRICES),
    st.tuples(st.just("sell"), SELLERS, QUANTITIES, PRICES),
    st.tuples(st.just("cancel"), BUYERS, SIDES, QUANTITIES),
)
trades = st.lists(
    st.lists(st.one_of(offers, purchases, purchases, orders), min_size=1, max_size=5),
    min_size=2,
    max_size=5,
)
# So that there is something to buy from, to cancel and to curtail.
OPENING = [
    *(("offer", seller, 150_001, 4_000) for seller in ("anna", "dirk", "eva")),
    ("buy", "ben", 333, 300_000),
    ("buy", "clara", 401, 300_000),
    ("sell", "dirk", 299, 80_000),
]
curtailments = st.lists(
    st.tuples(st.sampled_from(list(PARENTS)), SIDES, st.integers(1, 1_000)),
    min_size=1,
    max_size=4,
)
capacities = st.fixed_dictionaries(
    {name: st.sampled_from([0, 1_000, 3_000, 10_000_000, 10_000_000]) for name in PARENTS}
)


def sign(grid: GridMarket, slot: int, deed: tuple[Any, ...]) -> bytes:
    kind, who, *rest = deed
    if kind == "offer":
        return grid.offer(who, slot, *rest)
    if kind == "buy_offer":
        return grid.buy_offer(who, rest[0], slot, rest[1])
    if kind == "cancel":
        message = tx_pb2.MsgCancelPosition(
            owner=people.address_text(who),
            slot=slot,
            side=rest[0],
            quantity_wh=rest[1],
            price_limit_per_kwh=80_000 if rest[0] == SIDE_BUY else 300_000,
        )
        return grid.world.sign(who, message)
    make = grid.world.buy if kind == "buy" else grid.world.sell
    return make(who, slot, *rest)


def number(fields: Any, name: str) -> int:
    return int(fields.get(name, 0))


def earned_of(info: Any) -> tuple[int, int]:
    """What the pool has sold net in a slot, and what it has earned without the grid's part."""
    earned = number(info, "cost") + number(info, "cancellation_income") - number(info, "revenue")
    net_wh = number(info, "bought_wh") - number(info, "sold_wh")
    return net_wh, earned - number(info, "grid_fees")


def check(grid: GridMarket, slot: int, capacities_wh: dict[str, int], owned: int) -> None:
    """Adds up by itself what the state has of a slot."""
    short = grid.world.short()
    info = short[f"market.slots[{slot}]"]
    positions = {
        path: fields for path, fields in short.items() if path.startswith("market.positions[")
    }
    for name in ("bought_wh", "sold_wh", "cost", "revenue"):
        assert sum(number(p, name) for p in positions.values()) == number(info, name)
    # The pool has at least the area of its curve (INV-5).
    net_wh, earned = earned_of(info)
    area = rules.compute_potential(STREET, net_wh) - rules.compute_potential(STREET, 0)
    assert earned * 4_000 * STREET.depth_wh >= area
    # Every hold is that of a position or an offer, and has exactly what that needs.
    needed: Counter[str] = Counter()
    for path, p in positions.items():
        owner = path.split(", ")[1][:-1]
        place = f"bank.holds[{owner}, {p['hold_id']}]"
        needed[place] += (
            number(p, "cost") + number(p, "buy_collateral") + number(p, "sell_collateral")
        )
    for path, offer in short.items():
        if path.startswith("market.offers["):
            owner = path.split(", ")[1][:-1]
            risk = 300_000 - number(offer, "price_per_kwh")
            bond = -(-number(offer, "available_wh") * risk // 10_000)
            needed[f"bank.holds[{owner}, {offer['hold_id']}]"] += bond
    holds = {path: number(fields, "amount") for path, fields in short.items() if "holds[" in path}
    assert holds == dict(needed)
    # No line carries more than it can, and all that is agreed is on its way.
    flows: Counter[str] = Counter()
    for p in positions.values():
        feeder = p.get("feeder", "")
        while feeder:
            flows[feeder] += number(p, "bought_wh") - number(p, "sold_wh")
            feeder = PARENTS[feeder]
    for name, capacity_wh in capacities_wh.items():
        assert grid.flow(slot, name) == flows[name]
        assert abs(flows[name]) <= capacity_wh
    assert _count_money(short) == owned


def _count_money(short: documents.Short) -> int:
    balances = sum(int(value) for path, value in short.items() if path.startswith("bank.balances["))
    return balances + sum(
        number(value, "amount") for path, value in short.items() if path.startswith("bank.holds[")
    )


@given(capacities, trades, curtailments)
@examples(100)
def test_energy_money_holds_and_flows_add_up(
    capacities_wh: dict[str, int],
    blocks: list[list[tuple[Any, ...]]],
    cuts: list[tuple[str, int, int]],
) -> None:
    grid = GridMarket(
        {f"registry.feeders[{name}]": {"capacity_w": wh} for name, wh in capacities_wh.items()}
    )
    world, slot = grid.world, grid.world.slot_ahead(1)
    owned = _count_money(world.short())
    for deeds in [OPENING, *blocks]:
        world.block(*(sign(grid, slot, deed) for deed in deeds))
        check(grid, slot, capacities_wh, owned)
    world.block(at=grid.gate_s(slot))
    assert not any(path.startswith("market.offers[") for path in world.short())
    for feeder, side, share in cuts:
        before = earned_of(world.short()[f"market.slots[{slot}]"])
        world.block(grid.curtail(slot, feeder, side, share))
        # What a distributor takes over leaves the net energy of the slot as it was; what it closes
        # against what it has already taken over adds to what the pool has earned. Production that
        # is curtailed alone may leave more use on a line than it was agreed to carry.
        after = earned_of(world.short()[f"market.slots[{slot}]"])
        assert after[0] == before[0] and after[1] >= before[1]
        unbounded = dict.fromkeys(capacities_wh, 10**9)
        check(grid, slot, unbounded, owned)
