"""What can be decided about the set itself: each change says where powers go, and blocks follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from blockenergy.validators.v1 import state_pb2
from google.protobuf.message import Message

from chain import registry
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address
from chain.validators import rules
from chain.validators.keeper import ValidatorsError
from chain.validators.state import PARAMS, VALIDATORS

ACTIVE = state_pb2.STATUS_ACTIVE


class Change(NamedTuple):
    """A change of the set: its message, and what it does."""

    message_type: type[Message]
    run: Callable[[Context, Any], None]


def add_validator(ctx: Context, change: state_pb2.AddValidator) -> None:
    """A new validator."""
    registry.require_active(ctx, decode_address(change.operator))
    _require_power(ctx, change.power)
    most = PARAMS.get_shared(ctx).validators_max
    count = sum(1 for _, one in VALIDATORS.items(ctx) if one.power or one.target_power)
    require(count < most, ValidatorsError.TOO_MANY_VALIDATORS, f"{most} in all")
    validator = state_pb2.Validator(
        pub_key=change.pub_key,
        target_power=change.power,
        operator=change.operator,
        label=change.label,
        status=ACTIVE,
    )
    _set_new(ctx, validator)


def change_power(ctx: Context, change: state_pb2.ChangePower) -> None:
    """Another power for a validator."""
    validator = _require_active(ctx, change.validator)
    _require_power(ctx, change.power)
    require(change.power != validator.target_power, ValidatorsError.POWER_UNCHANGED)
    validator.target_power = change.power
    VALIDATORS.set(ctx, change.validator, validator)


def remove_validator(ctx: Context, change: state_pb2.RemoveValidator) -> None:
    """A validator that leaves for good."""
    validator = _require_active(ctx, change.validator)
    others = any(
        one.status == ACTIVE for key, one in VALIDATORS.items(ctx) if key != change.validator
    )
    require(others, ValidatorsError.LAST_VALIDATOR)
    _retire(ctx, change.validator, validator)


def rotate_key(ctx: Context, change: state_pb2.RotateKey) -> None:
    """Another key for a validator."""
    old = _require_active(ctx, change.validator)
    new = state_pb2.Validator(
        pub_key=change.pub_key,
        target_power=old.target_power,
        operator=old.operator,
        label=old.label,
        status=ACTIVE,
    )
    _set_new(ctx, new)
    _retire(ctx, change.validator, old)


CHANGES: Mapping[str, Change] = {
    f"/{message_type.DESCRIPTOR.full_name}": Change(message_type, run)
    for message_type, run in (
        (state_pb2.AddValidator, add_validator),
        (state_pb2.ChangePower, change_power),
        (state_pb2.RemoveValidator, remove_validator),
        (state_pb2.RotateKey, rotate_key),
    )
}


def _require_active(ctx: Context, address: str) -> state_pb2.Validator:
    found = VALIDATORS.get(ctx, address)
    if found is None or found.status != ACTIVE:
        raise ChainError(ValidatorsError.VALIDATOR_UNKNOWN, address[:100])
    return found


def _require_power(ctx: Context, power: int) -> None:
    most = PARAMS.get_shared(ctx).power_max
    require(0 < power <= most, ValidatorsError.CONTENT_INVALID, f"a power is 1 to {most}")


def _set_new(ctx: Context, validator: state_pb2.Validator) -> None:
    address = rules.compute_address(validator.pub_key)
    error = rules.find_validator_error(address, validator)
    require(not error, ValidatorsError.CONTENT_INVALID, error)
    require(not VALIDATORS.has(ctx, address), ValidatorsError.KEY_USED, address)
    VALIDATORS.set(ctx, address, validator)


def _retire(ctx: Context, address: str, validator: state_pb2.Validator) -> None:
    validator.status = state_pb2.STATUS_REMOVED
    validator.target_power = 0
    VALIDATORS.set(ctx, address, validator)
