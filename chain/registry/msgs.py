"""Messages of the registrar."""

from __future__ import annotations

from blockenergy.registry.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_BRIDGE, ROLE_DISTRIBUTOR, Role

from chain import auth
from chain.registry import check_meters, connections, rules
from chain.registry.feeders import add_feeder, change_feeder
from chain.registry.keeper import (
    RegistryError,
    require_active,
    require_free_key,
    require_registrar,
    require_role,
    set_check_meter,
)
from chain.registry.lifecycle import METER, PARTICIPANT, Event
from chain.registry.state import FEEDERS, METERS, PARAMS, PARTICIPANTS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.lifecycle import Lifecycle
from chain.runtime.tx import decode_address

__all__ = ["add_feeder", "change_feeder"]

_ROLES = frozenset(Role.values()) - {0}


def add_participant(
    ctx: Context, msg: tx_pb2.MsgAddParticipant
) -> tx_pb2.MsgAddParticipantResponse:
    """Registers an address, or a removed one again, with its roles."""
    require_registrar(ctx, msg.registrar)
    address = decode_address(msg.address)
    known = PARTICIPANTS.get_shared(ctx, address)
    free = known is None or PARTICIPANT.has(known.status, Event.ADD)
    require(free, RegistryError.PARTICIPANT_EXISTS)
    _require_roles(list(msg.roles))
    auth.create_account(ctx, address)
    participant = state_pb2.Participant(roles=sorted(msg.roles), status=PARTICIPANT.initial)
    PARTICIPANTS.set(ctx, address, participant)
    ctx.emit(events_pb2.EventParticipantAdded(address=msg.address, roles=participant.roles))
    return tx_pb2.MsgAddParticipantResponse()


def suspend_participant(
    ctx: Context, msg: tx_pb2.MsgSuspendParticipant
) -> tx_pb2.MsgSuspendParticipantResponse:
    """Stops a participant from acting."""
    require_registrar(ctx, msg.registrar)
    require(msg.address != msg.registrar, RegistryError.IS_REGISTRAR)
    _move_participant(ctx, msg.address, Event.SUSPEND)
    return tx_pb2.MsgSuspendParticipantResponse()


def reinstate_participant(
    ctx: Context, msg: tx_pb2.MsgReinstateParticipant
) -> tx_pb2.MsgReinstateParticipantResponse:
    """Ends a suspension."""
    require_registrar(ctx, msg.registrar)
    _move_participant(ctx, msg.address, Event.REINSTATE)
    return tx_pb2.MsgReinstateParticipantResponse()


def remove_participant(
    ctx: Context, msg: tx_pb2.MsgRemoveParticipant
) -> tx_pb2.MsgRemoveParticipantResponse:
    """Removes a participant that owns no meters."""
    require_registrar(ctx, msg.registrar)
    require(msg.address != msg.registrar, RegistryError.IS_REGISTRAR)
    _move_participant(ctx, msg.address, Event.REMOVE)
    return tx_pb2.MsgRemoveParticipantResponse()


def add_meter(ctx: Context, msg: tx_pb2.MsgAddMeter) -> tx_pb2.MsgAddMeterResponse:
    """Registers a meter to its owner and its bridge."""
    require_registrar(ctx, msg.registrar)
    params = PARAMS.get(ctx)
    _require_meter_form(msg, params.capacity_max_w)
    known = METERS.get_shared(ctx, msg.meter_id)
    free = known is None or (known.closed and METER.has(known.status, Event.ADD))
    require(free, RegistryError.METER_EXISTS)
    require_free_key(ctx, msg.pub_key)
    require(FEEDERS.has(ctx, msg.feeder), RegistryError.FEEDER_UNKNOWN)
    owner_address = decode_address(msg.owner)
    owner = require_active(ctx, owner_address)
    _require_bridge(ctx, msg.bridge)
    if msg.checks_feeder:
        check_meters.require_possible(ctx, msg)
    else:
        require(ROLE_DISTRIBUTOR not in owner.roles, RegistryError.OWNER_IS_DISTRIBUTOR)
        require(owner.meters < params.meters_per_owner_max, RegistryError.TOO_MANY_METERS)
        same_feeder = not owner.meters or owner.feeder == msg.feeder
        require(same_feeder, RegistryError.OTHER_FEEDER)
    meter = state_pb2.Meter(
        owner=msg.owner,
        bridge=msg.bridge,
        feeder=msg.feeder,
        capacity_w=msg.capacity_w,
        pub_key=msg.pub_key,
        status=METER.initial,
        initial_import_wh=msg.initial_import_wh,
        initial_export_wh=msg.initial_export_wh,
        added_at_s=ctx.block.time_s,
        energy_source=msg.energy_source,
        register_max_wh=msg.register_max_wh,
        generation=known.generation + 1 if known else 0,
        export_capacity_w=msg.export_capacity_w,
        checks_feeder=msg.checks_feeder,
    )
    if msg.checks_feeder:
        set_check_meter(ctx, msg.feeder, msg.meter_id)
    else:
        owner.meters += 1
        owner.feeder = msg.feeder
        connections.add(owner, meter, 1)
        PARTICIPANTS.set(ctx, owner_address, owner)
    METERS.set(ctx, msg.meter_id, meter)
    ctx.emit(events_pb2.EventMeterAdded(meter_id=msg.meter_id, owner=msg.owner, bridge=msg.bridge))
    return tx_pb2.MsgAddMeterResponse()


