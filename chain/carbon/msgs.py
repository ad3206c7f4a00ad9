"""Messages of the authority and of publishers; those of certifiers are in devices.py."""

from __future__ import annotations

from itertools import islice

from blockenergy.carbon.v1 import events_pb2, state_pb2, tx_pb2

from chain import metering, registry
from chain.carbon.devices import certify_device, reinstate_device, suspend_device
from chain.carbon.keeper import CarbonError, require_authority
from chain.carbon.rules import find_factor_error, is_identifier
from chain.carbon.state import (
    DELIVERIES,
    FACTORS,
    FEEDER_ZONES,
    LAST_BEGUN,
    PARAMS,
    PRICES,
    ZONES,
)
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address
from chain.runtime.units import PERMILLE

__all__ = ["certify_device", "reinstate_device", "suspend_device"]

_FACTORS_MAX = 200
_SLOTS_AHEAD_MAX = 10_000
_PRICES_MAX = 16


def set_zone(ctx: Context, msg: tx_pb2.MsgSetZone) -> tx_pb2.MsgSetZoneResponse:
    """Adds a zone, or changes one."""
    params = require_authority(ctx, msg.authority)
    known = ZONES.has(ctx, msg.zone)
    count = sum(1 for _ in islice(ZONES.items(ctx), params.zones_max))
    require(known or count < params.zones_max, CarbonError.TOO_MANY_ZONES)
    require(is_identifier(msg.name), CarbonError.ZONE_INVALID, "the name")
    fits = msg.default_g_per_mwh <= params.factor_max_g_per_mwh
    require(fits, CarbonError.ZONE_INVALID, f"max {params.factor_max_g_per_mwh} g per MWh")
    registered = registry.is_participant(ctx, decode_address(msg.publisher))
    require(registered, CarbonError.ZONE_INVALID, "the publisher is not registered")
    zone = state_pb2.Zone(
        name=msg.name, publisher=msg.publisher, default_g_per_mwh=msg.default_g_per_mwh
    )
    ZONES.set(ctx, msg.zone, zone)
    ctx.emit(events_pb2.EventZoneSet(zone=msg.zone, entry=zone))
    return tx_pb2.MsgSetZoneResponse()


def place_feeder(ctx: Context, msg: tx_pb2.MsgPlaceFeeder) -> tx_pb2.MsgPlaceFeederResponse:
    """Puts a feeder into a zone, from a slot on."""
    require_authority(ctx, msg.authority)
    known = registry.get_feeder(ctx, msg.feeder) is not None
    require(known, registry.RegistryError.FEEDER_UNKNOWN)
    require(ZONES.has(ctx, msg.zone), CarbonError.ZONE_UNKNOWN)
    begun = LAST_BEGUN.last(ctx)
    require(msg.from_slot > begun, CarbonError.SLOT_BEGUN, f"the first is {begun + 1}")
    place = FEEDER_ZONES.get(ctx, msg.feeder) or state_pb2.FeederZone()
    # A move that no slot has seen is replaced; the zone before it stays.
    if place.from_slot <= begun:
        place.zone_before = place.zone
    place.zone, place.from_slot = msg.zone, msg.from_slot
    FEEDER_ZONES.set(ctx, msg.feeder, place)
    ctx.emit(
        events_pb2.EventFeederPlaced(feeder=msg.feeder, zone=msg.zone, from_slot=msg.from_slot)
    )
    return tx_pb2.MsgPlaceFeederResponse()


def set_delivery(ctx: Context, msg: tx_pb2.MsgSetDelivery) -> tx_pb2.MsgSetDeliveryResponse:
    """Lets certificates of one zone be claimed in another, or ends that."""
    require_authority(ctx, msg.authority)
    for zone in (msg.from_zone, msg.to_zone):
        require(ZONES.has(ctx, zone), CarbonError.ZONE_UNKNOWN, f"zone {zone}")
    valid = msg.from_zone != msg.to_zone and msg.loss_permille <= PERMILLE
    require(valid, CarbonError.DELIVERY_INVALID)
    key = (msg.from_zone, msg.to_zone)
    if msg.loss_permille == PERMILLE:
        DELIVERIES.delete(ctx, key)
    else:
        DELIVERIES.set(ctx, key, state_pb2.Delivery(loss_permille=msg.loss_permille))
    ctx.emit(
        events_pb2.EventDeliverySet(
            from_zone=msg.from_zone, to_zone=msg.to_zone, loss_permille=msg.loss_permille
        )
    )
    return tx_pb2.MsgSetDeliveryResponse()


def publish_factors(
    ctx: Context, msg: tx_pb2.MsgPublishFactors
) -> tx_pb2.MsgPublishFactorsResponse:
    """Publishes factors of a zone, one for each slot from the first on."""
    zone = ZONES.get_shared(ctx, msg.zone)
    if zone is None:
        raise ChainError(CarbonError.ZONE_UNKNOWN)
    require(msg.publisher == zone.publisher, CarbonError.NOT_PUBLISHER)
    begun = LAST_BEGUN.last(ctx)
    require(msg.first_slot > begun, CarbonError.FACTOR_IN_USE, f"the first is {begun + 1}")
    count, now = len(msg.factors), _get_slot_now(ctx)
    in_range = 0 < count <= _FACTORS_MAX and msg.first_slot + count <= now + _SLOTS_AHEAD_MAX
    # A slot long past stands for nothing, and would stay until it is found.
    in_range = in_range and msg.first_slot + _SLOTS_AHEAD_MAX >= now
    require(in_range, CarbonError.FACTORS_MISPLACED)
    most = PARAMS.get_shared(ctx).factor_max_g_per_mwh
    for number, factor in enumerate(msg.factors):
        error = find_factor_error(factor, most)
        require(not error, CarbonError.FACTOR_INVALID, f"slot {msg.first_slot + number}: {error}")
    for number, factor in enumerate(msg.factors):
        FACTORS.set(ctx, (msg.zone, msg.first_slot + number), factor)
    ctx.emit(
        events_pb2.EventFactorsPublished(zone=msg.zone, first_slot=msg.first_slot, slots=count)
    )
    return tx_pb2.MsgPublishFactorsResponse()


def set_price(ctx: Context, msg: tx_pb2.MsgSetPrice) -> tx_pb2.MsgSetPriceResponse:
    """Sets the carbon price from a slot on."""
    params = require_authority(ctx, msg.authority)
    first = _get_slot_now(ctx) + params.price_notice_slots
    require(msg.from_slot >= first, CarbonError.PRICE_TOO_EARLY, f"slot {first} at the earliest")
    most = params.price_max_per_tonne
    require(msg.price_per_tonne <= most, CarbonError.PRICE_INVALID, f"max {most} millionths")
    count = sum(1 for _ in islice(PRICES.items(ctx), _PRICES_MAX))
    has_room = count < _PRICES_MAX or PRICES.has(ctx, msg.from_slot)
    require(has_room, CarbonError.PRICE_INVALID, f"max {_PRICES_MAX} prices")
    PRICES.set(ctx, msg.from_slot, state_pb2.Price(price_per_tonne=msg.price_per_tonne))
    ctx.emit(
        events_pb2.EventCarbonPriceSet(from_slot=msg.from_slot, price_per_tonne=msg.price_per_tonne)
    )
    return tx_pb2.MsgSetPriceResponse()


def _get_slot_now(ctx: Context) -> int:
    return slots.slot_at(ctx.block.time_s, metering.get_params(ctx).slot_length_s)
