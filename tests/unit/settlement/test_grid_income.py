"""Fees and congestion rents: what is paid to the grid, and what that can cost the pool."""

from __future__ import annotations

from typing import Any

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.market import rules as market_rules
from chain.market.rules import Curve
from chain.runtime.units import ceil_div
from chain.settlement import rules
from tests.support.properties import curves, examples, net_energies
from tests.support.streets import people
from tests.support.streets.settling import arrears_of, owed_by_fund, result_of, settle
from tests.support.world import FIRST_SLOT, World, reading

SLOT = FIRST_SLOT + 1
FUNDING = 2_750_000
FEES, RENT, CANCELLED = 150_000, 300_000, 40_000
# Ben pays 2.50 EUR for 10 kWh that Dirk is paid 1.80 EUR for. 0.45 EUR of that belong to the grid,
# and somebody has left 0.04 EUR in the pool: it has gained 0.29 EUR.
GAIN = 290_000
TRADED: dict[str, Any] = {
    "market.last_slot": SLOT,
    "market.last_cleared": SLOT,
    f"market.slots[{SLOT}]": {
        "status": "SLOT_STATUS_CLOSED", "bought_wh": 10_000, "sold_wh": 10_000,
        "cost": 2_500_000, "revenue": 1_800_000, "funding": FUNDING,
        "price_low_per_kwh": 80_000, "price_high_per_kwh": 300_000, "depth_wh": 50_000,
        "cancellation_income": CANCELLED, "grid_fees": FEES, "congestion_rent": RENT,
    },
    f"market.positions[{SLOT}, ben]": {
        "bought_wh": 10_000, "cost": 2_500_000, "buy_collateral": 300_000, "hold_id": 1,
        "feeder": "north", "grid_fees": 100_000,
    },
    f"market.positions[{SLOT}, dirk]": {
        "sold_wh": 10_000, "revenue": 1_800_000, "sell_collateral": 120_000, "hold_id": 2,
        "feeder": "south", "sold_grid_fees": 50_000,
    },
    f"market.flows[{SLOT}, north]": {"import_wh": 10_000},
    f"market.flows[{SLOT}, south]": {"export_wh": 10_000},
    "bank.last_hold_id": 2,
    "bank.holds[ben, 1]": {"denom": "ueur", "amount": 2_800_000},
    "bank.holds[dirk, 2]": {"denom": "ueur", "amount": 120_000},
    "bank.balances[pool, ueur]": FUNDING + CANCELLED,
    f"market.purses[{SLOT % 12}]": {"money": 0},
    "bank.balances[purses, ueur]": 11 * FUNDING,
}  # fmt: skip
NOBODY_HAS_ANYTHING = {
    "bank.balances[treasury, ueur]": None,
    "bank.balances[clara, ueur]": None,
}


def settled(clara_wh: int = 0, **changes: Any) -> World:
    """The slot, settled: Ben and Dirk keep what they agreed, Clara uses what she never bought."""
    world = World({**TRADED, **changes.pop("changes", {})})
    readings = [
        reading("meter-ben", SLOT, 10_000),
        reading("meter-dirk", SLOT, 0, 10_000),
        reading("meter-clara", SLOT, clara_wh),
    ]
    world.block(world.submit(*readings), at=world.end_s(SLOT))
    settle(world, SLOT)
    return world


def test_the_grid_is_paid_the_purse_has_the_rest_and_the_treasury_what_that_cannot_hold() -> None:
    world = settled()
    result = result_of(world, SLOT)
    assert (result.grid_fees, result.congestion_rent) == (FEES, RENT)
    assert world.balance("distributor") == 100_000_000 + FEES + RENT
    assert (result.pool_gain, result.pool_loss) == (GAIN, 0)
    assert result.purse_credit == FUNDING + GAIN
    assert result.treasury_credit == GAIN
    assert world.short()[f"market.purses[{SLOT % 12}]"] == {
        "money": str(FUNDING), "seed": str(FUNDING), "gained": str(GAIN), "paid_out": str(GAIN),
        "settled_slots": "1",
    }  # fmt: skip
    assert arrears_of(world) == {}


def test_what_nobody_has_the_default_fund_owes_and_the_pool_keeps_its_own() -> None:
    """11 kWh came in for 3.30 EUR that nobody had: less than the pool has, but that opens slots."""
    world = settled(11_000, changes=NOBODY_HAS_ANYTHING)
    result = result_of(world, SLOT)
    assert (result.uncovered, result.backstop_paid) == (3_300_000, FEES + RENT)
    assert (result.grid_fees, result.congestion_rent) == (0, 0)
    assert result.purse_credit == FUNDING + GAIN
    assert arrears_of(world) == {"clara": 3_300_000}
    assert owed_by_fund(world) == {
        f"{SLOT}, backstop": 3_300_000 - FEES - RENT,
        f"{SLOT}, distributor": FEES + RENT,
    }


