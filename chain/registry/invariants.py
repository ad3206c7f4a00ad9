"""Invariants of the registry."""

from __future__ import annotations

from blockenergy.registry.v1 import state_pb2

from chain import auth
from chain.registry.connections import add
from chain.registry.keeper import get_path
from chain.registry.rules import FEEDER_DEPTH_MAX
from chain.registry.state import FEEDER_COUNT, FEEDERS, METERS, METERS_BY_KEY, PARAMS, PARTICIPANTS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore


def owners(state: HasStore) -> list[str]:
    """A participant's meter count is the number of its meters that are not removed."""
    counts: dict[bytes, int] = {}
    for _, meter in METERS.items(state):
        if meter.status != state_pb2.STATUS_REMOVED and not meter.checks_feeder:
            owner = bech32.decode(meter.owner)
            counts[owner] = counts.get(owner, 0) + 1
    problems = []
    for address, participant in PARTICIPANTS.items(state):
        count = counts.pop(address, 0)
        if participant.meters != count:
            name = bech32.encode(address)
            problems.append(f"{name} counts {participant.meters} meters of {count}")
    return problems + [f"{bech32.encode(owner)} owns meters, unregistered" for owner in counts]


def accounts(state: HasStore) -> list[str]:
    """Every participant has an account."""
    return [
        f"{bech32.encode(address)} has no account"
        for address, _ in PARTICIPANTS.items(state)
        if auth.get_account(state, address) is None
    ]


def meter_keys(state: HasStore) -> list[str]:
    """Meters that are not removed have keys of their own."""
    before, problems = "", []
    for key, meter_id in METERS_BY_KEY.items(state):
        if key == before:
            problems.append(f"{meter_id} has the key of another meter")
        before = key
    return problems


def grid(state: HasStore) -> list[str]:
    """Feeders form a tree of limited depth and size."""
    names = [name for name, _ in FEEDERS.items(state)]
    problems = [
        f"feeder {name} has too many feeders above it"
        for name in names
        if len(get_path(state, name)) > FEEDER_DEPTH_MAX
    ]
    if FEEDER_COUNT.last(state) != len(names):
        problems.append(f"{FEEDER_COUNT.last(state)} feeders are counted of {len(names)}")
    if len(names) > PARAMS.get_shared(state).feeders_max:
        problems.append(f"there are {len(names)} feeders, more than there may be")
    return problems


def grid_nodes(state: HasStore) -> list[str]:
    """All meters of a participant that are not removed are on its feeder; without meters it has no
    feeder.
    """
    feeders: dict[bytes, set[str]] = {}
    for _, meter in METERS.items(state):
        if meter.status != state_pb2.STATUS_REMOVED and not meter.checks_feeder:
            feeders.setdefault(bech32.decode(meter.owner), set()).add(meter.feeder)
    return [
        f"{bech32.encode(address)} is at {participant.feeder or 'the grid supply point'}, its "
        f"meters at {', '.join(sorted(feeders.get(address, ()))) or 'none'}"
        for address, participant in PARTICIPANTS.items(state)
        if feeders.get(address, {""}) != {participant.feeder}
    ]


def connections(state: HasStore) -> list[str]:
    """A participant has the connections of its active meters."""
    sums: dict[bytes, state_pb2.Participant] = {}
    for _, meter in METERS.items(state):
        own = sums.setdefault(bech32.decode(meter.owner), state_pb2.Participant())
        add(own, meter, 1)
    nothing = state_pb2.Participant()
    return [
        f"{bech32.encode(address)} has other connections than its meters"
        for address, has in PARTICIPANTS.items(state)
        if (expected := sums.get(address, nothing))
        and (has.capacity_w, has.source_capacity_w)
        != (expected.capacity_w, expected.source_capacity_w)
    ]


def check_meters(state: HasStore) -> list[str]:
    """A feeder's check meter is one of its own that was not removed, and there is no other."""
    kept = {feeder.check_meter: name for name, feeder in FEEDERS.items(state) if feeder.check_meter}
    found = {
        meter_id: meter.feeder
        for meter_id, meter in METERS.items(state)
        if meter.checks_feeder and meter.status != state_pb2.STATUS_REMOVED
    }
    different = sorted(set(kept.items()) ^ set(found.items()))
    return [f"{meter_id} is not as the feeder {name} has it" for meter_id, name in different]
