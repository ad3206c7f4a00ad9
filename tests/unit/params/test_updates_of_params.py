"""Slots that are open settle as if nothing had been changed, and later ones by what is new."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.bank.v1.tx_pb2 import MsgReserve
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadingsResponse
from blockenergy.options.v1 import options_pb2 as options
from blockenergy.params.v1 import errors_pb2, tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.any_pb2 import Any as AnyMessage
from hypothesis import given
from hypothesis import strategies as st

from chain import app
from chain.runtime.encoding.options import get_option
from chain.runtime.state.collections import GenesisError
from tests.support import parameters
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.auctions import ask, bid
from tests.support.streets.settling import opened, settle
from tests.support.world import SLOT_LENGTH_S, World, reading, response

_CHANGES: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.just("metering"),
        st.fixed_dictionaries(
            {
                "reading_deadline_s": st.integers(1, 200),
                "capacity_tolerance_permille": st.integers(0, 1_000),
            }
        ),
    ),
    st.tuples(
        st.just("settlement"),
        st.fixed_dictionaries({"backstop": st.sampled_from(["distributor", "clara"])}),
    ),
    st.tuples(
        st.just("market"),
        st.fixed_dictionaries(
            {
                "treasury": st.sampled_from(["treasury", "auditor"]),
                "grid_account": st.sampled_from(["distributor", "clara"]),
                "gate_closure_s": st.sampled_from([0, 20, 59, 200]),
                "horizon_slots": st.sampled_from([4, 5]),
                "price_low_per_kwh": st.sampled_from([0, 80_000]),
                "price_high_per_kwh": st.integers(90_000, 400_000),
                "depth_max_wh": st.integers(1_000, 60_000),
                "order_max_wh": st.integers(500, 100_000),
                "imbalance_collateral_permille": st.integers(0, 500),
                "price_rule_permille": st.integers(0, 1_000),
                "resting_orders_max": st.integers(1, 20),
                "resting_orders_per_owner_max": st.just(1),
                "minimum_quantity_orders_max": st.just(1),
            }
        ),
    ),
)
# What a slot comes to. The treasury's balance also pays for slots that were opened later.
_OUTCOMES = (
    "market.clearings", "settlement.results", "settlement.lines", "settlement.owed_by_fund",
    *(f"bank.balances[{name}, " for name in (*people.HOUSEHOLDS, "backstop", "distributor")),
)  # fmt: skip


def run_slot(changes: list[tuple[str, dict[str, Any]]]) -> tuple[World, dict[str, Any]]:
    """A slot that is opened before changes and settled after them, and what came of it."""
    world, slot = opened()
    world.block(world.buy("ben", slot, 5_000, 300_000), world.sell("anna", slot, 2_000, 80_000))
    # The seed of an auction is that of its block, so the blocks are the same with any changes.
    world.block(*[parameters.update(world, module, **fields) for module, fields in changes])
    codes = {result.code for result in world.results}
    assert codes <= {0, errors_pb2.PARAMS_UNCHANGED}
    # Both trade on, with the pool and with each other at gate closure.
    world.block(world.buy("ben", slot, 3_000, 300_000), world.sell("eva", slot, 900, 80_000))
    world.block(
        bid(world, "clara", slot, 2_000, 290_000),
        bid(world, "clara", slot, 1_000, 280_000),
        ask(world, "dirk", slot, 2_500, 90_000),
    )
    assert not [result.log for result in world.results if result.code]
    readings = [reading("meter-ben", slot, 6_000), reading("meter-anna", slot, 0, 1_000)]
    # The last second in which the slot's own deadline allows it.
    world.block(world.submit(*readings), at=world.deadline_s(slot) - 1)
    settle(world, slot)
    outcome = {path: value for path, value in world.short().items() if path.startswith(_OUTCOMES)}
    return world, outcome


@given(st.lists(_CHANGES, min_size=1, max_size=4))
@examples(25)
def test_open_slots_settle_as_if_nothing_had_been_changed(
    changes: list[tuple[str, dict[str, Any]]],
) -> None:
    world, outcome = run_slot(changes)
    assert outcome == run_slot([])[1]
    # The superseded parameters are part of an export, and what follows from them as well.
    document = app.export(world.store)
    assert World.from_document(document).store.data == world.store.data


def test_a_change_in_the_block_that_opens_a_slot_and_closes_a_gate() -> None:
    """The block opens and closes first; what it has opened keeps the old parameters."""
    world, slot = opened()
    world.block(bid(world, "clara", slot, 2_000, 290_000), ask(world, "dirk", slot, 2_500, 90_000))
    new_depth_wh, before = 7_000, world.short()["market.last_slot"]
    world.run_until(slot * SLOT_LENGTH_S - 21, step_s=10)
    changes = {"gate_closure_s": 59, "depth_max_wh": new_depth_wh, "price_rule_permille": 0}
    # Slots open at whole minutes, and gates close 20 s before: this block does both, after a halt.
    world.block(parameters.update(world, "market", **changes), at=slot * SLOT_LENGTH_S)
    assert world.results[0].code == 0
    opened_now = world.short()["market.last_slot"]
    assert opened_now > before
    assert parameters.get(world, "market").from_slot == int(opened_now) + 1
    assert parameters.get(world, "market", int(opened_now)).gate_closure_s == 20
    assert world.short()[f"market.slots[{opened_now}]"]["depth_wh"] == "50000"
    assert world.short()[f"market.clearings[{slot}]"]["price_rule_permille"] == "500"
    world.block(at=(slot + 1) * SLOT_LENGTH_S)
    assert world.short()[f"market.slots[{int(opened_now) + 1}]"]["depth_wh"] == str(new_depth_wh)


def test_later_slots_settle_by_what_is_new() -> None:
    world, slot = opened()
    world.block(parameters.update(world, "settlement", backstop="clara"))
    new = parameters.get(world, "settlement").from_slot
    before = world.balance("clara")
    for each in range(slot, new + 1):
        settle(world, each)
    assert world.balance("clara") == before
    world.block(world.submit(reading("meter-ben", new + 1, 10_000)), at=world.end_s(new + 1))
    settle(world, new + 1)
    assert world.balance("clara") == before + 3_000_000


def test_superseded_parameters_are_forgotten_with_their_slots() -> None:
    world, slot = opened({"settlement.params": {"history_slots": 2}})
    world.block(parameters.update(world, "metering", reading_deadline_s=30))
    new = parameters.get(world, "metering").from_slot
    assert parameters.get(world, "metering", new - 1).reading_deadline_s == 60
    for each in range(slot, new + 3):
        settle(world, each)
    assert not [path for path in world.short() if path.startswith("metering.superseded_params")]


@pytest.mark.parametrize("deadline_s", [30, 600])
def test_a_slot_whose_parameters_are_forgotten_takes_no_readings(deadline_s: int) -> None:
    """Those of later slots are what is left, and their deadline has passed for them already."""
    world, slot = opened({"settlement.params": {"history_slots": 1}})
    world.block(parameters.update(world, "metering", reading_deadline_s=deadline_s))
    last = parameters.get(world, "metering").from_slot - 1
    kept = f"metering.superseded_params[{last}]"
    while kept in world.short():
        world.block(at=world.time_s + 5)
    assert parameters.get(world, "metering", last).reading_deadline_s == deadline_s
    world.block(
        *[world.submit(reading("meter-ben", each, 7_000)) for each in range(slot, last + 1)]
    )
    results = [response(one, MsgSubmitReadingsResponse).results[0] for one in world.results]
    assert set(results) == {metering_pb2.READING_TOO_LATE}


def test_a_longer_history_does_not_bring_back_what_is_gone() -> None:
    world, slot = opened({"settlement.params": {"history_slots": 1, "pruned_per_block_max": 1}})
    for each in range(slot, slot + 4):
        settle(world, each)
    world.block(parameters.update(world, "settlement", history_slots=20))
    # Every block checks that lines and results agree in the history.
    settle(world, slot + 4)


@pytest.mark.parametrize("verb", ["Suspend", "Remove"])
def test_a_registrar_cannot_make_its_own_place_final(verb: str) -> None:
    world = World()
    message = getattr(registry_tx_pb2, f"Msg{verb}Participant")(
        registrar=people.address_text("registrar"), address=people.address_text("distributor")
    )
    world.block(world.sign("registrar", message))
    world.block(parameters.update(world, "registry", registrar="auditor"))
    assert world.results[0].code == 0
    # That is all it can do: nothing else, and nothing else in the same transaction.
    change = parameters.make_update(world, "bank", expiries_per_block_max=7)
    payment = MsgReserve(
        owner=people.address_text("distributor"), beneficiary=people.address_text("anna"),
        amount=Coin(denom="ueur", amount="1"), deadline_s=world.time_s + 60,
    )  # fmt: skip
    world.block(
        world.spoil("distributor", change, payment),
        world.spoil("distributor", payment),
        world.sign("distributor", change),
    )
    assert [result.codespace for result in world.results] == ["registry", "registry", ""]
    document = app.export(world.store)
    assert app.export(World.from_document(document).store) == document


_TEXTS = st.sampled_from(
    ["", "x", "ueur", "a" * 300, "\x00", "\u00e9" * 19, *map(people.address_text, people.GRID)]
)
_NUMBERS = st.one_of(
    st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 1_000, 2**31, 2**32, 2**62, 2**63])
)


@given(st.data())
def test_whatever_is_sent_is_accepted_or_rejected_with_a_code(data: st.DataObject) -> None:
    world = World()
    module = data.draw(st.sampled_from([module.name for module in app.MODULES if module.params]))
    fields = parameters.get(world, module).DESCRIPTOR.fields
    chosen = data.draw(st.lists(st.sampled_from(list(fields)), min_size=1, max_size=3))
    changes = {
        field.name: data.draw(_TEXTS if field.type == field.TYPE_STRING else _NUMBERS)
        for field in chosen
    }
    # A world raises what the chain has no code for.
    world.block(parameters.update(world, module, **changes))
    assert world.results[0].codespace in ("", "params")


@pytest.mark.parametrize("data", [b"\xff", b"\x08\x00", b"\x12\x00\x08\x01", b"\x48\x01"])
def test_parameters_have_one_encoding(data: bytes) -> None:
    world = World()
    message = tx_pb2.MsgUpdateParams(
        authority=people.address_text("distributor"),
        params=AnyMessage(type_url="/blockenergy.bank.v1.Params", value=data),
    )
    world.block(world.sign("distributor", message))
    assert world.results[0].codespace == "params"
    assert world.results[0].code == errors_pb2.PARAMS_INVALID


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"from_slot": "30000007"}, "metering.params.from_slot: behind last_slot"),
        ({"from_slot": "30000005"}, "the parameters superseded after slot 30000005 are followed"),
    ],
)
def test_a_genesis_with_parameters_that_do_not_follow_each_other(
    change: dict[str, str], place: str
) -> None:
    world, _ = opened()
    world.block(parameters.update(world, "metering", reading_deadline_s=90))
    document = app.export(world.store)
    document["metering"]["params"].update(change)
    with pytest.raises(GenesisError, match=place):
        app.init_chain(document)


def test_every_parameter_says_from_when_on_it_is_in_force() -> None:
    for module in app.MODULES:
        # Upgrades have none: they are decided by votes.
        assert (module.params is None) == (module.validate_params is None), module.name
        if module.params is None:
            continue
        for field in module.params.message_type.DESCRIPTOR.fields:
            assert get_option(field, options.in_force), field.full_name
