"""Forecasters and attackers on a chain: what fixes a forecast, what it earns, and who waits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from blockenergy.forecast.v1 import query_pb2, tx_pb2
from blockenergy.forecast.v1.state_pb2 import QUANTITY_NET_USE

from chain import metering
from chain.forecast import compute_hash, count_energy
from chain.forecast.state import FORECASTS, OUTCOMES, ROUNDS, SCORES, SKILLS, TALLIES, TARGETS
from chain.runtime.context import Context
from chain.runtime.state.store import CacheStore
from tests.support.rejections import rejections
from tests.support.streets import people
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
        f"forecast.outcomes[{SLOT - 7 * 24}, 1]": {"known": True, "value": 300},
        "bank.balances[forecasts, ueur]": 5_000_000,
    }  # fmt: skip
    for name in SALTS:
        entries[f"registry.participants[{name}]"] = {
            "roles": ["ROLE_FORECASTER"],
            "status": "STATUS_ACTIVE",
        }
        entries[f"bank.balances[{name}, ueur]"] = 10_000_000
    return World(entries | changes)


def submit(
    world: World, name: str, quantiles: list[int], stake: int = STAKE, **changes: int
) -> bytes:
    fields: dict[str, Any] = {
        "forecaster": people.address_text(name),
        "target_id": 1,
        "first_slot": SLOT,
        "quantiles": quantiles,
        "stake_per_slot": stake,
    }
    message = tx_pb2.MsgSubmitForecast(**fields | changes)
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


def settle(world: World) -> None:
    """Reads every meter in two slots, with 1,000 Wh of net use in the second, and settles them."""
    for slot, used_wh in ((SLOT - 1, 0), (SLOT, 1_000)):
        readings = [reading(f"meter-{name}", slot, used_wh * (name == "ben")) for name in HOMES]
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


def test_outcomes_stay_for_eight_days() -> None:
    oldest = SLOT - 8 * 24
    slots = range(oldest - 2, oldest + 2)
    old = {f"forecast.outcomes[{slot}, 1]": {"known": True} for slot in slots}
    world = make_street(**old)
    world.block()
    settle(world)
    assert [OUTCOMES.has(world.state, (slot, 1)) for slot in slots] == [False, False, True, True]


def test_what_is_lost_in_a_slot_pays_rewards_of_later_ones() -> None:
    world = make_street(
        **{
            "forecast.targets[1]": {
                "quantity": "QUANTITY_NET_USE", "orderer": "distributor",
                "reward_per_slot": 100_000, "budget": 9_000,
            },
            "bank.balances[forecasts, ueur]": 9_000,
        }
    )  # fmt: skip
    hidden = commit(world, "fred", hash_of("fred", GOOD), stake=99_999)
    world.block(hidden, submit(world, "frida", GOOD))
    settle(world)
    # The half that is lost is rounded down, and R is what the budget had before.
    assert earned(world) == {"frida": 8_800, "franz": 0, "fred": -49_999}


def test_gate_and_horizon_hold_for_all_slots_of_a_message() -> None:
    world = make_street()
    horizon = FIRST_SLOT + 30
    world.block(
        submit(world, "frida", 2 * GOOD, first_slot=horizon),
        submit(world, "frida", 2 * GOOD, first_slot=horizon - 1),
    )
    assert rejections(world) == ["SLOT_TOO_FAR", ""]
    world.block(submit(world, "frida", 2 * GOOD), at=GATE_S)
    assert rejections(world) == ["GATE_CLOSED"]


def test_a_message_has_at_most_192_slots() -> None:
    world = make_street(**{"forecast.params": {"horizon_slots": 1_000}})
    address = people.address_text("frida")
    found = []
    for count in (193, 192):
        shown = submit(world, "franz", count * GOOD, stake=10_000)
        sealed = tx_pb2.MsgCommitForecast(
            forecaster=address, target_id=1, first_slot=SLOT, hashes=[bytes(32)] * count,
            stake_per_slot=10_000,
        )  # fmt: skip
        world.block(shown, world.sign("frida", sealed))
        found += rejections(world)
    assert found == ["SLOTS_INVALID", "SLOTS_INVALID", "", ""]


def test_a_skill_of_fewer_slots_forgets_two_with_each_score() -> None:
    old = {f"forecast.scores[1 & frida, {SLOT - 9 + n}]": {"loss": "1"} for n in range(4)}
    world = make_street(
        **old,
        **{
            "forecast.params": {"skill_slots": 2},
            "forecast.skills[1, frida]": {"slots": "4", "loss": "4"},
        },
    )
    world.block(submit(world, "frida", GOOD))
    settle(world)
    skill = world.short()["forecast.skills[1, frida]"]
    assert skill == {"slots": "3", "loss": "202", "baseline_loss": "9000"}


def test_a_slot_that_is_never_settled_gives_every_stake_back() -> None:
    """The chain halts for an hour: the slots in between are skipped, and nobody is to blame."""
    world = make_street()
    far = submit(world, "frida", GOOD, first_slot=FIRST_SLOT + 20)
    world.block(far, commit(world, "franz", hash_of("franz", GOOD)))
    world.block(at=START_S + 3_600)
    world.run_until(START_S + 4_200)
    assert not list(ROUNDS.items(world.state))
    assert earned(world)["frida"] == 0


def test_work_per_block_is_bounded_and_all_of_it_is_done() -> None:
    """Each forecast is a step: a block of two steps scores one of two targets."""
    world = make_street(
        **{
            "forecast.params": {"steps_per_block_max": 2},
            "forecast.targets[2]": {"quantity": "QUANTITY_CONSUMPTION", "orderer": "distributor"},
            "forecast.tallies[2]": {"slot": FIRST_SLOT},
            "forecast.last_target_id": 2,
        }
    )
    world.block(submit(world, "frida", GOOD), submit(world, "franz", FAIR))
    world.block(*[submit(world, name, GOOD, target_id=2) for name in ("frida", "franz")])
    assert not any(rejections(world))
    settle(world)
    assert len(list(ROUNDS.items(world.state))) == 1
    world.block()
    assert not list(ROUNDS.items(world.state))
    assert earned(world) == {"frida": 97_777, "franz": 0, "fred": 0}


def test_the_chains_forecast_weighs_stake_times_skill_and_nobody_without() -> None:
    """Neither a newcomer nor who is worse than the baseline moves anything, whatever the stake."""
    world = make_street(
        **{
            f"forecast.{collection}": {**fields, "loss": loss, "baseline_loss": "100"}
            for name, loss in (("frida", "50"), ("franz", "60"), ("fred", "190"))
            for collection, fields in (
                (f"scores[1 & {name}, {SLOT - 9}]", {}),
                (f"skills[1, {name}]", {"slots": "1"}),
            )
        }
    )
    world.block(submit(world, "fred", BAD, 1_000_000))
    world.block(submit(world, "frida", GOOD, 10_000), submit(world, "franz", FAIR, 20_000))
    found = ask(world)
    assert list(found.forecast.quantiles) == FAIR and found.forecast.forecasters == 2


def test_the_chains_forecast_takes_nobody_without_skill() -> None:
    world = make_street()
    world.block(submit(world, "fred", BAD, 1_000_000))
    found = ask(world)
    assert list(found.forecast.quantiles) == [800] * 9
    assert found.forecast.forecasters == 0


def ask(world: World) -> query_pb2.QueryChainForecastResponse:
    request = query_pb2.QueryChainForecastRequest(target_id=1, slot=SLOT)
    path = "/blockenergy.forecast.v1.Query/ChainForecast"
    return world.query(path, request, query_pb2.QueryChainForecastResponse)


def test_an_order_after_an_ended_one_is_a_new_target() -> None:
    """The old one closes when its slots are scored and its scores are gone, a few per block."""
    old = {f"forecast.scores[1 & fred, {SLOT - 9 + n}]": {} for n in range(3)}
    world = make_street(
        **old,
        **{
            "forecast.params": {"steps_per_block_max": 1},
            "forecast.skills[1, fred]": {"slots": "3"},
        },
    )
    orderer = people.address_text("distributor")
    end = tx_pb2.MsgEndOrder(orderer=orderer, target_id=1)
    again = tx_pb2.MsgOrderForecasts(orderer=orderer, quantity=QUANTITY_NET_USE)
    world.block(submit(world, "frida", GOOD, first_slot=SLOT + 1), submit(world, "frida", GOOD))
    world.block(world.sign("distributor", end), world.sign("distributor", again))
    target = TARGETS.get(world.state, 1)
    assert target is not None and target.ended and target.last_slot == SLOT + 1
    assert TARGETS.has(world.state, 2)
    settle(world)
    assert len(list(SCORES.items(world.state))) == 4, "the last slot is not settled yet"
    world.run_until(world.deadline_s(SLOT + 1))
    lefts = []
    while TARGETS.has(world.state, 1):
        lefts.append(len(list(SCORES.items(world.state))))
        world.block()
    assert sorted(lefts, reverse=True) == lefts and set(lefts) >= {1, 2, 3}
    assert not list(SCORES.items(world.state)) and not list(SKILLS.items(world.state))


def test_what_is_settled_apart_counts_as_estimated() -> None:
    world = make_street()
    ctx = Context(CacheStore(world.store), world.block_info)
    apart = metering.Apart(30, 2, metering.Prices(0, 0))
    energies = [
        metering.SlotEnergy("meter-anna", 100, 5, "north"),
        metering.SlotEnergy("meter-ben", 400, 50, "north", apart=apart),
    ]
    count_energy(ctx, FIRST_SLOT, energies)
    tally = TALLIES.get(ctx, 1)
    assert tally is not None
    assert (tally.import_wh, tally.export_wh) == (130, 7)
    assert (tally.meters, tally.estimated_meters) == (2, 1)


def test_energy_of_a_feeder_is_that_of_all_below_it() -> None:
    world = make_street(
        **{
            "forecast.targets[1]": {
                "quantity": "QUANTITY_CONSUMPTION", "feeder": "north", "orderer": "distributor",
                "budget": 5_000_000,
            },
            "forecast.targets[2]": {"quantity": "QUANTITY_CONSUMPTION", "orderer": "distributor"},
            "forecast.tallies[2]": {"slot": FIRST_SLOT},
            "forecast.last_target_id": 2,
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
    for target_id, homes in ((1, 3), (2, 5)):
        outcome = world.short()[f"forecast.outcomes[{SLOT}, {target_id}]"]
        # Anna, Ben and Eva are in the north, Clara and Dirk in the south.
        assert outcome["value"] == str(homes * 700) and outcome["meters"] == str(homes)
