"""What always holds of the registry."""

from __future__ import annotations

from blockenergy.registry.v1 import state_pb2

from chain import auth
from chain.registry.state import METERS, PARTICIPANTS
from chain.runtime import bech32
from chain.runtime.collections import HasStore


def owners(state: HasStore) -> list[str]:
    """A participant's count of meters is the number of its meters that are not removed."""
    counts: dict[bytes, int] = {}
    for _, meter in METERS.items(state):
        if meter.status != state_pb2.STATUS_REMOVED:
            owner = bech32.decode(meter.owner)
            counts[owner] = counts.get(owner, 0) + 1
    problems = [
        f"{bech32.encode(address)} counts {participant.meters} meters of {counts.get(address, 0)}"
        for address, participant in PARTICIPANTS.items(state)
        if participant.meters != counts.pop(address, 0)
    ]
    return problems + [f"{bech32.encode(owner)} owns meters, unregistered" for owner in counts]


def accounts(state: HasStore) -> list[str]:
    """Every participant has an account."""
    return [
        f"{bech32.encode(address)} has no account"
        for address, _ in PARTICIPANTS.items(state)
        if auth.get_account(state, address) is None
    ]
