"""What other modules read of settled slots."""

from __future__ import annotations

from blockenergy.carbon.v1 import state_pb2
from blockenergy.registry.v1.energy_source_pb2 import EnergySource

from chain import metering
from chain.carbon import rules
from chain.carbon.keeper import CarbonError, get_cap_wh, is_of_meter, list_devices_of
from chain.carbon.state import CARBON_SLOTS, DELIVERIES, DEVICES, FEEDER_BOOKS, FUNDS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE, floor_div


def get_carbon_slot(state: HasStore, slot: int, zone: int) -> state_pb2.CarbonSlot | None:
    """Factors and sums of a zone in a slot, or None; to be read only."""
    return CARBON_SLOTS.get_shared(state, (slot, zone))


def get_fund_sum(state: HasStore) -> int:
    """What all slots have in the carbon fund."""
    return sum(fund.balance for _, fund in FUNDS.items(state))


def get_matched_claim_wh(state: HasStore, slot: int, feeder: str, claim_wh: int) -> int:
    """What is matched of a purchase of renewable energy on a feeder."""
    book = FEEDER_BOOKS.get_shared(state, (slot, feeder))
    if book is None or not claim_wh:
        return claim_wh
    return rules.compute_matched_claim_wh(claim_wh, book.claim_wh, book.given_wh)


def split_matched_claim(
    state: HasStore, slot: int, feeder: str, matched_wh: int
) -> dict[EnergySource, int]:
    """What the matched part of a purchase on a feeder was made from."""
    book = FEEDER_BOOKS.get_shared(state, (slot, feeder)) if matched_wh else None
    return rules.split_by_source(matched_wh, book.given_by_source) if book else {}


def compute_delivered_wh(state: HasStore, wh: int, source: int, target: int) -> int | None:
    """What certificates of one zone are worth in another, rounded down; None if they do not come
    there.
    """
    if source == target:
        return wh
    delivery = DELIVERIES.get_shared(state, (source, target))
    if delivery is None:
        return None
    return floor_div(wh * (PERMILLE - delivery.loss_permille), PERMILLE)


def find_slot_after(state: HasStore, slot: int) -> int | None:
    """The first slot on record after one."""
    found = next(CARBON_SLOTS.items(state, start=(slot + 1, 0)), None)
    return None if found is None else found[0][0]


def get_free_wh(state: HasStore, slot: int) -> int:
    """What of all that was issued in a slot is neither used by its producers nor given."""
    zones = CARBON_SLOTS.under(slot).items(state)
    return sum(sums.issued_wh - sums.self_wh - sums.given_wh for _, sums in zones)


def prune(ctx: Context, before: int, limit: int) -> int:
    """Removes sums of slots before a slot, up to a limit; returns how many."""
    removed = FEEDER_BOOKS.prune(ctx, before, limit)
    return removed + CARBON_SLOTS.prune(ctx, before, limit - removed)


def require_device(state: HasStore, meter_id: str) -> state_pb2.Device:
    """The device of a meter; rejects a meter without one."""
    device = DEVICES.get(state, meter_id)
    if device is None:
        raise ChainError(CarbonError.DEVICE_UNKNOWN)
    return device


def add_debt(ctx: Context, meter_id: str, wh: int) -> None:
    """Withholds an amount from what a device makes next."""
    if wh:
        device = require_device(ctx, meter_id)
        device.debt_wh += wh
        DEVICES.set(ctx, meter_id, device)


def withhold(ctx: Context, meter_id: str, wh: int) -> int:
    """Takes what a device owes off an amount that is issued for it; returns how much."""
    device = require_device(ctx, meter_id)
    withheld_wh = min(device.debt_wh, wh)
    if withheld_wh:
        device.debt_wh -= withheld_wh
        DEVICES.set(ctx, meter_id, device)
    return withheld_wh


def is_in_force(state: HasStore, meter_id: str, device: state_pb2.Device, slot: int) -> bool:
    """Whether a device is in force, and was behind its meter in a slot already."""
    in_force = device.status == state_pb2.DEVICE_STATUS_IN_FORCE
    end_s = slots.end_s(slot, metering.get_params(state).slot_length_s)
    return in_force and device.meter_added_at_s < end_s and is_of_meter(state, meter_id, device)


def compute_backed_cap_wh(state: HasStore, slot: int, zone: int, owner: bytes) -> int:
    """The most that those devices of an account can have made in a settled slot that another
    registry issues for.
    """
    sums = CARBON_SLOTS.get_shared(state, (slot, zone))
    assert sums is not None, "a line has outlived the factors of its slot"
    duration_s = metering.get_params(state).represented_duration_s
    return sum(
        get_cap_wh(device, duration_s, sums.factor.solar_ceiling_permille)
        for meter_id, device in list_devices_of(state, owner)
        if device.backing_registry and is_in_force(state, meter_id, device, slot)
    )


def list_refunded(state: HasStore) -> list[tuple[int, int]]:
    """(slot, amount) of what was refunded from the fund, of slots that have one."""
    return [(slot, fund.refunded) for slot, fund in FUNDS.items(state)]


def list_slots(state: HasStore) -> list[tuple[tuple[int, int], state_pb2.CarbonSlot]]:
    """Factors and sums of all slots on record, by slot and zone."""
    return list(CARBON_SLOTS.items(state))
