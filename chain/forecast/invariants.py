"""Invariants of forecasts and prediction markets."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.forecast.v1 import state_pb2

from chain import bank, market
from chain.forecast.keeper import ACCOUNT
from chain.forecast.prediction import lmsr, positions
from chain.forecast.scoring import rules
from chain.forecast.state import (
    FORECASTS,
    HOLDINGS,
    MARKET_COUNT,
    MARKETS,
    ROUNDS,
    SCORES,
    SKILLS,
    TALLIES,
    TARGETS,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE

_PAID = (state_pb2.MARKET_STATUS_RESOLVED, state_pb2.MARKET_STATUS_VOID)


def money(state: HasStore) -> list[str]:
    """The account of the module has what is staked, budgets, markets and bonds; no more."""
    owed = sum(forecast.stake for _, forecast in FORECASTS.items(state))
    owed += sum(target.budget for _, target in TARGETS.items(state))
    for _, one in MARKETS.items(state):
        owed += one.money + sum(bond.amount for bond in one.bonds)
    has = bank.get_balance(state, ACCOUNT, market.get_params(state).settlement_denom)
    return [f"the account of forecasts has {has}, it owes {owed}"] if has != owed else []


def market_money(state: HasStore) -> list[str]:
    """A market holds exactly C of the shares sold, its funding included, and the profits that wait;
    those are the shares of the accounts, and what they have paid in net is what C has grown by.
    While it pays, it has what it still has to pay.
    """
    problems = []
    for market_id, one in MARKETS.items(state):
        holdings = [holding for _, holding in HOLDINGS.under(market_id).items(state)]
        if one.status in _PAID:
            owed = sum(positions.compute_payout(one, holding) for holding in holdings)
            if owed > one.money:
                problems.append(f"market {market_id} has {one.money} and owes {owed}")
        else:
            found = _find_unbalanced(one, holdings)
            problems += [f"market {market_id} {problem}" for problem in found]
    return problems


def _find_unbalanced(
    one: state_pb2.PredictionMarket, holdings: list[state_pb2.Holding]
) -> Iterator[str]:
    shares = [holding.shares for holding in holdings]
    held = [sum(column) for column in zip([0] * len(one.shares), *shares, strict=True)]
    cost = lmsr.compute_cost(one.shares, one.beta)
    paid_in = sum(holding.paid - holding.received for holding in holdings)
    if held != list(one.shares):
        yield f"has sold {list(one.shares)}, accounts have {held}"
    elif one.funding + paid_in != cost:
        yield f"was funded with {one.funding} and paid {paid_in}, C is {cost}"
    elif one.money != cost + sum(map(positions.compute_waiting, holdings)):
        yield f"holds {one.money}, not C and the profits that wait"


def rounds(state: HasStore) -> list[str]:
    """The forecasts of a slot and target are counted and numbered."""
    numbers: dict[tuple[int, int], list[int]] = {}
    for (key, _), forecast in FORECASTS.items(state):
        numbers.setdefault(key, []).append(forecast.number)
    counted = {key: taken.forecasts for key, taken in ROUNDS.items(state)}
    problems = [
        f"slot {slot}, target {target_id}: forecasts {sorted(found)} of {counted.get(key, 0)}"
        for key, found in numbers.items()
        for slot, target_id in [key]
        if len(found) != counted.get(key) or sorted(found) != list(range(1, len(found) + 1))
    ]
    problems += [f"{key}: a round without forecasts" for key in counted if key not in numbers]
    return problems + [
        f"slot {slot}: forecasts of a target that is not there: {target_id}"
        for slot, target_id in counted
        if not TARGETS.has(state, target_id)
    ]


def skills(state: HasStore) -> list[str]:
    """A skill is made of the scores on record, and is between its bounds."""
    sums: dict[tuple[int, bytes], list[int]] = {}
    for (key, _), score in SCORES.items(state):
        entry = sums.setdefault(key, [0, 0, 0])
        entry[0] += 1
        entry[1] += score.loss
        entry[2] += score.baseline_loss
    problems = []
    for key, skill in SKILLS.items(state):
        found = sums.pop(key, [0, 0, 0])
        permille = rules.compute_skill_permille(skill.loss, skill.baseline_loss)
        if found != [skill.slots, skill.loss, skill.baseline_loss]:
            problems.append(f"target {key[0]}: the skill of {bech32.encode(key[1])} is not its sum")
        if not -PERMILLE <= permille <= PERMILLE:
            problems.append(f"target {key[0]}: a skill of {permille}")
    return problems + [f"target {target_id}: scores without a skill" for target_id, _ in sums]


def counts(state: HasStore) -> list[str]:
    """Markets are counted, in all and for their targets; every target has a tally."""
    problems, of_targets = [], dict.fromkeys((key for key, _ in TARGETS.items(state)), 0)
    count = 0
    for market_id, one in MARKETS.items(state):
        count += 1
        if one.target_id and one.target_id not in of_targets:
            problems.append(f"market {market_id}: there is no target {one.target_id}")
        elif one.target_id:
            of_targets[one.target_id] += 1
    if count != MARKET_COUNT.last(state):
        problems.append(f"{MARKET_COUNT.last(state)} markets are counted of {count}")
    problems += list(_check_targets(state, of_targets))
    return problems


def holdings(state: HasStore) -> list[str]:
    """Shares are of a market that is there."""
    return [
        f"{bech32.encode(owner)} has shares in {market_id}, which is no market"
        for (market_id, owner), _ in HOLDINGS.items(state)
        if not MARKETS.has(state, market_id)
    ]


ALL = (money, holdings, market_money, rounds, skills, counts)


def _check_targets(state: HasStore, markets: dict[int, int]) -> Iterator[str]:
    for target_id, target in TARGETS.items(state):
        if target.markets != markets[target_id]:
            yield f"target {target_id} counts {target.markets} markets of {markets[target_id]}"
    tallied = [target_id for target_id, _ in TALLIES.items(state)]
    if tallied != list(markets):
        yield f"targets {list(markets)} are tallied as {tallied}"
