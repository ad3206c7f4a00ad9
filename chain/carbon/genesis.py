"""Validation of zones, factors, prices and devices in a genesis document."""

from __future__ import annotations

from blockenergy.carbon.v1 import state_pb2

from chain import metering, registry
from chain.carbon import rules
from chain.carbon.state import (
    CARBON_SLOTS,
    DELIVERIES,
    DEVICES,
    FACTORS,
    FEEDER_BOOKS,
    FEEDER_ZONES,
    PARAMS,
    PRICES,
    ZONES,
)
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.runtime.units import PERMILLE

# With the highest price this is 2 tokens per kWh, so that the charges of a slot have 64 bits.
_FACTOR_MAX_G_PER_MWH = 2_000_000
_PRICE_MAX_PER_TONNE = 10**9
_POWER_MAX_W = 1 << 40
_STORAGE_MAX_WH = 1 << 50
# Minimum and maximum of each parameter.
_LIMITS = {
    "factor_max_g_per_mwh": (1, _FACTOR_MAX_G_PER_MWH),
    "price_max_per_tonne": (0, _PRICE_MAX_PER_TONNE),
    "price_notice_slots": (1, 10_000),
    "stale_slots_max": (1, 9_600),
    "peak_slots": (1, 960),
    "zones_max": (1, 256),
}
_STATUSES = frozenset(state_pb2.DeviceStatus.values()) - {0}
_QUALITIES = frozenset(state_pb2.FactorQuality.values()) - {0}


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless limits make sense and the authority is registered."""
    params = PARAMS.get(state)
    if not registry.is_participant(state, bech32.decode(params.authority)):
        raise GenesisError("carbon.params.authority: not a participant")
    for name, (lowest, highest) in _LIMITS.items():
        if not lowest <= getattr(params, name) <= highest:
            raise GenesisError(f"carbon.params.{name}: {lowest} to {highest} is expected")


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless all that is on record could have come about."""
    _validate_zones(state)
    _validate_factors(state)
    for slot, price in PRICES.items(state):
        if price.price_per_tonne > _PRICE_MAX_PER_TONNE:
            raise GenesisError(f"carbon.prices {slot}: at most {_PRICE_MAX_PER_TONNE}")
    for meter_id, device in DEVICES.items(state):
        _validate_device(state, meter_id, device)


def _validate_zones(state: HasStore) -> None:
    if not ZONES.has(state, 0):
        raise GenesisError("carbon.zones: zone 0 is missing, in which every other feeder is")
    for number, zone in ZONES.items(state):
        valid = rules.is_identifier(zone.name) and zone.default_g_per_mwh <= _FACTOR_MAX_G_PER_MWH
        if not valid or not registry.is_participant(state, bech32.decode(zone.publisher)):
            raise GenesisError(f"carbon.zones {number}: name, publisher or default is not valid")
    for feeder, place in FEEDER_ZONES.items(state):
        if registry.get_feeder(state, feeder) is None:
            raise GenesisError(f"carbon.feeder_zones: there is no feeder {feeder}")
        if not (ZONES.has(state, place.zone) and ZONES.has(state, place.zone_before)):
            raise GenesisError(f"carbon.feeder_zones {feeder}: there is no such zone")
    for (source, target), delivery in DELIVERIES.items(state):
        known = ZONES.has(state, source) and ZONES.has(state, target) and source != target
        if not known or delivery.loss_permille >= PERMILLE:
            raise GenesisError(f"carbon.deliveries {source}, {target}: zones or loss are wrong")


def _validate_factors(state: HasStore) -> None:
    for (zone, slot), factor in FACTORS.items(state):
        error = rules.find_factor_error(factor, _FACTOR_MAX_G_PER_MWH)
        if error or not ZONES.has(state, zone):
            raise GenesisError(f"carbon.factors {zone}, {slot}: {error or 'there is no such zone'}")
    for (slot, feeder), book in FEEDER_BOOKS.items(state):
        if sum(part.wh for part in book.given_by_source) != book.given_wh:
            raise GenesisError(f"carbon.feeder_books {slot}, {feeder}: sources do not add up")
    for (slot, zone), sums in CARBON_SLOTS.items(state):
        highest = max(
            sums.peak_g_per_mwh, sums.factor.residual_g_per_mwh, sums.factor.location_g_per_mwh
        )
        in_range = highest <= _FACTOR_MAX_G_PER_MWH
        in_range = in_range and sums.price_per_tonne <= _PRICE_MAX_PER_TONNE
        if not in_range or sums.factor.quality not in _QUALITIES or not ZONES.has(state, zone):
            raise GenesisError(f"carbon.carbon_slots {slot}, {zone}: its factors are out of range")


def _validate_device(state: HasStore, meter_id: str, device: state_pb2.Device) -> None:
    name = f"carbon.devices {meter_id}"
    if registry.get_meter(state, meter_id) is None:
        raise GenesisError(f"{name}: there is no such meter")
    if not 0 < device.power_w <= _POWER_MAX_W or device.storage_behind_wh > _STORAGE_MAX_WH:
        raise GenesisError(f"{name}: its figures are out of range")
    if device.grey_wh > device.storage_behind_wh or device.status not in _STATUSES:
        raise GenesisError(f"{name}: its status, or what is in its store, is wrong")
    if not registry.is_renewable(device.energy_source):
        raise GenesisError(f"{name}: its energy source is not renewable")
    for text in (device.foreign_id, device.backing_registry):
        if text and not rules.is_identifier(text):
            raise GenesisError(f"{name}: its registry or its id there is not valid")
    bech32.decode(device.owner)
    if metering.get_params(state).represented_duration_s > rules.SLOT_MAX_S:
        raise GenesisError(f"{name}: slots represent more than {rules.SLOT_MAX_S} s")
