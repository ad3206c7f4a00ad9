"""Queries of zones, factors, prices, devices and sums."""

from __future__ import annotations

from blockenergy.carbon.v1 import query_pb2

from chain.carbon.factors import find_rates
from chain.carbon.keeper import CarbonError
from chain.carbon.reading import require_device
from chain.carbon.state import (
    CARBON_SLOTS,
    DELIVERIES,
    DEVICES,
    FACTORS,
    FEEDER_ZONES,
    FUNDS,
    PARAMS,
    PRICES,
    ZONES,
)
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.state.paging import get_page


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Limits, and who sets zones and the price."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def zones(ctx: Context, request: query_pb2.QueryZonesRequest) -> query_pb2.QueryZonesResponse:
    """All zones."""
    page, pagination = get_page(ctx, ZONES, request.pagination)
    entries = [query_pb2.QueryZoneEntry(zone=zone, entry=entry) for zone, entry in page]
    return query_pb2.QueryZonesResponse(zones=entries, pagination=pagination)


def feeder_zones(
    ctx: Context, request: query_pb2.QueryFeederZonesRequest
) -> query_pb2.QueryFeederZonesResponse:
    """The feeders that were placed in a zone."""
    page, pagination = get_page(ctx, FEEDER_ZONES, request.pagination)
    entries = [query_pb2.QueryFeederZoneEntry(feeder=name, place=place) for name, place in page]
    return query_pb2.QueryFeederZonesResponse(feeder_zones=entries, pagination=pagination)


def deliveries(
    ctx: Context, request: query_pb2.QueryDeliveriesRequest
) -> query_pb2.QueryDeliveriesResponse:
    """Between which zones certificates can be claimed."""
    page, pagination = get_page(ctx, DELIVERIES, request.pagination)
    entries = [
        query_pb2.QueryDeliveryEntry(
            from_zone=source, to_zone=target, loss_permille=delivery.loss_permille
        )
        for (source, target), delivery in page
    ]
    return query_pb2.QueryDeliveriesResponse(deliveries=entries, pagination=pagination)


def factor(ctx: Context, request: query_pb2.QueryFactorRequest) -> query_pb2.QueryFactorResponse:
    """The factor of a zone in a slot, its peak and the price."""
    frozen = CARBON_SLOTS.get(ctx, (request.slot, request.zone))
    if frozen is None:
        require(ZONES.has(ctx, request.zone), CarbonError.ZONE_UNKNOWN)
    found = frozen or find_rates(ctx, request.slot, request.zone)
    return query_pb2.QueryFactorResponse(
        factor=found.factor,
        peak_g_per_mwh=found.peak_g_per_mwh,
        price_per_tonne=found.price_per_tonne,
        is_final=frozen is not None,
    )


def factors(ctx: Context, request: query_pb2.QueryFactorsRequest) -> query_pb2.QueryFactorsResponse:
    """The published factors of a zone, from a slot on."""
    section = FACTORS.under(request.zone)
    page, pagination = get_page(ctx, section, request.pagination, request.from_slot)
    entries = [query_pb2.QueryFactorEntry(slot=slot, factor=found) for slot, found in page]
    return query_pb2.QueryFactorsResponse(factors=entries, pagination=pagination)


def prices(ctx: Context, request: query_pb2.QueryPricesRequest) -> query_pb2.QueryPricesResponse:
    """The prices that are in force or wait for their slot."""
    page, pagination = get_page(ctx, PRICES, request.pagination)
    entries = [
        query_pb2.QueryPriceEntry(from_slot=slot, price_per_tonne=price.price_per_tonne)
        for slot, price in page
    ]
    return query_pb2.QueryPricesResponse(prices=entries, pagination=pagination)


def device(ctx: Context, request: query_pb2.QueryDeviceRequest) -> query_pb2.QueryDeviceResponse:
    """The device of a meter."""
    found = require_device(ctx, request.meter_id)
    return query_pb2.QueryDeviceResponse(meter_id=request.meter_id, device=found)


def devices(ctx: Context, request: query_pb2.QueryDevicesRequest) -> query_pb2.QueryDevicesResponse:
    """All devices."""
    page, pagination = get_page(ctx, DEVICES, request.pagination)
    entries = [query_pb2.QueryDeviceResponse(meter_id=key, device=value) for key, value in page]
    return query_pb2.QueryDevicesResponse(devices=entries, pagination=pagination)


def carbon_slot(
    ctx: Context, request: query_pb2.QueryCarbonSlotRequest
) -> query_pb2.QueryCarbonSlotResponse:
    """Factors and sums of a zone in a slot."""
    found = CARBON_SLOTS.get(ctx, (request.slot, request.zone))
    if found is None:
        raise ChainError(CarbonError.CARBON_SLOT_UNKNOWN)
    fund = FUNDS.get(ctx, request.slot)
    return query_pb2.QueryCarbonSlotResponse(carbon_slot=found, fund=fund)
