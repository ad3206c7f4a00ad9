"""The set of validators: changed by votes and evidence, in steps, and never empty."""

from __future__ import annotations

from random import Random

import pytest
from blockenergy.market.v1.state_pb2 import Params as MarketParams
from blockenergy.params.v1.tx_pb2 import MsgUpdateParams
from blockenergy.validators.v1 import events_pb2, state_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from validator_world import (
    OPERATORS,
    ValidatorWorld,
    add,
    address_of,
    make_key,
)

from chain import app
from chain.runtime.consensus import ValidatorUpdate
from chain.runtime.context import BlockInfo
from chain.runtime.state.collections import GenesisError
from chain.validators import VOTE_ACCOUNT, plan_step
from tests.support import parameters
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.transactions import pack
from tests.support.world import DENOM


@pytest.fixture
def world() -> ValidatorWorld:
    return ValidatorWorld().begin()


def with_vote_account(**more: object) -> ValidatorWorld:
    """A world in which the account of the vote is a participant with some money."""
    changes = {
        f"registry.participants[{VOTE_ACCOUNT}]": {
            "roles": ["ROLE_DISTRIBUTOR"],
            "status": "STATUS_ACTIVE",
        },
        f"bank.balances[{VOTE_ACCOUNT}, {DENOM}]": 1000,
    }
    return ValidatorWorld(changes | more).begin()


def test_a_vote_adds_and_removes(world: ValidatorWorld) -> None:
    world.decide(add(5, 10))
    world.settle()
    assert [world.power(number) for number in range(1, 6)] == [10] * 5
    world.decide(state_pb2.RemoveValidator(validator=address_of(2)), 2)
    world.settle()
    assert world.power(2) == 0
    # It has no voice any more.
    world.next(world.propose("registrar", add(6, 10)))
    assert world.results[0].code


def test_powers_of_any_size_are_reached_in_steps(world: ValidatorWorld) -> None:
    world.decide(state_pb2.ChangePower(validator=address_of(1), power=1000))
    assert world.settle() > 5
    assert world.power(1) == 1000
    world.decide(state_pb2.RemoveValidator(validator=address_of(1)), 2)
    world.settle()
    assert world.power(1) == 0
    assert world.power(2) == 10


def test_between_two_changes_there_are_blocks(world: ValidatorWorld) -> None:
    world.decide(state_pb2.ChangePower(validator=address_of(1), power=500))
    changed = [bool(world.next().consensus.validators) for _ in range(8)]
    assert changed == [True, False] * 4


def test_evidence_takes_all_power_at_once(world: ValidatorWorld) -> None:
    result = world.next(evidence=[1])
    assert world.power(1) == 0
    (event,) = [e for e in result.events if isinstance(e, events_pb2.EventValidatorChanged)]
    assert (event.validator, event.status) == (address_of(1), state_pb2.STATUS_TOMBSTONED)
    # Once is enough, and the key is never used again.
    assert not world.next(evidence=[1]).consensus.validators
    world.next(world.propose("registrar", add(1, 10)))
    assert world.results[0].code


def test_evidence_against_all_leaves_one(world: ValidatorWorld) -> None:
    world.next(evidence=[1, 2, 3, 4])
    assert len(world.consensus) == 1
    # Its operator can still bring in others, and then it goes.
    (last,) = [number for number in (1, 2, 3, 4) if world.power(number)]
    world.next(world.propose(OPERATORS[last - 1], add(7, 10, "registrar")))
    assert world.results[0].code == 0
    world.settle()
    assert world.power(last) == 0
    assert world.power(7) == 10


def test_evidence_against_who_has_left_or_never_was(world: ValidatorWorld) -> None:
    world.decide(state_pb2.RemoveValidator(validator=address_of(4)))
    world.settle()
    assert not world.next(evidence=[4, 99]).consensus.validators
    short = world.short()
    assert short[f"validators.validators[{address_of(4)}]"]["status"] == "STATUS_TOMBSTONED"


def test_a_proposal_needs_power_not_heads(world: ValidatorWorld) -> None:
    world.decide(state_pb2.ChangePower(validator=address_of(1), power=1000))
    world.settle()
    world.next(world.propose(OPERATORS[0], add(5, 10)))
    world.settle()
    assert world.power(5) == 10


def test_a_proposal_lapses(world: ValidatorWorld) -> None:
    world.next(world.propose("distributor", add(5, 10)), world.approve("registrar", 1))
    world.next(after_s=599)
    world.next(world.withdraw("registrar", 1))
    assert world.results[0].code == 0
    world.next(after_s=1)
    world.next(world.approve("registrar", 1))
    assert world.results[0].code


def test_what_has_become_impossible_fails_and_changes_nothing(world: ValidatorWorld) -> None:
    gone = state_pb2.RemoveValidator(validator=address_of(4))
    world.next(world.propose("distributor", gone), world.propose("registrar", gone))
    world.next(world.approve("registrar", 1), world.approve("treasury", 1))
    result = world.next(world.approve("distributor", 2), world.approve("treasury", 2))
    ended = [
        event
        for tx in result.tx_results
        for event in tx.events
        if isinstance(event, events_pb2.EventProposalEnded)
    ]
    assert [event.outcome for event in ended] == [state_pb2.OUTCOME_FAILED]
    assert (ended[0].codespace, ended[0].code) == ("validators", 9)
    assert "validators.proposals[2]" not in world.short()


