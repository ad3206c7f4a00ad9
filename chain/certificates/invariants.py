"""Invariants of certificates."""

from __future__ import annotations

from chain import carbon, settlement
from chain.certificates.keeper import get_gone_wh
from chain.certificates.state import CLAIMS, HOLDINGS, LAST_CLOSED, LOCKS, SERIES, TOUCHED
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def conserved(state: HasStore) -> list[str]:
    """Of each series what is held, locked, exported, retired, cancelled, withdrawn and expired is
    what was issued.
    """
    sums: dict[tuple[int, bytes], int] = {}
    for (slot, (producer, _)), holding in HOLDINGS.items(state):
        sums[slot, producer] = sums.get((slot, producer), 0) + holding.wh
    problems = []
    for key, series in SERIES.items(state):
        if sums.pop(key, 0) + get_gone_wh(series) != series.issued_wh:
            problems.append(f"slot {key[0]}: a series of {bech32.encode(key[1])} does not add up")
    return problems + [f"slot {slot}: held, but of no series" for slot, _ in sums]


def held(state: HasStore) -> list[str]:
    """Of what the chain issued in a slot no more is on record than its lines have free."""
    sums: dict[int, int] = {}
    for (slot, _), series in SERIES.items(state):
        sums[slot] = sums.get(slot, 0) + series.issued_wh - series.imported_wh
    last, problems = LAST_CLOSED.last(state), []
    for slot, wh in sums.items():
        if slot > last and wh > carbon.get_free_wh(state, slot):
            problems.append(f"slot {slot}: {wh} Wh are issued, more than were free")
        # Some may have expired since.
        if slot > last and wh > (TOUCHED.get(state, slot) or 0):
            problems.append(f"slot {slot}: {wh} Wh are touched, less is on record")
    closed = [slot for slot, _ in TOUCHED.items(state) if slot <= last]
    return problems + [f"slot {slot} is closed and has touched series" for slot in closed]


def issued_once(state: HasStore) -> list[str]:
    """For no export there are certificates of the chain and of another registry."""
    problems = []
    for (slot, producer), series in SERIES.items(state):
        line = settlement.get_line(state, slot, producer) if series.imported_wh else None
        if line and series.imported_wh + line.renewable_wh > line.export_wh:
            problems.append(f"slot {slot}: {bech32.encode(producer)} has more than it exported")
    return problems


def locked(state: HasStore) -> list[str]:
    """What a series has locked is what its locks say."""
    sums: dict[tuple[int, bytes], int] = {}
    for _, lock in LOCKS.items(state):
        for entry in lock.entries:
            key = (entry.slot, bech32.decode(entry.producer))
            sums[key] = sums.get(key, 0) + entry.wh
    return [
        f"slot {slot}: a series of {bech32.encode(producer)} has other certificates locked"
        for (slot, producer), series in SERIES.items(state)
        if series.locked_wh != sums.get((slot, producer), 0)
    ]


def claims_covered(state: HasStore) -> list[str]:
    """No account has matched more of its use than exact readings show."""
    problems = []
    for (slot, consumer), claim in CLAIMS.items(state):
        if sum(part.wh for part in claim.retired_by_source) != claim.retired_wh:
            problems.append(f"slot {slot}: sources of {bech32.encode(consumer)} do not add up")
        line = settlement.get_line(state, slot, consumer)
        if line is None:
            continue
        matched_wh = line.self_wh + settlement.get_matched_claim_wh(state, slot, line)
        exceeded = claim.retired_wh + matched_wh > line.import_wh
        if claim.retired_wh and (line.inexact or exceeded):
            problems.append(f"slot {slot}: {bech32.encode(consumer)} claims more than it used")
        if claim.refunded > line.carbon_charge:
            problems.append(f"slot {slot}: {bech32.encode(consumer)} was refunded too much")
    return problems


def refunds(state: HasStore) -> list[str]:
    """What was refunded from the fund of a slot is what its claims say."""
    sums: dict[int, int] = {}
    for (slot, _), claim in CLAIMS.items(state):
        sums[slot] = sums.get(slot, 0) + claim.refunded
    return [
        f"slot {slot}: {refunded} was refunded, its claims say {sums.get(slot, 0)}"
        for slot, refunded in carbon.list_refunded(state)
        if refunded != sums.get(slot, 0)
    ]
