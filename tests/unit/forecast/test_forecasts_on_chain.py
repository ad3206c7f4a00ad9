"""Forecasters and attackers on a chain: what fixes a forecast, what it earns, and who waits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from blockenergy.forecast.v1 import query_pb2, tx_pb2
from blockenergy.forecast.v1.state_pb2 import QUANTITY_NET_USE

from chain.forecast import compute_hash
from chain.forecast.state import FORECASTS, ROUNDS
from tests.support import people
from tests.support.rejections import rejections
from tests.support.world import CHAIN_ID, FIRST_SLOT, START_S, World, reading

SLOT = FIRST_SLOT + 1
GATE_S = START_S + 40
SALTS = {name: bytes([number]) * 32 for number, name in enumerate(("frida", "franz", "fred"), 1)}
STAKE = 100_000
GOOD = [980, 985, 990, 995, 1000, 1005, 1010, 1015, 1020]
FAIR = [500, 600, 700, 800, 900, 1000, 1100, 1200, 1300]
BAD = [5_000] * 9
HOMES = ("anna", "ben", "clara", "dirk", "eva")


def make_street(**changes: Any) -> World:
    """A street with three forecasters, one target, and 800 Wh of yesterday's net use."""
    entries: dict[str, Any] = {
        "forecast.targets[1]": {
            "quantity": "QUANTITY_NET_USE", "orderer": "distributor",
            "reward_per_slot": 100_000, "budget": 5_000_000,
        },
        "forecast.tallies[1]": {"slot": FIRST_SLOT},
        "forecast.last_target_id": 1,
        f"forecast.outcomes[{SLOT - 24}, 1]": {"known": True, "value": 800},
        "bank.balances[forecasts, ueur]": 5_000_000,
    }  # fmt: skip
    for name in SALTS:
        entries[f"registry.participants[{name}]"] = {
            "roles": ["ROLE_FORECASTER"],
            "status": "STATUS_ACTIVE",
        }
        entries[f"bank.balances[{name}, ueur]"] = 10_000_000
    return World(entries | changes)


def submit(world: World, name: str, quantiles: list[int], stake: int = STAKE) -> bytes:
    message = tx_pb2.MsgSubmitForecast(
        forecaster=people.address_text(name),
        target_id=1,
        first_slot=SLOT,
        quantiles=quantiles,
        stake_per_slot=stake,
    )
    return world.sign(name, message)


def hash_of(name: str, quantiles: list[int]) -> bytes:
    address = people.wallet(name).address
    return compute_hash(CHAIN_ID, address, 1, SLOT, quantiles, SALTS[name])


def commit(world: World, name: str, fixed: bytes, stake: int = STAKE) -> bytes:
    message = tx_pb2.MsgCommitForecast(
        forecaster=people.address_text(name),
        target_id=1,
        first_slot=SLOT,
        hashes=[fixed],
        stake_per_slot=stake,
    )
    return world.sign(name, message)


def reveal(world: World, name: str, quantiles: list[int], salt_of: str = "") -> bytes:
    message = tx_pb2.MsgRevealForecast(
        forecaster=people.address_text(name),
        target_id=1,
        first_slot=SLOT,
        quantiles=quantiles,
        salts=[SALTS[salt_of or name]],
    )
    return world.sign(name, message)


def settle(world: World, net_use_wh: int = 1_000) -> None:
    """Reads every meter in both slots, the second with this net use, and settles them."""
    slots = ((SLOT - 1, 0), (SLOT, net_use_wh))
    for slot, import_wh in slots:
        readings = [reading(f"meter-{name}", slot, import_wh * (name == "ben")) for name in HOMES]
        world.block(world.submit(*readings), at=world.end_s(slot))
    world.block(at=world.deadline_s(SLOT))


def earned(world: World) -> dict[str, int]:
    """What each forecaster has more than at the beginning."""
    return {name: world.balance(name) - 10_000_000 for name in SALTS}


@pytest.mark.parametrize("sequence", list(permutations(SALTS)))
def test_the_sequence_of_reveals_changes_nothing(sequence: Sequence[str]) -> None:
    said = {"frida": GOOD, "franz": FAIR, "fred": BAD}
    world = make_street()
    world.block(*(commit(world, name, hash_of(name, said[name])) for name in said))
    for place, name in enumerate(sequence):
        world.block(reveal(world, name, said[name]), at=GATE_S + place)
        assert rejections(world) == [""]
    settle(world)
    # Losses of 200, 4,500 and 180,000 against 9,000 of yesterday's.
    assert earned(world) == {"frida": 64_695, "franz": 33_082, "fred": -STAKE}


