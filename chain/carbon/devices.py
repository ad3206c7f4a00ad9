"""Messages of certifiers: which devices certificates are issued for."""

from __future__ import annotations

from blockenergy.carbon.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_STORAGE

from chain import metering, registry
from chain.carbon.keeper import CarbonError, is_of_meter, list_devices_of
from chain.carbon.lifecycle import DEVICE, Event
from chain.carbon.reading import require_device
from chain.carbon.rules import SLOT_MAX_S, is_identifier
from chain.carbon.state import DEVICES, DEVICES_BY_FOREIGN_ID
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address

_TECHNOLOGY_BYTES_MAX = 64
_REASON_BYTES_MAX = 256
_STORAGE_MAX_WH = 1 << 50


def certify_device(ctx: Context, msg: tx_pb2.MsgCertifyDevice) -> tx_pb2.MsgCertifyDeviceResponse:
    """Certifies the device behind a meter."""
    meter = registry.get_meter(ctx, msg.meter_id)
    if meter is None or meter.closed:
        raise ChainError(registry.RegistryError.METER_UNKNOWN)
    known = DEVICES.get(ctx, msg.meter_id)
    exists = known is not None and is_of_meter(ctx, msg.meter_id, known)
    require(not exists, CarbonError.DEVICE_EXISTS)
    owner = decode_address(meter.owner)
    is_battery = ROLE_STORAGE in registry.require_active(ctx, owner).roles
    require(not is_battery, CarbonError.OWNER_IS_BATTERY)
    require(registry.is_renewable(meter.energy_source), CarbonError.NOT_RENEWABLE)
    same = all(
        device.energy_source == msg.energy_source for _, device in list_devices_of(ctx, owner)
    )
    same = same and msg.energy_source == meter.energy_source
    require(same, CarbonError.SOURCE_DIFFERS)
    error = _find_error(ctx, msg, meter.capacity_w)
    require(not error, CarbonError.DEVICE_INVALID, error)
    _require_free_id(ctx, msg)
    device = state_pb2.Device(
        owner=meter.owner,
        energy_source=msg.energy_source,
        power_w=msg.power_w,
        technology=msg.technology,
        commissioned_at_s=msg.commissioned_at_s,
        generation_only=msg.generation_only,
        storage_behind_wh=msg.storage_behind_wh,
        backing_registry=msg.backing_registry,
        foreign_id=msg.foreign_id,
        status=DEVICE.initial,
        meter_added_at_s=meter.added_at_s,
        # What is in the store by now may have been taken from the grid.
        grey_wh=msg.storage_behind_wh,
    )
    DEVICES.set(ctx, msg.meter_id, device)
    ctx.emit(events_pb2.EventDeviceCertified(meter_id=msg.meter_id, device=device))
    return tx_pb2.MsgCertifyDeviceResponse()


def suspend_device(ctx: Context, msg: tx_pb2.MsgSuspendDevice) -> tx_pb2.MsgSuspendDeviceResponse:
    """Ends what is issued for a device, until it is reinstated."""
    _move(ctx, msg.meter_id, Event.SUSPEND, msg.reason)
    return tx_pb2.MsgSuspendDeviceResponse()


def reinstate_device(
    ctx: Context, msg: tx_pb2.MsgReinstateDevice
) -> tx_pb2.MsgReinstateDeviceResponse:
    """Ends the suspension of a device."""
    _move(ctx, msg.meter_id, Event.REINSTATE, msg.reason)
    return tx_pb2.MsgReinstateDeviceResponse()


def _find_error(ctx: Context, msg: tx_pb2.MsgCertifyDevice, capacity_w: int) -> str:
    """What is wrong with the figures of a device, in a few words; empty if nothing."""
    if not 0 < msg.power_w <= capacity_w:
        return f"1 to {capacity_w} W, the capacity of the connection"
    if len(msg.technology.encode()) > _TECHNOLOGY_BYTES_MAX:
        return f"a technology of at most {_TECHNOLOGY_BYTES_MAX} bytes"
    if msg.storage_behind_wh > _STORAGE_MAX_WH:
        return f"a store of at most {_STORAGE_MAX_WH} Wh"
    if msg.commissioned_at_s > ctx.block.time_s:
        return "it is not commissioned yet"
    for name in ("backing_registry", "foreign_id"):
        if getattr(msg, name) and not is_identifier(getattr(msg, name)):
            return name
    if msg.backing_registry and not msg.foreign_id:
        return "its id in the registry is missing"
    if metering.get_params(ctx).represented_duration_s > SLOT_MAX_S:
        return f"a slot represents more than {SLOT_MAX_S} s"
    return ""


def _require_free_id(ctx: Context, msg: tx_pb2.MsgCertifyDevice) -> None:
    if not msg.foreign_id:
        return
    for meter_id in DEVICES_BY_FOREIGN_ID.keys(ctx, under=msg.foreign_id):
        device, meter = DEVICES.get(ctx, meter_id), registry.get_meter(ctx, meter_id)
        # A device may move to another meter once its own is removed.
        in_use = device and is_of_meter(ctx, meter_id, device) and meter and not meter.closed
        require(not in_use, CarbonError.FOREIGN_ID_USED, meter_id)


def _move(ctx: Context, meter_id: str, event: Event, reason: str) -> None:
    device = require_device(ctx, meter_id)
    require(DEVICE.has(device.status, event), CarbonError.STATUS_WRONG)
    require(0 < len(reason.encode()) <= _REASON_BYTES_MAX, CarbonError.REASON_INVALID)
    device.status = DEVICE.next(device.status, event)
    DEVICES.set(ctx, meter_id, device)
    ctx.emit(events_pb2.EventDeviceChanged(meter_id=meter_id, status=device.status, reason=reason))
