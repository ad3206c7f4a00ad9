"""Whatever is ordered: call auctions through the chain and all they touch (INV-8, INV-9)."""

from __future__ import annotations

from typing import Any

from blockenergy.market.v1 import state_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples
from tests.support.streets.auctions import ask, bid, clearing_of, close, orders_of, slot_of
from tests.support.streets.settling import opened, settle
from tests.support.world import World

EXAMPLES = 250
NORTH, SOUTH = "registry.feeders[north]", "registry.feeders[south]"


@st.composite
def streets(draw: st.DrawFn) -> dict[str, Any]:
    """Two feeders, side by side or one behind the other, with narrow lines and fees."""
    capacity = st.one_of(st.integers(0, 6_000), st.just(10_000_000))
    fee = st.one_of(st.just(0), st.integers(0, 60_000))
    feeders = {
        name: {
            "capacity_w": draw(capacity),
            "grid_fee_per_kwh": draw(fee),
            "thin_market": draw(st.integers(0, 2)) == 0,
        }
        for name in (NORTH, SOUTH)
    }
    if draw(st.booleans()):
        feeders[NORTH]["parent"] = "south"
    return {
        **feeders,
        "registry.meters[meter-anna]": {"energy_source": "ENERGY_SOURCE_SOLAR"},
        "registry.meters[meter-eva]": {
            "energy_source": draw(st.sampled_from(["ENERGY_SOURCE_HYDRO", "ENERGY_SOURCE_FOSSIL"]))
        },
        "market.params": {
            "resting_orders_per_owner_max": 8,
            "minimum_quantity_orders_max": 5,
            "bookings_per_block_max": draw(st.integers(1, 6)),
            "price_rule_permille": draw(st.sampled_from([0, 500, 1_000])),
            "depth_max_wh": draw(st.sampled_from([300, 50_000])),
            "margin_max_per_kwh": draw(st.sampled_from([0, 11_000])),
        },
    }


@st.composite
def limit_orders(draw: st.DrawFn) -> tuple[str, bool, int, int, dict[str, Any]]:
    """An order that the chain may take or reject: owner, whether to buy, Wh, limit, the rest."""
    owner = draw(st.sampled_from(["anna", "ben", "clara", "dirk", "eva", "anna", "eva"]))
    is_buy = draw(st.booleans()) if owner in ("anna", "eva") else owner != "dirk"
    quantity_wh = draw(st.integers(1, 4_000))
    limit = draw(st.integers(8, 30)) * 10_000
    fields: dict[str, Any] = {}
    kind = draw(st.integers(0, 9))
    if kind == 0:
        fields["minimum_acceptable_wh"] = draw(st.integers(1, quantity_wh))
    elif kind in (1, 2):
        full = draw(st.integers(8, limit // 10_000) if is_buy else st.integers(limit // 10_000, 30))
        fields["full_price_per_kwh"] = full * 10_000
    if draw(st.integers(0, 3)) == 0:
        fields["local"] = True
        fields["renewable"] = draw(st.booleans())
    return owner, is_buy, quantity_wh, limit, fields


@given(
    streets(),
    st.lists(limit_orders(), min_size=6, max_size=16),
    st.lists(limit_orders(), max_size=4),
)
@examples(EXAMPLES)
def test_whatever_is_ordered_adds_up(
    changes: dict[str, Any], orders: list[Any], market_orders: list[Any]
) -> None:
    """INV-5, INV-8 and INV-9: all invariants hold after every block, up to the settlement."""
    world, slot = opened(changes)
    world.block(
        *[
            (world.buy if is_buy else world.sell)(owner, slot, wh, limit)
            for owner, is_buy, wh, limit, _ in market_orders
        ]
    )
    world.block(
        *[
            (bid if is_buy else ask)(world, owner, slot, wh, limit, **fields)
            for owner, is_buy, wh, limit, fields in orders
        ]
    )
    before = slot_of(world, slot)
    close(world, slot)
    if before.resting_orders:
        check_outcome(world, slot, before)
    settle(world, slot)


def check_outcome(world: World, slot: int, before: state_pb2.Slot) -> None:
    """What everybody can see of a clearing, by other means than the chain's."""
    answer, info = clearing_of(world, slot), slot_of(world, slot)
    clearing, orders = answer.clearing, [order for _, order in orders_of(world, slot)]
    bought = sum(order.filled_wh for order in orders if order.side == state_pb2.SIDE_BUY)
    sold = sum(order.filled_wh for order in orders if order.side == state_pb2.SIDE_SELL)
    assert bought - sold == clearing.pool_sold_wh - clearing.pool_bought_wh
    # What an account has then bought and sold is closed.
    closed = bought - (info.bought_wh - before.bought_wh)
    assert closed >= 0 and info.sold_wh - before.sold_wh == sold - closed
    for order in orders:
        assert (
            order.filled_wh == 0
            or order.minimum_acceptable_wh <= order.filled_wh <= order.quantity_wh
        )
        worth = order.price_limit_per_kwh * order.filled_wh
        if order.side == state_pb2.SIDE_BUY:
            assert order.amount <= -(-worth // 1_000)
        else:
            assert order.amount >= worth // 1_000
    for node in clearing.nodes[1:]:
        if node.product == state_pb2.PRODUCT_ANY:
            assert node.import_wh <= node.import_capacity_wh
            assert node.export_wh <= node.export_capacity_wh
        else:
            assert not node.import_wh
    check_sources(orders)


def check_sources(orders: list[state_pb2.LimitOrder]) -> None:
    """Nobody has energy of a kind that was not made on his feeder."""
    for feeder in ("north", "south"):
        here = [order for order in orders if order.feeder == feeder]
        asks = [order for order in here if order.side == state_pb2.SIDE_SELL]
        bids = [order for order in here if order.side == state_pb2.SIDE_BUY]
        made = sum(order.filled_wh for order in asks)
        renewable = sum(order.filled_wh for order in asks if order.renewable)
        assert sum(order.filled_wh for order in bids if order.local) <= made
        assert sum(order.filled_wh for order in bids if order.renewable) <= renewable