def suspend_meter(ctx: Context, msg: tx_pb2.MsgSuspendMeter) -> tx_pb2.MsgSuspendMeterResponse:
    """Stops readings of a meter from being taken."""
    require_registrar(ctx, msg.registrar)
    _move_meter(ctx, msg.meter_id, Event.SUSPEND)
    return tx_pb2.MsgSuspendMeterResponse()


def reinstate_meter(
    ctx: Context, msg: tx_pb2.MsgReinstateMeter
) -> tx_pb2.MsgReinstateMeterResponse:
    """Ends the suspension of a meter."""
    require_registrar(ctx, msg.registrar)
    _move_meter(ctx, msg.meter_id, Event.REINSTATE)
    return tx_pb2.MsgReinstateMeterResponse()


def change_bridge(ctx: Context, msg: tx_pb2.MsgChangeBridge) -> tx_pb2.MsgChangeBridgeResponse:
    """Moves a meter to another bridge."""
    meter = _require_meter(ctx, msg.meter_id)
    entitled = msg.sender in (meter.owner, PARAMS.get_shared(ctx).registrar)
    require(entitled, RegistryError.NOT_YOUR_METER)
    removed = meter.status == state_pb2.STATUS_REMOVED
    require(not removed and msg.bridge != meter.bridge, RegistryError.STATUS_WRONG)
    _require_bridge(ctx, msg.bridge)
    meter.bridge = msg.bridge
    METERS.set(ctx, msg.meter_id, meter)
    ctx.emit(events_pb2.EventBridgeChanged(meter_id=msg.meter_id, bridge=msg.bridge))
    return tx_pb2.MsgChangeBridgeResponse()


def _require_bridge(ctx: Context, address: str) -> None:
    bridge = require_active(ctx, decode_address(address))
    require_role(bridge, frozenset({ROLE_BRIDGE}))


def _require_roles(roles: list[int]) -> None:
    known = all(role in _ROLES for role in roles)
    require(roles and known and len(set(roles)) == len(roles), RegistryError.ROLES_INVALID)


def _require_participant(ctx: Context, address: str) -> state_pb2.Participant:
    participant = PARTICIPANTS.get(ctx, decode_address(address))
    if participant is None:
        raise ChainError(RegistryError.PARTICIPANT_UNKNOWN)
    return participant


def _require_meter(ctx: Context, meter_id: str) -> state_pb2.Meter:
    meter = METERS.get(ctx, meter_id)
    if meter is None:
        raise ChainError(RegistryError.METER_UNKNOWN)
    return meter


def _require_meter_form(msg: tx_pb2.MsgAddMeter, capacity_max_w: int) -> None:
    require(rules.is_identifier(msg.meter_id), RegistryError.METER_INVALID, "the meter id")
    in_range = 0 < msg.capacity_w <= capacity_max_w
    require(in_range, RegistryError.METER_INVALID, f"1 to {capacity_max_w} W")
    exports = msg.export_capacity_w <= msg.capacity_w
    require(exports, RegistryError.METER_INVALID, "it exports more than it carries")
    registers = max(msg.initial_import_wh, msg.initial_export_wh)
    require(registers < rules.REGISTER_MAX_WH, RegistryError.METER_INVALID, "initial registers")
    size_fits = rules.is_register_size(msg.register_max_wh, msg.capacity_w)
    require(size_fits, RegistryError.METER_INVALID, "the size of the registers")
    known = rules.is_energy_source(msg.energy_source)
    require(known, RegistryError.METER_INVALID, f"there is no energy source {msg.energy_source}")


def _move_participant(ctx: Context, address: str, event: Event) -> None:
    participant = _require_participant(ctx, address)
    participant.status = _require_next(PARTICIPANT, participant.status, event)
    if event is Event.REMOVE:
        require(not participant.meters, RegistryError.OWNS_METERS)
    PARTICIPANTS.set(ctx, decode_address(address), participant)
    ctx.emit(events_pb2.EventParticipantChanged(address=address, status=participant.status))


def _move_meter(ctx: Context, meter_id: str, event: Event) -> None:
    meter = _require_meter(ctx, meter_id)
    status = _require_next(METER, meter.status, event)
    owner_address = decode_address(meter.owner)
    owner = PARTICIPANTS.get(ctx, owner_address)
    assert owner is not None, "a meter has an owner that was never registered"
    connections.add(owner, meter, -1)
    meter.status = status
    connections.add(owner, meter, 1)
    PARTICIPANTS.set(ctx, owner_address, owner)
    METERS.set(ctx, meter_id, meter)
    ctx.emit(events_pb2.EventMeterChanged(meter_id=meter_id, status=meter.status))


def _require_next(
    lifecycle: Lifecycle[state_pb2.Status, Event], status: state_pb2.Status, event: Event
) -> state_pb2.Status:
    """The status after an event; rejects an event that the status does not allow."""
    require(lifecycle.has(status, event), RegistryError.STATUS_WRONG)
    return lifecycle.next(status, event)
