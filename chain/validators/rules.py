"""How the powers of a set may change from one block to a later one. Nothing here reads state.

Promises that what a step takes away, and what it adds, is less than a third of all power, so that a
light client which knows the set before can always verify a header after; that the set never becomes
empty; and that a change of any size is reached in steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from blockenergy.validators.v1 import state_pb2

from chain.runtime.signatures import is_ed25519_key

LABEL_BYTES_MAX = 64
# CometBFT ends at 2^60 in all.
POWER_CEILING = 1 << 50
VALIDATORS_CEILING = 100
PROPOSALS_CEILING = 100
VOTE_PERIOD_MAX_S = 366 * 24 * 3600
_ADDRESS_BYTES = 20
# Shares of which no other may be as large: a third, and two thirds.
_THIRDS = 3


def compute_address(pub_key: bytes) -> str:
    """The consensus address of a key, in hexadecimal."""
    return hashlib.sha256(pub_key).hexdigest()[: 2 * _ADDRESS_BYTES]


def has_two_thirds(approved: int, total: int) -> bool:
    """Whether a power is more than two thirds of all."""
    return _THIRDS * approved > 2 * total


def plan_step(
    powers: Mapping[str, int], targets: Mapping[str, int], expelled: frozenset[str]
) -> dict[str, int]:
    """The next powers of those that change, by address.

    powers: of all that have any. targets: where powers are going to. expelled: those that lose all
    of theirs at once, unless nobody else has any.
    """
    staying = {address: power for address, power in powers.items() if address not in expelled}
    leaving = sorted([address for address in powers if address in expelled])
    # With nobody else, one of them stays until there is.
    last = leaving.pop() if leaving and not staying else ""
    changed = dict.fromkeys(leaving, 0)
    total = sum(staying.values()) or powers[last]
    changed |= _plan_shift(staying, targets, expelled, total)
    if last and len(changed) > len(leaving):
        changed[last] = 0
    return changed


def _plan_shift(
    powers: Mapping[str, int], targets: Mapping[str, int], expelled: frozenset[str], total: int
) -> dict[str, int]:
    room = max(1, (total - 1) // _THIRDS)
    # One remains, whatever the room.
    taken_room, added_room = min(room, total - 1), room
    changed = {}
    for address in sorted([address for address in targets if address not in expelled]):
        power, target = powers.get(address, 0), targets[address]
        if target < power:
            step = min(power - target, taken_room)
            taken_room -= step
            power -= step
        else:
            step = min(target - power, added_room)
            added_room -= step
            power += step
        if step:
            changed[address] = power
    return changed


def find_validator_error(address: str, validator: state_pb2.Validator) -> str:
    """What is wrong with a record, in a few words; empty if nothing."""
    if not is_ed25519_key(validator.pub_key):
        return "the key is not an Ed25519 public key"
    if compute_address(validator.pub_key) != address:
        return "the address is not that of the key"
    if max(validator.power, validator.target_power) > POWER_CEILING:
        return f"the power is at most {POWER_CEILING}"
    if len(validator.label.encode()) > LABEL_BYTES_MAX:
        return f"a label has at most {LABEL_BYTES_MAX} bytes"
    if validator.status not in (
        state_pb2.STATUS_ACTIVE,
        state_pb2.STATUS_REMOVED,
        state_pb2.STATUS_TOMBSTONED,
    ):
        return "the status is unknown"
    if (validator.status == state_pb2.STATUS_ACTIVE) != bool(validator.target_power):
        return "an active validator, and no other, is to have power"
    return ""
