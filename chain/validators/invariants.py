"""Invariants of the set of validators."""

from __future__ import annotations

from blockenergy.validators.v1 import state_pb2

from chain.runtime.state.collections import HasStore
from chain.validators import rules
from chain.validators.keeper import list_powerful
from chain.validators.state import VALIDATORS


def powers(state: HasStore) -> list[str]:
    """Somebody has power, not too many have, and none who broke the rules, unless nobody else is
    left.
    """
    problems = []
    powerful = dict(list_powerful(state))
    if not powerful and any(True for _ in VALIDATORS.items(state)):
        problems.append("no validator has power")
    if len(powerful) > rules.VALIDATORS_CEILING:
        problems.append(f"{len(powerful)} validators have power")
    problems += [
        f"validator {address}: {error}"
        for address, validator in VALIDATORS.items(state)
        if (error := rules.find_validator_error(address, validator))
    ]
    expelled = [
        address
        for address, validator in powerful.items()
        if validator.status == state_pb2.STATUS_TOMBSTONED
    ]
    if expelled and len(powerful) > 1:
        problems.append(f"validator {expelled[0]} has power and is tombstoned")
    return problems
