"""Invariants of what crosses."""

from __future__ import annotations

from chain import bank, certificates, credits
from chain.carbontransfer import batches, foreign
from chain.carbontransfer.state import (
    CREDIT_ESCROWS,
    ESCROWS,
    FOREIGN_HOLDINGS,
    FOREIGN_SERIES,
    LAST_RETIREMENT,
    RETIREMENTS,
    ROUTES,
    SeriesKey,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def locked_abroad(state: HasStore) -> list[str]:
    """What a series has abroad is what has left over all clients; what is counted of one that has
    expired is removed in time.
    """
    sums: dict[tuple[int, bytes], int] = {}
    for (slot, (producer, _)), wh in ESCROWS.items(state):
        sums[slot, producer] = sums.get((slot, producer), 0) + wh
    return [
        f"slot {slot}: {wh} Wh of {bech32.encode(producer)} are abroad, other than was sent"
        for slot, producer, wh in certificates.list_abroad(state)
        if wh != sums.get((slot, producer), 0)
    ]


def credits_abroad(state: HasStore) -> list[str]:
    """The escrow accounts have the credits that have left, and a batch says how many these are."""
    problems, sums = [], dict[str, int]()
    for (client_id, batch_id), grams in CREDIT_ESCROWS.items(state):
        sums[batch_id] = sums.get(batch_id, 0) + grams
        account = batches.get_escrow_account(client_id)
        held_g = bank.get_balance(state, account, credits.get_denom(batch_id))
        if held_g != grams or not grams:
            problems.append(f"{client_id}: {held_g} g of {batch_id} in escrow of {grams}")
    return problems + [
        f"batch {batch_id}: {grams} g are abroad, other than was sent"
        for batch_id, grams in credits.list_abroad(state)
        if grams != sums.get(batch_id, 0)
    ]


def foreign_conserved(state: HasStore) -> list[str]:
    """Of each series of another chain what is held, returned, retired and expired is what came."""
    sums: dict[SeriesKey, int] = {}
    for (place, (producer, _)), holding in FOREIGN_HOLDINGS.items(state):
        key = (place, producer)
        sums[key] = sums.get(key, 0) + holding.wh
    problems = []
    for key, series in FOREIGN_SERIES.items(state):
        if sums.pop(key, 0) != foreign.get_held_wh(series):
            problems.append(f"{key[0][0]}, slot {key[0][1]}: a series does not add up")
    return problems + [f"{client_id}: held, but of no series" for (client_id, _), _ in sums]


def routes_known(state: HasStore) -> list[str]:
    """What came has a route, counts the batches that came over it, and retirements have numbers
    that were given.
    """
    clients = {client_id for ((client_id, _), _), _ in FOREIGN_SERIES.items(state)}
    problems = [f"{one} has no route" for one in sorted(clients) if not ROUTES.has(state, one)]
    for client_id, route in ROUTES.items(state):
        count = credits.count_foreign_batches(state, client_id)
        if route.batches != count:
            problems.append(f"{client_id}: {route.batches} batches are counted of {count}")
    last = LAST_RETIREMENT.last(state)
    numbers = [number for number, _ in RETIREMENTS.items(state) if number > last]
    return problems + [f"retirement {number} was never given" for number in numbers]
