"""Who may trade in a prediction market: nobody who decides it, or can move what it is about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rejections import rejections
from tests.support.streets.prediction_market import TOKEN, buy, create, make_market
from tests.support.world import FIRST_SLOT, START_S, World


def test_who_decides_in_the_last_instance_does_not_trade() -> None:
    world = make_market()
    world.block(buy(world, "distributor", 0, TOKEN))
    assert rejections(world) == ["MAY_NOT_TRADE"]


@pytest.mark.parametrize("role", ["PRODUCER", "CONSUMER", "PROSUMER", "STORAGE", "FORECASTER"])
def test_who_can_move_the_price_does_not_trade_in_it(role: str) -> None:
    slot = FIRST_SLOT + 5
    world = make_market(
        **{
            "forecast.targets[1]": {"quantity": "QUANTITY_PRICE", "orderer": "distributor"},
            "forecast.tallies[1]": {"slot": FIRST_SLOT},
            "forecast.last_target_id": 1,
            "registry.participants[fred]": {"roles": [f"ROLE_{role}"], "status": "STATUS_ACTIVE"},
        }
    )
    on_price = {"question": "", "names": [], "reporter": "", "target_id": 1, "slot": slot}
    world.block(create(world, **on_price, bounds=[200_000]))
    assert rejections(world) == [""]
    world.block(buy(world, "fred", 0, TOKEN, market_id=2))
    assert rejections(world) == ["" if role == "FORECASTER" else "MAY_NOT_TRADE"]


@pytest.mark.parametrize(
    ("day_wh", "slot_wh", "answer"),
    [
        (2_400_000, 0, ""),
        (2_399_999, 500_000, "MAY_NOT_TRADE"),
        (None, 100_000, ""),
        (None, 99_999, "MAY_NOT_TRADE"),
        (None, None, "MAY_NOT_TRADE"),
    ],
)
def test_owners_trade_while_their_connections_carry_a_tenth_of_the_day_or_of_the_slot_that_is_known(
    day_wh: int | None, slot_wh: int | None, answer: str
) -> None:
    """Ben's carries 10,000 Wh in a slot, and he has used nothing; a household of the south is no
    insider of the north.
    """
    world = make_targets(day_wh, slot_wh)
    found = []
    for market_id in (2, 3):
        world.block(buy(world, "ben", 0, TOKEN, market_id=market_id))
        found += rejections(world)
    assert found == [answer, ""]


def make_targets(day_wh: int | None, slot_wh: int | None, meters: int = 5, **changes: Any) -> World:
    """Markets 2 and 3, on the energy of the grid and of the south, which came to so much in the
    last day and in its last slot.
    """
    last, total_wh = FIRST_SLOT - 1, 10_000_000
    totals = {last: total_wh}
    if slot_wh is not None:
        totals[last - 1] = total_wh - slot_wh
    if day_wh is not None:
        totals[last - 24] = total_wh - day_wh
    limits = {"price_low_per_kwh": 80_000, "price_high_per_kwh": 300_000}
    target = {"quantity": "QUANTITY_NET_USE", "orderer": "distributor"}
    entries: dict[str, Any] = {
        "forecast.params": {"markets_max": 3},
        "metering.last_settled": last,
        "settlement.progress": {"slot": FIRST_SLOT},
        f"settlement.results[{last}]": {},
        "market.last_slot": FIRST_SLOT,
        "market.last_cleared": FIRST_SLOT,
        f"market.slots[{last}]": {"status": "SLOT_STATUS_SETTLED", **limits},
        f"market.slots[{FIRST_SLOT}]": {"status": "SLOT_STATUS_CLOSED", **limits},
        "forecast.targets[1]": target,
        "forecast.targets[2]": {**target, "feeder": "south"},
        "forecast.last_target_id": 2,
    }
    for target_id in (1, 2):
        entries[f"forecast.tallies[{target_id}]"] = {"slot": FIRST_SLOT}
        for slot, energy_wh in totals.items():
            outcome = {"known": True, "meters": meters, "energy_total_wh": energy_wh}
            entries[f"forecast.outcomes[{slot}, {target_id}]"] = outcome
    world = make_market(**entries | changes)
    for target_id in (1, 2):
        on_target = {"question": "", "names": [], "reporter": "", "slot": FIRST_SLOT + 5}
        world.block(create(world, **on_target, target_id=target_id, bounds=[0]))
        assert rejections(world) == [""]
    return world


@pytest.mark.parametrize(("meters", "answer"), [(100, ""), (101, "MAY_NOT_TRADE")])
def test_who_has_very_many_meters_does_not_trade_however_large_the_grid_is(
    meters: int, answer: str
) -> None:
    """Meters are counted up to a hundred: a trade has its work limited."""
    meter = {
        "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 1,
        "status": "STATUS_ACTIVE", "added_at_s": START_S,
    }  # fmt: skip
    more = {
        f"registry.meters[more-{number}]": {**meter, "pub_key": f"meter-more-{number}"}
        for number in range(1, meters)
    }
    world = make_targets(None, 1_000_000, meters=10_000, **more)
    world.block(buy(world, "ben", 0, TOKEN, market_id=2))
    assert rejections(world) == [answer]
