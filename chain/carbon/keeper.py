"""The books of a slot: rates by zone, what is issued, and the sums of lines, block by block."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence
from dataclasses import dataclass
from typing import NamedTuple

from blockenergy.carbon.v1 import errors_pb2, events_pb2, state_pb2
from blockenergy.registry.v1.energy_source_pb2 import (
    ENERGY_SOURCE_SOLAR,
    ENERGY_SOURCE_UNSPECIFIED,
    EnergySource,
)

from chain import metering, registry
from chain.carbon import factors, rules
from chain.carbon.state import CARBON_SLOTS, DEVICES, FEEDER_BOOKS, FEEDER_ZONES, PARAMS
from chain.runtime.context import Context
from chain.runtime.errors import ErrorCodes, require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE, ceil_div

CarbonError = ErrorCodes("carbon", errors_pb2.Error.DESCRIPTOR)
_G_PER_MWH_TIMES_PRICE = 10**9


@dataclass(frozen=True, slots=True)
class Books:
    """What the lines of a slot are computed with, for the length of one block.

    rates and ceilings are by zone; zones by feeder, where they are not 0. duration_s: the physical
    time that the slot represents.
    """

    slot: int
    rates: dict[int, rules.Rate]
    ceilings_permille: dict[int, int]
    zones: dict[str, int]
    duration_s: int


class BookedLine(NamedTuple):
    """A line as the books take it in. feeder: where its renewable energy was traded. energy_source:
    what was issued for.
    """

    zone: int
    feeder: str
    flows: rules.Flows
    part: rules.Part
    energy_source: EnergySource = ENERGY_SOURCE_UNSPECIFIED


def read_books(state: HasStore, slot: int) -> Books:
    """The books of a slot whose settlement has begun."""
    found = factors.get_rates(state, slot)
    return Books(
        slot,
        {zone: factors.make_rate(one) for zone, one in found.items()},
        {zone: one.factor.solar_ceiling_permille for zone, one in found.items()},
        get_zones(state, slot),
        metering.get_params(state).represented_duration_s,
    )


def has_rates(state: HasStore, slot: int) -> bool:
    """Whether every zone with feeders has the factors that a slot is settled with."""
    known = factors.get_rates(state, slot)
    return all(zone in known for zone in (0, *get_zones(state, slot).values()))


def get_zones(state: HasStore, slot: int) -> dict[str, int]:
    """The zone of each feeder that is not in zone 0 in a slot."""
    found = {
        feeder: place.zone if slot >= place.from_slot else place.zone_before
        for feeder, place in FEEDER_ZONES.items(state)
    }
    return {feeder: zone for feeder, zone in found.items() if zone}


def issue(
    ctx: Context, books: Books, zone: int, energy: metering.SlotEnergy
) -> tuple[int, EnergySource]:
    """What is issued for the exact export of a meter, and what it was made from; 0 without a device
    in force.
    """
    device = DEVICES.get(ctx, energy.meter_id)
    if device is None or device.status != state_pb2.DEVICE_STATUS_IN_FORCE:
        return 0, ENERGY_SOURCE_UNSPECIFIED
    if device.backing_registry or not is_of_meter(ctx, energy.meter_id, device):
        return 0, ENERGY_SOURCE_UNSPECIFIED
    cap_wh = get_cap_wh(device, books.duration_s, books.ceilings_permille[zone])
    if not device.storage_behind_wh and not device.debt_wh:
        issued_wh = min(energy.export_wh, cap_wh)
    else:
        issued_wh = _issue_with_record(ctx, books.slot, energy, device, cap_wh)
    return issued_wh, device.energy_source


def get_cap_wh(device: state_pb2.Device, duration_s: int, solar_ceiling_permille: int) -> int:
    """The most that a device can have made in a slot."""
    is_solar = device.energy_source == ENERGY_SOURCE_SOLAR
    ceiling = solar_ceiling_permille if is_solar else PERMILLE
    return rules.compute_cap_wh(device.power_w, duration_s, ceiling)


def is_of_meter(state: HasStore, meter_id: str, device: state_pb2.Device) -> bool:
    """Whether a device is that of the meter of this id; the meter before it may have had another
    owner.
    """
    meter = registry.get_meter(state, meter_id)
    return (
        meter is not None
        and meter.added_at_s == device.meter_added_at_s
        and meter.owner == device.owner
    )


def book_lines(ctx: Context, slot: int, lines: Iterable[BookedLine]) -> None:
    """Adds lines to the sums of their zones, and renewable energy to those of its feeder."""
    zones: dict[int, list[BookedLine]] = {}
    feeders: dict[str, list[BookedLine]] = {}
    for line in lines:
        zones.setdefault(line.zone, []).append(line)
        if line.part.claim_wh or line.part.given_wh:
            feeders.setdefault(line.feeder, []).append(line)
    for zone, booked in sorted(zones.items()):
        sums = CARBON_SLOTS.get(ctx, (slot, zone))
        assert sums is not None, "a line is in a zone whose settlement has not begun"
        _add_up(sums, booked)
        CARBON_SLOTS.set(ctx, (slot, zone), sums)
    for feeder, booked in sorted(feeders.items()):
        book = FEEDER_BOOKS.get(ctx, (slot, feeder)) or state_pb2.FeederBook()
        book.claim_wh += sum(line.part.claim_wh for line in booked)
        book.given_wh += sum(line.part.given_wh for line in booked)
        for line in booked:
            add_source(book.given_by_source, line.energy_source, line.part.given_wh)
        FEEDER_BOOKS.set(ctx, (slot, feeder), book)


def add_source(parts: MutableSequence[state_pb2.SourceWh], source: EnergySource, wh: int) -> None:
    """Adds energy of a source to a list that has each source once."""
    if not wh:
        return
    for part in parts:
        if part.energy_source == source:
            part.wh += wh
            return
    parts.append(state_pb2.SourceWh(energy_source=source, wh=wh))


def announce_slot(ctx: Context, slot: int) -> None:
    """Announces the sums of a slot whose lines are all written."""
    for zone, sums in CARBON_SLOTS.under(slot).items(ctx):
        ctx.emit(events_pb2.EventCarbonSlotSettled(slot=slot, zone=zone, sums=sums))


def require_authority(state: HasStore, address: str) -> state_pb2.Params:
    """The parameters; rejects every address but the authority of carbon."""
    params = PARAMS.get_shared(state)
    require(address == params.authority, CarbonError.NOT_AUTHORITY)
    return params


def get_charge_max_per_kwh(state: HasStore) -> int:
    """The highest carbon charge of a kWh, in millionths of the settlement token."""
    params = PARAMS.get_shared(state)
    highest = params.factor_max_g_per_mwh * params.price_max_per_tonne
    return ceil_div(highest, _G_PER_MWH_TIMES_PRICE)


def list_devices_of(state: HasStore, owner: bytes) -> list[tuple[str, state_pb2.Device]]:
    """The devices of an account's meters, by meter id."""
    found = (
        (meter_id, DEVICES.get(state, meter_id))
        for meter_id in registry.get_meters_of(state, owner)
    )
    return [
        (meter_id, device)
        for meter_id, device in found
        if device and is_of_meter(state, meter_id, device)
    ]


