"""Who uses and produces nothing gains nothing, whatever it does with others: no position is an
option, and coming first is worth nothing.

Ben, Clara and Dirk trade what they need; Anna and Eva, who may belong to the same person, trade
without any energy of their own: by market orders, cancellations, offers and limit orders, before,
between and after the others. SCALPERS in the environment says how many days are tried.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.support.streets.auctions import ask, bid
from tests.support.streets.grid_market import FEES, GridMarket
from tests.support.streets.settling import NO_SEED, settle
from tests.support.world import reading

LOW, HIGH = 80_000, 300_000
DAYS = int(os.environ.get("SCALPERS", "25"))
SCALPERS = ("anna", "eva")
WEALTH = 100_000_000
# Without grid fees, which would eat up what a trick brings.
FREE = {f"registry.feeders[{name}]": {"grid_fee_per_kwh": 0} for name in FEES}


def draw_trick(random: Random, grid: GridMarket, slot: int, name: str) -> bytes:
    """Something that a scalper tries, with all that it has or a little."""
    world, other = grid.world, random.choice(["anna", "eva", "dirk"])
    position = grid.position(slot, name)
    has_wh = position.bought_wh or position.sold_wh
    wh = random.choice([has_wh or 5_000, random.randint(1, 20_000), random.randint(1, 50)])
    limit = random.choice([LOW, HIGH, random.randint(LOW, HIGH)])
    kind = random.choice(["buy", "sell", "cancel", "offer", "take", "bid", "ask"])
    if kind == "buy":
        return world.buy(name, slot, wh, max(limit, 150_000))
    if kind == "sell":
        return world.sell(name, slot, wh, min(limit, 200_000))
    if kind == "cancel":
        is_bought = bool(position.bought_wh)
        return world.cancel(name, slot, is_bought, wh, LOW if is_bought else HIGH)
    if kind == "offer":
        return grid.offer(name, slot, limit, wh)
    if kind == "take" and other != name:
        return grid.buy_offer(name, other, slot, wh)
    return (bid if kind == "bid" else ask)(world, name, slot, wh, limit)


def draw_need(random: Random, grid: GridMarket, slot: int, needs_wh: dict[str, int]) -> bytes:
    """Somebody trades a part of what it needs, or buys a scalper's offer."""
    world, name = grid.world, random.choice(["ben", "clara", "dirk"])
    wh = random.randint(1, 8_000)
    if name == "dirk":
        needs_wh[name] -= wh
        return world.sell(name, slot, wh, random.choice([LOW, LOW, 150_000]))
    needs_wh[name] += wh
    if random.random() < 0.3:
        return grid.buy_offer(name, random.choice(SCALPERS), slot, wh)
    return world.buy(name, slot, wh, random.choice([HIGH, HIGH, 250_000]))


@pytest.mark.parametrize("number", range(DAYS))
def test_who_has_no_energy_ends_with_no_more_than_at_the_beginning(number: int) -> None:
    random = Random(number)
    seeded = {} if random.random() < 0.7 else NO_SEED
    depth_wh = random.choice([3_000, 50_000])
    terms = {
        "depth_max_wh": depth_wh,
        "margin_max_per_kwh": random.choice([0, 5_500]),
        "surplus_share_permille": 1_000,
        "imbalance_collateral_permille": 1_000,
    }
    free = random.random() < 0.7
    grid = GridMarket({**seeded, **(FREE if free else {}), "market.params": terms})
    world, slot = grid.world, grid.world.slot_ahead(1)
    needs_wh = dict.fromkeys(["ben", "clara", "dirk"], 0)
    for _ in range(random.randint(2, 6)):
        tricks = [
            draw_trick(random, grid, slot, random.choice(SCALPERS))
            for _ in range(random.randint(0, 3))
        ]
        needs = [draw_need(random, grid, slot, needs_wh) for _ in range(random.randint(0, 3))]
        txs = tricks + needs
        random.shuffle(txs)
        world.block(*_by_signer(txs, tricks, needs))
    world.block(at=grid.gate_s(slot))
    shown = [
        reading(f"meter-{name}", slot, max(0, wh), max(0, -wh)) for name, wh in needs_wh.items()
    ]
    shown += [reading(f"meter-{name}", slot) for name in SCALPERS]
    world.block(world.submit(*shown), at=world.end_s(slot))
    settle(world, slot)
    for name in SCALPERS:
        assert world.balance(name) + grid.held(name) <= WEALTH, name


def _by_signer(txs: list[bytes], tricks: list[bytes], needs: list[bytes]) -> list[bytes]:
    """The transactions mixed, but those of the same side in their order: sequences must be kept."""
    rest = {True: iter(tricks), False: iter(needs)}
    return [next(rest[any(tx is one for one in tricks)]) for tx in txs]


@pytest.mark.parametrize("way", ["market order", "cancellation", "offer", "ask"])
def test_buying_first_and_getting_out_before_the_gate_brings_nothing(way: str) -> None:
    """The attack that used to work: 50 kWh in the block that opens the slot, sold to homes that buy
    30 kWh after it.
    """
    terms = {"margin_max_per_kwh": 5_500, "purse_share_permille": 1_000}
    wide = {f"registry.meters[meter-{name}]": {"capacity_w": 100_000} for name in ("eva", "clara")}
    grid = GridMarket({**FREE, **wide, "market.params": terms})
    world, slot = grid.world, grid.world.slot_ahead(1)
    world.block(world.buy("eva", slot, 50_000, HIGH))
    assert grid.position(slot, "eva").bought_wh > 40_000
    wh = grid.position(slot, "eva").bought_wh
    if way == "offer":
        world.block(grid.offer("eva", slot, 299_000, wh))
        world.block(grid.buy_offer("clara", "eva", slot, 30_000))
        world.block(world.sell("eva", slot, wh - 30_000, LOW))
    else:
        world.block(world.buy("clara", slot, 30_000, HIGH))
        if way == "market order":
            world.block(world.sell("eva", slot, wh, LOW))
        elif way == "cancellation":
            world.block(world.cancel("eva", slot, True, wh, LOW))
        else:
            world.block(ask(world, "eva", slot, wh, LOW))
            world.block(at=grid.gate_s(slot))
    readings = [reading("meter-clara", slot, 30_000), reading("meter-eva", slot)]
    world.block(world.submit(*readings), at=world.end_s(slot))
    settle(world, slot)
    assert world.balance("eva") + grid.held("eva") <= WEALTH