def test_a_copied_hash_opens_nothing_and_costs_its_stake() -> None:
    world = make_street()
    fixed = hash_of("frida", GOOD)
    world.block(commit(world, "frida", fixed), commit(world, "franz", fixed))
    copied = reveal(world, "franz", GOOD, salt_of="frida")
    world.block(reveal(world, "frida", GOOD), copied, at=GATE_S)
    assert rejections(world) == ["", "HASH_DIFFERS"]
    settle(world)
    assert earned(world) == {"frida": 97_777, "franz": -STAKE // 2, "fred": 0}


@pytest.mark.parametrize("is_open", [True, False])
def test_who_repeats_what_can_be_read_earns_nothing_whatever_the_stake(is_open: bool) -> None:
    world = make_street()
    world.block(submit(world, "frida", GOOD))
    if is_open:
        world.block(submit(world, "franz", GOOD, 1_000_000))
    else:
        world.block(commit(world, "franz", hash_of("franz", GOOD), 1_000_000))
        world.block(reveal(world, "franz", GOOD), at=GATE_S)
    settle(world)
    assert earned(world) == {"frida": 97_777, "franz": 0, "fred": 0}


def test_who_hedges_around_yesterday_with_two_accounts_earns_next_to_nothing() -> None:
    """Yesterday give or take 1 Wh: one of the two is always better than yesterday."""
    world = make_street()
    world.block(submit(world, "frida", [801] * 9), submit(world, "franz", [799] * 9))
    settle(world)
    assert earned(world) == {"frida": 500, "franz": -250, "fred": 0}


@pytest.mark.parametrize("is_ended", [True, False])
def test_who_has_the_forecasts_cannot_offer_less(is_ended: bool) -> None:
    world = make_street()
    world.block(submit(world, "frida", GOOD))
    orderer = people.address_text("distributor")
    if is_ended:
        end = tx_pb2.MsgEndOrder(orderer=orderer, target_id=1)
        world.block(world.sign("distributor", end))
    else:
        less = tx_pb2.MsgOrderForecasts(orderer=orderer, quantity=QUANTITY_NET_USE)
        world.block(world.sign("distributor", less))
    assert rejections(world) == [""]
    settle(world)
    assert earned(world)["frida"] == 97_777


def test_a_missing_reveal_delays_nothing() -> None:
    world = make_street()
    world.block(commit(world, "frida", hash_of("frida", GOOD)), submit(world, "franz", FAIR))
    settle(world)
    assert not list(ROUNDS.items(world.state)) and not list(FORECASTS.items(world.state))
    assert earned(world) == {"frida": -STAKE // 2, "franz": 50_000, "fred": 0}


def test_a_slot_that_is_never_settled_gives_every_stake_back() -> None:
    """The chain halts for an hour: the slots in between are skipped, and nobody is to blame."""
    world = make_street()
    far = tx_pb2.MsgSubmitForecast(
        forecaster=people.address_text("frida"),
        target_id=1,
        first_slot=FIRST_SLOT + 20,
        quantiles=GOOD,
        stake_per_slot=STAKE,
    )
    world.block(world.sign("frida", far), commit(world, "franz", hash_of("franz", GOOD)))
    world.block(at=START_S + 3_600)
    world.run_until(START_S + 4_200)
    assert not list(ROUNDS.items(world.state))
    assert earned(world)["frida"] == 0


def test_work_per_block_is_bounded_and_all_of_it_is_done() -> None:
    world = make_street(**{"forecast.params": {"steps_per_block_max": 1}})
    world.block(submit(world, "frida", GOOD), submit(world, "franz", FAIR))
    settle(world)
    for _ in range(3):
        world.block()
    assert not list(ROUNDS.items(world.state))
    assert earned(world) == {"frida": 97_777, "franz": 0, "fred": 0}


def test_the_frozen_forecast_takes_nobody_without_skill() -> None:
    """A newcomer with the largest stake moves nothing."""
    world = make_street()
    world.block(submit(world, "fred", BAD, 1_000_000))
    request = query_pb2.QueryChainForecastRequest(target_id=1, slot=SLOT)
    path = "/blockenergy.forecast.v1.Query/ChainForecast"
    found = world.query(path, request, query_pb2.QueryChainForecastResponse)
    assert list(found.forecast.quantiles) == [800] * 9
    assert found.forecast.forecasters == 0


def test_energy_of_a_feeder_is_that_of_all_below_it() -> None:
    world = make_street(
        **{
            "forecast.targets[1]": {
                "quantity": "QUANTITY_CONSUMPTION", "feeder": "north", "orderer": "distributor",
                "budget": 5_000_000,
            },
            "registry.feeder_count": 3,
            "registry.feeders[twig]": {"capacity_w": 1_000_000, "parent": "north"},
            "registry.meters[meter-eva]": {"feeder": "twig"},
        }
    )  # fmt: skip
    world.block()
    for slot, used_wh in ((SLOT - 1, 0), (SLOT, 700)):
        readings = [reading(f"meter-{name}", slot, used_wh) for name in HOMES]
        world.block(world.submit(*readings), at=world.end_s(slot))
    world.block(at=world.deadline_s(SLOT))
    outcome = world.short()[f"forecast.outcomes[{SLOT}, 1]"]
    # Anna, Ben and Eva are in the north, Clara and Dirk in the south.
    assert outcome["value"] == str(3 * 700) and outcome["meters"] == "3"