def test_fees_come_before_rent_and_the_backstop_before_both() -> None:
    """1 kWh for 0.30 EUR, of which the default fund has 0.05."""
    changes = {**NOBODY_HAS_ANYTHING, "bank.balances[default-fund, ueur]": 50_000}
    world = settled(1_000, changes=changes)
    result = result_of(world, SLOT)
    paid = (result.backstop_paid, result.grid_fees, result.congestion_rent)
    assert paid == (300_000, FEES, RENT - 250_000)
    assert arrears_of(world) == {"clara": 300_000}
    assert owed_by_fund(world) == {f"{SLOT}, distributor": 250_000}


def test_what_the_market_recorded_of_old_slots_is_forgotten_piece_by_piece() -> None:
    world = World({"settlement.params": {"history_slots": 1, "pruned_per_block_max": 1}})
    world.block()
    orders = [(name, side) for name in ("anna", "eva") for side in ("BUY", "SELL")]
    world.block(*(_limit_order(world, name, side) for name, side in orders))
    world.block(at=world.end_s(SLOT) - 30)
    world.block(_curtail(world))
    assert [result.code for result in world.results] == [0]
    settle(world, SLOT)
    kinds = {path.partition("[")[0] for path in _records(world)}
    assert kinds == {
        f"market.{kind}" for kind in ("slots", "clearings", "limit_orders", "flows", "curtailments")
    }
    world.block(at=world.deadline_s(SLOT + 1))
    for _ in range(30):
        left = _records(world)
        world.block(at=world.time_s + 1)
        assert len(left) - len(_records(world)) <= 1
        # The slot goes last.
        assert not left or f"market.slots[{SLOT}]" in left
    assert not left


def test_a_slot_waits_until_its_fills_are_booked_and_so_do_the_slots_behind_it() -> None:
    """After a halt of the chain slots are due before their auctions are cleared."""
    world = World({"market.params": {"bookings_per_block_max": 1}})
    world.block()
    orders = [(name, side) for name in ("anna", "eva") for side in ("BUY", "SELL")]
    world.block(*(_limit_order(world, name, side) for name, side in orders))
    world.block(at=world.deadline_s(SLOT + 2))
    statuses = []
    while not statuses or statuses[-1][2] != "SETTLED":
        short = world.short()
        slots = [short[f"market.slots[{SLOT + ahead}]"]["status"] for ahead in range(3)]
        statuses.append([status.removeprefix("SLOT_STATUS_") for status in slots])
        assert len(statuses) < 20
        world.block(at=world.time_s + 1)
    assert statuses[:4] == [["CLEARING", "OPEN", "OPEN"]] * 4
    assert statuses[4:] == [["SETTLED", "OPEN", "OPEN"], ["SETTLED"] * 3]


def _records(world: World) -> list[str]:
    return [path for path in world.short() if path.startswith("market.") and f"[{SLOT}" in path]


def _limit_order(world: World, name: str, side: str) -> bytes:
    message = market_tx_pb2.MsgPlaceLimitOrder(
        owner=people.address_text(name),
        slot=SLOT,
        side=market_pb2.Side.Value(f"SIDE_{side}"),
        quantity_wh=2_000 if side == "BUY" else 1_000,
        price_limit_per_kwh=250_000 if side == "BUY" else 150_000,
    )
    return world.sign(name, message)


def _curtail(world: World) -> bytes:
    message = market_tx_pb2.MsgCurtail(
        distributor=people.address_text("distributor"),
        slot=SLOT,
        feeder="north",
        side=market_pb2.SIDE_BUY,
        share_permille=500,
        reason="the line is hot",
    )
    return world.sign("distributor", message)


@given(curves(), net_energies, st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
@examples(300)
def test_inv_5_bounds_what_the_pool_can_lose_whatever_belongs_to_the_grid(
    curve: Curve, net_wh: int, fees: int, rent: int, cancelled: int
) -> None:
    """A pool that earned just the area of its line, and the margin on its net energy, never loses
    more than its funding.
    """
    area = market_rules.compute_potential(curve, net_wh) - market_rules.compute_potential(curve, 0)
    area += curve.margin * abs(net_wh) * market_rules.compute_scale(curve) // 1000
    earned = ceil_div(area, market_rules.compute_scale(curve)) + fees + rent - cancelled
    slot = market_pb2.Slot(
        bought_wh=max(0, net_wh),
        sold_wh=max(0, -net_wh),
        cost=max(0, earned),
        revenue=max(0, -earned),
        funding=market_rules.compute_funding(curve),
        price_low_per_kwh=curve.price_low,
        price_high_per_kwh=curve.price_high,
        depth_wh=curve.depth_wh,
        margin_per_kwh=curve.margin,
        cancellation_income=cancelled,
        grid_fees=fees,
        congestion_rent=rent,
    )
    assert rules.compute_pool_result(slot) >= -slot.funding
