"""Invariants of money."""

from __future__ import annotations

from chain import auth
from chain.bank.keeper import DEFAULT_FUND
from chain.bank.state import ARREARS, BALANCES, DENOM_COUNT, DENOMS, HOLD_IDS, HOLDS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def supply(state: HasStore) -> list[str]:
    """For each denomination: the sum of balances, holds and deposits is the supply."""
    fee_denom = auth.get_params(state).fee_denom
    sums: dict[str, int] = {}
    for (_, denom), amount in BALANCES.items(state):
        sums[denom] = sums.get(denom, 0) + amount
    for _, hold in HOLDS.items(state):
        sums[hold.denom] = sums.get(hold.denom, 0) + hold.amount
        if hold.deposit:
            sums[fee_denom] = sums.get(fee_denom, 0) + hold.deposit
    problems = []
    for denom, info in DENOMS.items(state):
        total = sums.pop(denom, 0)
        if total != info.supply:
            problems.append(f"{denom}: balances and holds are {total}, the supply is {info.supply}")
    return problems + [f"{denom}: in balances, but no denomination" for denom in sorted(sums)]


def denom_count(state: HasStore) -> list[str]:
    """As many denominations are counted as there are."""
    counted, count = DENOM_COUNT.last(state), sum(1 for _ in DENOMS.items(state))
    return [f"{counted} denominations are counted of {count}"] if counted != count else []


def no_zero_balances(state: HasStore) -> list[str]:
    """A balance of zero has no entry, so that equal states have equal bytes."""
    return [f"zero entry of {denom}" for (_, denom), amount in BALANCES.items(state) if not amount]


def debtors_have_nothing(state: HasStore) -> list[str]:
    """Who owes the default fund money of a denomination has no balance of it, and owes something;
    the fund owes itself nothing.
    """
    return [
        f"{bech32.encode(debtor)} owes {amount}{denom} and has a balance"
        for (debtor, denom), amount in ARREARS.items(state)
        if not amount or BALANCES.has(state, (debtor, denom)) or debtor == DEFAULT_FUND
    ]


def hold_ids(state: HasStore) -> list[str]:
    """Every hold has an id of the sequence."""
    last = HOLD_IDS.last(state)
    return [
        f"hold {number} was never given" for (_, number), _ in HOLDS.items(state) if number > last
    ]