def _issue_with_record(
    ctx: Context, slot: int, energy: metering.SlotEnergy, device: state_pb2.Device, cap_wh: int
) -> int:
    """Issues for a device with a store behind its meter, or with a debt, and updates its record."""
    register_wh, size_wh = metering.get_import_register(ctx, slot, energy.meter_id)
    taken_wh = (register_wh - device.seen_import_wh) % size_wh
    issued = rules.compute_issue(
        energy.export_wh,
        taken_wh,
        cap_wh,
        device.grey_wh,
        device.debt_wh,
        device.storage_behind_wh,
    )
    device.grey_wh, device.debt_wh = issued.grey_wh, issued.debt_wh
    device.seen_import_wh = register_wh
    DEVICES.set(ctx, energy.meter_id, device)
    return issued.issued_wh


def _add_up(sums: state_pb2.CarbonSlot, lines: list[BookedLine]) -> None:
    parts = [line.part for line in lines]
    sums.use_wh += sum([part.use_wh for part in parts])
    sums.exact_import_wh += sum([line.flows.import_wh for line in lines if line.flows.exact])
    sums.issued_wh += sum([line.flows.issued_wh for line in lines])
    sums.self_wh += sum([part.self_wh for part in parts])
    sums.claim_wh += sum([part.claim_wh for part in parts])
    sums.given_wh += sum([part.given_wh for part in parts])
    sums.short_wh += sum([part.short_wh for part in parts])
    sums.charge += sum([part.charge for part in parts])
