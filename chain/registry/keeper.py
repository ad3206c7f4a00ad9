"""The registry as other modules use it: permissions, meters and feeders."""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.registry.v1 import errors_pb2, events_pb2, state_pb2
from blockenergy.registry.v1.role_pb2 import Role

from chain.registry import connections, rules
from chain.registry.lifecycle import METER, Event
from chain.registry.state import (
    FEEDERS,
    FEEDERS_BY_PARENT,
    METERS,
    METERS_BY_KEY,
    METERS_BY_OWNER,
    PARAMS,
    PARTICIPANTS,
)
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, ErrorCodes, SdkError, require
from chain.runtime.signatures import is_meter_key
from chain.runtime.state.collections import HasStore

RegistryError = ErrorCodes("registry", errors_pb2.Error.DESCRIPTOR)


def require_active(state: HasStore, address: bytes) -> state_pb2.Participant:
    """The participant of an address; rejects one that is not registered or not active."""
    return _require_active(PARTICIPANTS.get(state, address))


def require_permission(
    state: HasStore, address: bytes, roles: frozenset[int], even_removed: bool = False
) -> None:
    """Rejects an address that is not active or has none of the roles.

    even_removed: whether one that was removed has the permission as well.
    """
    participant = PARTICIPANTS.get_shared(state, address)
    if even_removed and participant and participant.status == state_pb2.STATUS_REMOVED:
        return
    require_role(_require_active(participant), roles)


def require_role(participant: state_pb2.Participant, roles: frozenset[int]) -> None:
    """Rejects a participant that has none of the roles; no roles allow every participant."""
    if roles and roles.isdisjoint(participant.roles):
        names = ", ".join(Role.Name(role)[5:].lower() for role in sorted(roles))
        raise ChainError(RegistryError.ROLE_MISSING, f"one of {names}")


def require_registrar(state: HasStore, address: str) -> None:
    """Rejects every address but the registrar."""
    require(address == PARAMS.get_shared(state).registrar, RegistryError.NOT_REGISTRAR)


def is_registrar(state: HasStore, address: bytes) -> bool:
    """Whether the address is the registrar's."""
    return bech32.encode(address) == PARAMS.get_shared(state).registrar


def is_participant(state: HasStore, address: bytes) -> bool:
    """Whether the address was ever registered."""
    return PARTICIPANTS.has(state, address)


def get_meter(state: HasStore, meter_id: str) -> state_pb2.Meter | None:
    """A meter, or None; read-only."""
    return METERS.get_shared(state, meter_id)


def get_register_size_wh(meter: state_pb2.Meter) -> int:
    """Registers of a meter are counted modulo this."""
    return (meter.register_max_wh or rules.REGISTER_DEFAULT_WH) + 1


def require_installed(state: HasStore, meter_id: str) -> None:
    """Rejects a meter that is unknown or removed."""
    meter = METERS.get_shared(state, meter_id)
    if meter is None:
        raise ChainError(RegistryError.METER_UNKNOWN)
    require(meter.status != state_pb2.STATUS_REMOVED, RegistryError.STATUS_WRONG)


def require_free_key(state: HasStore, pub_key: bytes) -> None:
    """Rejects a key that no device can sign with, and one that another device signs with."""
    require(
        is_meter_key(pub_key),
        RegistryError.METER_INVALID,
        "the key is neither an Ed25519 key of 32 bytes nor a P-256 key of 33",
    )
    holder = next(METERS_BY_KEY.keys(state, pub_key.hex()), None)
    require(holder is None, RegistryError.METER_KEY_IN_USE, f"{holder}")


def exchange_meter(ctx: Context, meter_id: str, pub_key: bytes) -> None:
    """Gives the id of a meter to another device, whose key signs from now on."""
    meter = METERS.get(ctx, meter_id)
    assert meter is not None, "a meter is exchanged that was never registered"
    meter.pub_key = pub_key
    meter.generation += 1
    METERS.set(ctx, meter_id, meter)


