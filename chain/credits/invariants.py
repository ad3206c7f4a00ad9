"""Invariants of credits."""

from __future__ import annotations

from chain import bank
from chain.credits import keeper
from chain.credits.keeper import LOCKED
from chain.credits.state import (
    BATCHES,
    CLASS_COUNT,
    CLASSES,
    LAST_RETIREMENT,
    LOCKS,
    OFFERS,
    PROJECTS,
    RETIREMENTS,
    SERIALS,
)
from chain.runtime.state.collections import HasStore


def conserved(state: HasStore) -> list[str]:
    """Of each batch what is there, retired, cancelled and exported is what was minted; and what is
    locked is there.
    """
    locked: dict[str, int] = {}
    for _, lock in LOCKS.items(state):
        locked[lock.batch] = locked.get(lock.batch, 0) + lock.grams
    problems = []
    for batch_id, batch in BATCHES.items(state):
        denom = keeper.get_denom(batch_id)
        info = bank.get_denom(state, denom)
        gone_g = batch.retired_g + batch.cancelled_g + batch.exported_g
        if info is None or info.issuer or info.supply + gone_g != batch.minted_g:
            problems.append(f"batch {batch_id} does not add up")
        held_g = bank.get_balance(state, LOCKED, denom)
        if not locked.pop(batch_id, 0) == batch.locked_g == held_g:
            problems.append(f"batch {batch_id} has other credits locked than its locks say")
    return problems + [f"credits of batch {batch_id} are locked, unknown" for batch_id in locked]


def counted(state: HasStore) -> list[str]:
    """Classes, and the projects of each, are as many as are counted."""
    sums: dict[str, int] = {}
    for (class_id, _), _ in PROJECTS.items(state):
        sums[class_id] = sums.get(class_id, 0) + 1
    classes = dict(CLASSES.items(state))
    problems = [
        f"class {class_id} has {sums.get(class_id, 0)} projects, it counts {entry.projects}"
        for class_id, entry in classes.items()
        if entry.projects != sums.get(class_id, 0)
    ]
    if len(classes) != CLASS_COUNT.last(state):
        problems.append(f"there are {len(classes)} classes, {CLASS_COUNT.last(state)} are counted")
    return problems


def retired(state: HasStore) -> list[str]:
    """The retirements of a batch add up to what it says, and have numbers that were given."""
    sums: dict[str, int] = {}
    problems = []
    for number, retirement in RETIREMENTS.items(state):
        sums[retirement.batch] = sums.get(retirement.batch, 0) + retirement.grams
        if number > LAST_RETIREMENT.last(state):
            problems.append(f"retirement {number} was never given")
    for batch_id, batch in BATCHES.items(state):
        if sums.pop(batch_id, 0) != batch.retired_g:
            problems.append(f"the retirements of batch {batch_id} do not add up")
    return problems + [f"credits of batch {batch_id} are retired, unknown" for batch_id in sums]


def serials_once(state: HasStore) -> list[str]:
    """No serial number of another registry is here twice."""
    problems = []
    registry, last = "", 0
    for (name, first), serials in SERIALS.items(state):
        if (name == registry and first <= last) or serials.last < first:
            problems.append(f"serial number {first} of {name} is here twice")
        registry, last = name, serials.last
    return problems


def offers_secured(state: HasStore) -> list[str]:
    """Every offer has its credits on hold."""
    problems = []
    for (batch_id, seller), offer in OFFERS.items(state):
        hold = bank.get_hold(state, seller, offer.hold_id)
        if hold is None or hold.amount != offer.grams or not offer.grams:
            problems.append(f"an offer of batch {batch_id} is not secured")
    return problems