def test_the_vote_pays_and_changes_parameters() -> None:
    world = with_vote_account(**{"params.params": {"authority": VOTE_ACCOUNT}})
    before = world.balance("anna")
    anna = people.address_text("anna")
    coin = Coin(denom=DENOM, amount="7")
    payment = MsgSend(from_address=VOTE_ACCOUNT, to_address=anna, amount=[coin])
    world.decide(payment)
    assert world.balance("anna") == before + 7
    params: MarketParams = parameters.get(world, "market")
    params.gate_closure_s = 15
    world.decide(MsgUpdateParams(authority=VOTE_ACCOUNT, params=pack(params)), 2)
    assert parameters.get(world, "market").gate_closure_s == 15
    # More than it has.
    coin.amount = "5000"
    world.next(world.propose("distributor", MsgSend(
        from_address=VOTE_ACCOUNT, to_address=anna, amount=[coin])))  # fmt: skip
    assert world.results[0].codespace == "sdk"


def test_the_vote_has_no_right_that_its_account_lacks() -> None:
    world = with_vote_account()
    params = pack(parameters.get(world, "market"))
    update = MsgUpdateParams(authority=VOTE_ACCOUNT, params=params)
    world.next(world.propose("distributor", update))
    assert (world.results[0].codespace, world.results[0].code) == ("params", 2)


def test_genesis_takes_the_validators_of_consensus() -> None:
    document = ValidatorWorld().genesis
    block = BlockInfo("street-1", 1, 1_800_000_000)
    same = [ValidatorUpdate(make_key(number), 10) for number in (1, 2, 3, 4)]
    other = ValidatorUpdate(make_key(5), 10)
    changes = app.init_chain(document, block, [*same, other])
    assert sum(key[:2] == b"\x0f\x01" for key in changes) == 5
    for wrong, reason in (
        (same[:3], "not among"),
        ([*same[:3], ValidatorUpdate(make_key(4), 11)], "power 10"),
        ([*same, ValidatorUpdate(b"x" * 32, 10)], "not an Ed25519"),
    ):
        with pytest.raises(GenesisError, match=reason):
            app.init_chain(document, block, wrong)


@examples(300)
@given(
    powers=st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    targets=st.lists(st.integers(0, 10**6), min_size=1, max_size=10),
)
def test_a_step_is_less_than_a_third_and_all_steps_arrive(
    powers: list[int], targets: list[int]
) -> None:
    now = {f"{number:02}": power for number, power in enumerate(powers)}
    aim = {f"{number:02}": power for number, power in enumerate(targets)}
    aim = {**dict.fromkeys(now, 0), **aim}
    if not any(aim.values()):
        aim["00"] = 1
    for _ in range(300):
        step = plan_step(now, aim, frozenset())
        if not step:
            break
        total = sum(now.values())
        taken = sum(max(0, now.get(key, 0) - power) for key, power in step.items())
        added = sum(max(0, power - now.get(key, 0)) for key, power in step.items())
        assert 3 * max(taken, added) < total or max(taken, added) == 1
        now = {key: power for key, power in {**now, **step}.items() if power}
        assert now
    assert now == {key: power for key, power in aim.items() if power}


CONTENTS = ["add", "power", "remove", "rotate"]


def draw(random: Random) -> Message:
    """Any change, possible or not."""
    validator = address_of(random.randint(1, 30))
    power = random.choice([0, 1, 5, 10, 100, 1000, 1001])
    kind = random.choice(CONTENTS)
    if kind == "add":
        return add(random.randint(1, 30), power, random.choice(OPERATORS))
    if kind == "power":
        return state_pb2.ChangePower(validator=validator, power=power)
    if kind == "remove":
        return state_pb2.RemoveValidator(validator=validator)
    return state_pb2.RotateKey(validator=validator, pub_key=make_key(random.randint(1, 30)))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_decided_consensus_can_follow(seed: int) -> None:
    """Random votes and evidence; each block is compared with a model of CometBFT's set."""
    random = Random(seed)
    world = ValidatorWorld(
        {"validators.params": {"validators_max": 8, "proposals_max": 20}}
    ).begin()
    changed = 0
    for _ in range(120):
        txs = []
        for who in OPERATORS:
            kind = random.random()
            proposal_id = random.randint(1, 40)
            if kind < 0.35:
                txs.append(world.propose(who, draw(random)))
            elif kind < 0.9:
                txs.append(world.approve(who, proposal_id))
            else:
                txs.append(world.withdraw(who, proposal_id))
        evidence = [random.randint(1, 30)] if random.random() < 0.03 else []
        changed += bool(world.next(*txs, evidence=evidence, after_s=10).consensus.validators)
    assert changed > 5
    document = app.export(world.store)
    assert app.export(ValidatorWorld.from_document(document).store) == document