def remove_meter(ctx: Context, meter_id: str) -> None:
    """Removes a meter that is not removed yet; its last slot is the one in delivery."""
    meter = METERS.get(ctx, meter_id)
    assert meter is not None, "a meter is removed that was never registered"
    if meter.checks_feeder:
        set_check_meter(ctx, meter.feeder, "")
        # It settles nothing.
        meter.closed = True
    else:
        _take_from_owner(ctx, meter)
    meter.status = METER.next(meter.status, Event.REMOVE)
    meter.removed_at_s = ctx.block.time_s
    METERS.set(ctx, meter_id, meter)
    ctx.emit(events_pb2.EventMeterChanged(meter_id=meter_id, status=meter.status))


def close_meter(ctx: Context, meter_id: str) -> None:
    """Notes that the last slot of a removed meter is settled."""
    meter = METERS.get(ctx, meter_id)
    assert meter is not None, "an index points to a meter that is not there"
    meter.closed = True
    METERS.set(ctx, meter_id, meter)


def set_check_meter(ctx: Context, name: str, meter_id: str) -> None:
    """Notes the check meter of a feeder, or, with an empty id, that it has none."""
    feeder = FEEDERS.get(ctx, name)
    assert feeder is not None, "a meter is at a feeder that was never registered"
    feeder.check_meter = meter_id
    FEEDERS.set(ctx, name, feeder)


def get_capacity_max_w(state: HasStore) -> int:
    """Max total capacity of the connections of one owner, in W."""
    params = PARAMS.get(state)
    return params.capacity_max_w * params.meters_per_owner_max


def get_meters_after(state: HasStore, owner: bytes) -> Iterator[tuple[bytes, str]]:
    """(owner, meter id) of all meters that are not closed, owner by owner.

    Begins after the given owner; an empty owner begins at the first.
    """
    return METERS_BY_OWNER.items(state, after=owner or None)


def get_meters_of(state: HasStore, owner: bytes) -> Iterator[str]:
    """The meters of an account that are not closed."""
    return METERS_BY_OWNER.keys(state, under=owner)


def get_feeder_of(state: HasStore, address: bytes) -> str:
    """The feeder of an account's meters; empty: it trades at the grid supply point."""
    participant = PARTICIPANTS.get_shared(state, address)
    return participant.feeder if participant else ""


def get_feeder(state: HasStore, feeder: str) -> state_pb2.Feeder | None:
    """A feeder, or None; read-only."""
    return FEEDERS.get_shared(state, feeder)


def get_path(state: HasStore, feeder: str) -> list[tuple[str, state_pb2.Feeder]]:
    """The feeders from this one up to the grid supply point, which is not one of them."""
    path = []
    while feeder:
        info = FEEDERS.get_shared(state, feeder)
        assert info is not None, "a feeder is named that was never registered"
        path.append((feeder, info))
        feeder = info.parent
    return path


def get_feeders(state: HasStore) -> Iterator[tuple[str, state_pb2.Feeder]]:
    """All feeders, by name."""
    return FEEDERS.items(state)


def get_branches(state: HasStore, feeder: str) -> Iterator[str]:
    """The feeders that branch off one, by name."""
    return FEEDERS_BY_PARENT.keys(state, under=feeder)


def has_renewable_meter(state: HasStore, owner: bytes) -> bool:
    """Whether an account has an active meter with a renewable energy source."""
    for meter_id in METERS_BY_OWNER.keys(state, under=owner):
        meter = METERS.get_shared(state, meter_id)
        active = meter is not None and meter.status == state_pb2.STATUS_ACTIVE
        if meter and active and rules.is_renewable(meter.energy_source):
            return True
    return False


def _require_active(participant: state_pb2.Participant | None) -> state_pb2.Participant:
    if participant is None:
        raise ChainError(SdkError.UNKNOWN_ADDRESS)
    require(participant.status == state_pb2.STATUS_ACTIVE, RegistryError.PARTICIPANT_NOT_ACTIVE)
    return participant


def _take_from_owner(ctx: Context, meter: state_pb2.Meter) -> None:
    """Counts one meter less; without meters an owner has no grid node either."""
    address = bech32.decode(meter.owner)
    owner = PARTICIPANTS.get(ctx, address)
    assert owner is not None, "a meter has an owner that was never registered"
    connections.add(owner, meter, -1)
    owner.meters -= 1
    if not owner.meters:
        owner.feeder = ""
    PARTICIPANTS.set(ctx, address, owner)
