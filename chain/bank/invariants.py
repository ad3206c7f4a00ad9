"""Invariants of money."""

from __future__ import annotations

from chain.bank.state import BALANCES, DENOMS, HOLD_IDS, HOLDS
from chain.runtime.collections import HasStore


def supply(state: HasStore) -> list[str]:
    """For each denomination: the sum of balances and holds is the supply."""
    sums: dict[str, int] = {}
    for (_, denom), amount in BALANCES.items(state):
        sums[denom] = sums.get(denom, 0) + amount
    for _, hold in HOLDS.items(state):
        sums[hold.denom] = sums.get(hold.denom, 0) + hold.amount
    problems = []
    for denom, info in DENOMS.items(state):
        total = sums.pop(denom, 0)
        if total != info.supply:
            problems.append(f"{denom}: balances and holds are {total}, the supply is {info.supply}")
    return problems + [f"{denom}: in balances, but no denomination" for denom in sorted(sums)]


def no_zero_balances(state: HasStore) -> list[str]:
    """A balance of zero has no entry, so that equal states have equal bytes."""
    return [f"zero entry of {denom}" for (_, denom), amount in BALANCES.items(state) if not amount]


def hold_ids(state: HasStore) -> list[str]:
    """Every hold has an id of the sequence."""
    last = HOLD_IDS.last(state)
    return [
        f"hold {number} was never given" for (_, number), _ in HOLDS.items(state) if number > last
    ]
