"""The bank's verbs against a ledger of plain numbers: nothing appears, nothing is lost."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from blockenergy.bank.v1 import tx_pb2
from cosmos.base.v1beta1.coin_pb2 import Coin
from hypothesis import given
from hypothesis import strategies as st

from chain import app, bank
from chain.runtime.context import BlockInfo, Context
from chain.runtime.errors import ChainError
from chain.runtime.state.store import CacheStore
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.world import CHAIN_ID, DENOM, START_S, World

NAMES = ("anna", "ben", "clara")
START = 1_000


def context() -> Context:
    """A state in which each account has 1000 and nothing is on hold."""
    world = World({f"bank.balances[{name}, ueur]": START for name in NAMES})
    return Context(CacheStore(world.store), BlockInfo(CHAIN_ID, 1, START_S))


class Ledger:
    """Expected balances, by additions and subtractions."""

    def __init__(self) -> None:
        self.free = dict.fromkeys(NAMES, START)
        self.holds: dict[int, tuple[str, int]] = {}

    def apply(
        self, ctx: Context, verb: str, name: str, other: str, number: int, amount: int
    ) -> None:
        """Does one thing in both; both have to agree on whether it can be done."""
        owner, target = people.wallet(name).address, people.wallet(other).address
        hold_id = sorted(self.holds)[number % len(self.holds)] if self.holds else 999
        holder, held = self.holds.get(hold_id, (name, -1))
        holder_address = people.wallet(holder).address
        if verb == "transfer":
            possible = amount <= self.free[name]
            with expect(possible):
                bank.transfer(ctx, owner, target, DENOM, amount)
                self.free[name] -= amount
                self.free[other] += amount
        elif verb == "reserve":
            with expect(amount <= self.free[name]):
                self.holds[bank.reserve(ctx, owner, DENOM, amount)] = (name, amount)
                self.free[name] -= amount
        elif verb == "extend":
            with expect(held >= 0 and amount <= self.free[holder]):
                bank.extend(ctx, holder_address, hold_id, amount)
                self.holds[hold_id] = (holder, held + amount)
                self.free[holder] -= amount
        elif verb == "release":
            with expect(amount <= held):
                bank.release(ctx, holder_address, hold_id, amount)
                self.holds[hold_id] = (holder, held - amount)
                self.free[holder] += amount
        else:
            with expect(amount <= held):
                assert bank.post(ctx, holder_address, hold_id, target, amount) == held - amount
                del self.holds[hold_id]
                self.free[other] += amount
                self.free[holder] += held - amount


def expect(possible: bool) -> Any:
    """Nothing, or a rejection."""
    return nullcontext() if possible else pytest.raises(ChainError)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["transfer", "reserve", "extend", "release", "post"]),
            st.sampled_from(NAMES),
            st.sampled_from(NAMES),
            st.integers(0, 9),
            st.one_of(st.integers(0, 50), st.integers(0, 1_500)),
        ),
        max_size=30,
    )
)
@examples(150)
def test_every_verb_moves_exactly_what_it_says(steps: list[tuple[str, str, str, int, int]]) -> None:
    ctx, ledger = context(), Ledger()
    for step in steps:
        ledger.apply(ctx, *step)
        for name in NAMES:
            assert bank.get_balance(ctx, people.wallet(name).address, DENOM) == ledger.free[name]
        for hold_id, (name, amount) in ledger.holds.items():
            hold = bank.get_hold(ctx, people.wallet(name).address, hold_id)
            assert hold is not None
            assert hold.amount == amount
        assert not app.check_invariants(ctx.store)


def test_a_module_account_is_nobodys() -> None:
    """Its address is a hash of a text, so no key is known for it."""
    assert bank.module_account("pool") != bank.module_account("imbalance fund")
    assert len(bank.module_account("pool")) == 20


class TestHolds:
    def test_hold_ids_are_never_given_twice(self) -> None:
        ctx = context()
        ben = people.wallet("ben").address
        first = bank.reserve(ctx, ben, DENOM, 10)
        bank.post(ctx, ben, first, ben, 0)
        assert bank.reserve(ctx, ben, DENOM, 10) == first + 1

    def test_a_hold_is_its_owners_only(self) -> None:
        ctx = context()
        hold_id = bank.reserve(ctx, people.wallet("ben").address, DENOM, 10)
        with pytest.raises(ChainError):
            bank.post(
                ctx, people.wallet("anna").address, hold_id, people.wallet("anna").address, 10
            )

    def test_expired_holds_come_back_in_the_order_of_their_deadlines(self) -> None:
        changes: dict[str, Any] = {"bank.params": {"expiries_per_block_max": 2}}
        for number, deadline in enumerate((50, 10, 30, 20), 1):
            changes[f"bank.holds[ben, {number}]"] = {
                "denom": "ueur", "amount": 1, "beneficiary": "anna",
                "deadline_s": START_S + deadline,
            }  # fmt: skip
        world = World(changes | {"bank.last_hold_id": 4})
        left = []
        for _ in range(3):
            world.block(at=START_S + 40)
            paths = [path for path in world.short() if path.startswith("bank.holds[")]
            left.append([path[16:-1] for path in paths])
        assert left == [["1", "3"], ["1"], ["1"]]

    @pytest.mark.parametrize(("early_s", "code"), [(1, 0), (0, bank.BankError.HOLD_UNKNOWN.code)])
    def test_a_hold_can_be_posted_until_the_second_before_its_deadline(
        self, early_s: int, code: int
    ) -> None:
        hold = {"denom": "ueur", "amount": 9, "beneficiary": "anna", "deadline_s": START_S + 30}
        world = World({"bank.holds[ben, 1]": hold, "bank.last_hold_id": 1})
        world.block()
        post = tx_pb2.MsgPostHold(
            beneficiary=people.address_text("anna"),
            owner=people.address_text("ben"),
            hold_id=1,
            amount=Coin(denom="ueur", amount="9"),
        )
        world.block(world.sign("anna", post), at=START_S + 30 - early_s)
        assert world.results[0].code == code
