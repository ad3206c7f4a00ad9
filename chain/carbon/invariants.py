"""Invariants of carbon."""

from __future__ import annotations

from chain.carbon.state import CARBON_SLOTS, FEEDER_BOOKS, FUNDS, LAST_BEGUN
from chain.runtime.state.collections import HasStore


def claimed_once(state: HasStore) -> list[str]:
    """In a slot and zone no more is used with certificates than was used by exact readings, and no
    more is used and given than was issued.
    """
    problems = []
    for (slot, zone), sums in CARBON_SLOTS.items(state):
        if sums.self_wh + sums.claim_wh > sums.exact_import_wh:
            problems.append(f"slot {slot}, zone {zone}: more is claimed than used")
        if sums.self_wh + sums.given_wh > sums.issued_wh:
            problems.append(f"slot {slot}, zone {zone}: more is used and given than issued")
    return problems


def sources_known(state: HasStore) -> list[str]:
    """What was given on a feeder is known by its sources."""
    return [
        f"slot {slot}: what was given on {feeder} is not what its sources have"
        for (slot, feeder), book in FEEDER_BOOKS.items(state)
        if sum(part.wh for part in book.given_by_source) != book.given_wh
    ]


def charged(state: HasStore) -> list[str]:
    """What a slot has in the fund, or lacks, and what was refunded is what was charged."""
    charges: dict[int, int] = {}
    for (slot, _), sums in CARBON_SLOTS.items(state):
        charges[slot] = charges.get(slot, 0) + sums.charge
    problems = []
    for slot, fund in FUNDS.items(state):
        if fund.balance + fund.missing + fund.refunded != charges.get(slot, 0):
            problems.append(f"slot {slot} was charged {charges.get(slot, 0)}, its fund differs")
    return problems


def begun(state: HasStore) -> list[str]:
    """No slot has sums whose settlement has not begun."""
    last = LAST_BEGUN.last(state)
    return [
        f"slot {slot} has not begun" for (slot, _), _ in CARBON_SLOTS.items(state) if slot > last
    ]
