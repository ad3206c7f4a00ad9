"""Messages of the registrar and of the owners of batteries."""

from __future__ import annotations

from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL
from blockenergy.registry.v1.role_pb2 import ROLE_STORAGE
from blockenergy.storage.v1 import events_pb2, state_pb2, tx_pb2

from chain import market, metering, registry
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.tx import decode_address
from chain.runtime.units import PERMILLE
from chain.storage.keeper import StorageError, require_battery, require_fits
from chain.storage.state import BATTERIES, PARAMS


def add_battery(ctx: Context, msg: tx_pb2.MsgAddBattery) -> tx_pb2.MsgAddBatteryResponse:
    """Registers the battery of an account."""
    registry.require_registrar(ctx, msg.registrar)
    owner = decode_address(msg.owner)
    require(not BATTERIES.has(ctx, owner), StorageError.BATTERY_EXISTS)
    _require_owner(ctx, owner)
    _validate_basic(msg, PARAMS.get_shared(ctx))
    now = slots.slot_at(ctx.block.time_s, metering.get_params(ctx).slot_length_s)
    battery = state_pb2.Battery(
        capacity_wh=msg.capacity_wh,
        power_w=msg.power_w,
        charge_efficiency_permille=msg.charge_efficiency_permille,
        discharge_efficiency_permille=msg.discharge_efficiency_permille,
        state_of_charge_wh=msg.state_of_charge_wh,
        # Flows before the slot in delivery are part of the initial state of charge.
        settled_slot=now - 1,
        last_discharge_slot=now,
    )
    BATTERIES.set(ctx, owner, battery)
    ctx.emit(events_pb2.EventBatteryAdded(owner=msg.owner, battery=battery))
    return tx_pb2.MsgAddBatteryResponse()


def remove_battery(ctx: Context, msg: tx_pb2.MsgRemoveBattery) -> tx_pb2.MsgRemoveBatteryResponse:
    """Removes the battery of an account without positions in slots that are not settled."""
    registry.require_registrar(ctx, msg.registrar)
    owner = decode_address(msg.owner)
    battery = require_battery(ctx, owner)
    plan = market.get_plan(ctx, owner, battery.settled_slot)
    idle = all(position is None for _, position in plan)
    require(idle, StorageError.BATTERY_IN_USE)
    BATTERIES.delete(ctx, owner)
    ctx.emit(events_pb2.EventBatteryRemoved(owner=msg.owner))
    return tx_pb2.MsgRemoveBatteryResponse()


def charge(ctx: Context, msg: tx_pb2.MsgCharge) -> tx_pb2.MsgChargeResponse:
    """Buys energy for a slot to charge the battery."""
    battery = _require_turn(ctx, {msg.slot: msg.quantity_wh})
    order_id = market.place_order(
        ctx, ctx.signer, SIDE_BUY, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    _end_turn(ctx, battery)
    return tx_pb2.MsgChargeResponse(order_id=order_id)


def discharge(ctx: Context, msg: tx_pb2.MsgDischarge) -> tx_pb2.MsgDischargeResponse:
    """Sells energy of a slot from the battery."""
    battery = _require_turn(ctx, {msg.slot: -msg.quantity_wh})
    order_id = market.place_order(
        ctx, ctx.signer, SIDE_SELL, msg.slot, msg.quantity_wh, msg.price_limit_per_kwh
    )
    _end_turn(ctx, battery)
    return tx_pb2.MsgDischargeResponse(order_id=order_id)


def shift(ctx: Context, msg: tx_pb2.MsgShift) -> tx_pb2.MsgShiftResponse:
    """Buys energy in one slot and sells it in a later one, both or neither."""
    require(msg.charge_slot < msg.discharge_slot, StorageError.LEGS_INVALID)
    changes = {msg.charge_slot: msg.charge_wh, msg.discharge_slot: -msg.discharge_wh}
    battery = _require_turn(ctx, changes)
    legs = [
        market.Leg(SIDE_BUY, msg.charge_slot, msg.charge_wh, msg.charge_limit_per_kwh),
        market.Leg(SIDE_SELL, msg.discharge_slot, msg.discharge_wh, msg.discharge_limit_per_kwh),
    ]
    charge_id, discharge_id = market.place_linked(ctx, ctx.signer, legs)
    _end_turn(ctx, battery)
    return tx_pb2.MsgShiftResponse(charge_order_id=charge_id, discharge_order_id=discharge_id)


def _require_turn(ctx: Context, changes: dict[int, int]) -> state_pb2.Battery:
    """The signer's battery; rejects orders that it could not follow, and any after the first in a
    block, because the result of that one is known only at the end of the block.
    """
    battery = require_battery(ctx, ctx.signer)
    _require_owner(ctx, ctx.signer)
    first = battery.last_order_height != ctx.block.height
    require(first, StorageError.ONE_ORDER_PER_BLOCK)
    require_fits(ctx, ctx.signer, battery, changes)
    return battery


def _end_turn(ctx: Context, battery: state_pb2.Battery) -> None:
    """Notes that the battery has its order in this block; the market has accepted it."""
    battery.last_order_height = ctx.block.height
    BATTERIES.set(ctx, ctx.signer, battery)


def _require_owner(ctx: Context, owner: bytes) -> None:
    """Rejects an account with another role than storage, and one without a meter."""
    participant = registry.require_active(ctx, owner)
    is_storage = list(participant.roles) == [ROLE_STORAGE]
    require(is_storage and participant.meters, StorageError.OWNER_INVALID)


def _validate_basic(msg: tx_pb2.MsgAddBattery, params: state_pb2.Params) -> None:
    capacity_max_wh, power_max_w = params.capacity_max_wh, params.power_max_w
    capacity_fits = 0 < msg.capacity_wh <= capacity_max_wh
    require(capacity_fits, StorageError.BATTERY_INVALID, f"capacity of 1 to {capacity_max_wh} Wh")
    power_fits = 0 < msg.power_w <= power_max_w
    require(power_fits, StorageError.BATTERY_INVALID, f"power of 1 to {power_max_w} W")
    for share in (msg.charge_efficiency_permille, msg.discharge_efficiency_permille):
        share_fits = 0 < share <= PERMILLE
        require(share_fits, StorageError.BATTERY_INVALID, "efficiencies of 1 to 1000 permille")
    energy_fits = msg.state_of_charge_wh <= msg.capacity_wh
    require(energy_fits, StorageError.BATTERY_INVALID, "no more energy than capacity")
