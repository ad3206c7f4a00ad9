"""Queries of series, holdings, claims and statements."""

from __future__ import annotations

from blockenergy.certificates.v1 import query_pb2, state_pb2

from chain import carbon, metering, settlement
from chain.certificates import statement as statements
from chain.certificates.claims import require_claimable
from chain.certificates.exporting import require_lock
from chain.certificates.keeper import (
    SUM_LIMIT,
    CertificatesError,
    find_series,
    get_expiry_s,
    get_gone_wh,
    get_held_wh,
)
from chain.certificates.state import HOLDINGS_BY_HOLDER, LOCKS, PARAMS, PRICES, STATEMENTS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.state.paging import get_index_page, get_page
from chain.runtime.tx import decode_address

_SLOTS_MAX = 1_000


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Limits of claims and certificates."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def series(ctx: Context, request: query_pb2.QuerySeriesRequest) -> query_pb2.QuerySeriesResponse:
    """The certificates of a producer in a slot, touched or not."""
    producer = decode_address(request.producer)
    found = find_series(ctx, request.slot, producer)
    if found is None:
        raise ChainError(CertificatesError.SERIES_UNKNOWN)
    length_s = metering.get_params(ctx).slot_length_s
    return query_pb2.QuerySeriesResponse(
        start_s=slots.start_s(request.slot, length_s),
        end_s=slots.end_s(request.slot, length_s),
        series=found,
        # Not added up over its holders: a list has no proof that it is complete.
        held_wh=found.issued_wh - get_gone_wh(found),
        devices=_list_devices(ctx, producer) if request.with_devices else (),
    )


def free(ctx: Context, request: query_pb2.QueryFreeRequest) -> query_pb2.QueryFreeResponse:
    """What a producer holds of its own series."""
    first, last, producer = request.first_slot, request.last_slot, decode_address(request.producer)
    require(first <= last < first + _SLOTS_MAX, CertificatesError.TOO_MANY_SLOTS)
    # Nothing is free in a slot that is not settled, nor once its certificates have expired.
    settled = range(first, min(last + 1, settlement.get_next_slot(ctx)))
    held = [
        (slot, get_held_wh(ctx, slot, producer, producer, found))
        for slot in settled
        if ctx.block.time_s < get_expiry_s(ctx, slot)
        and (found := find_series(ctx, slot, producer)) is not None
    ]
    return query_pb2.QueryFreeResponse(
        entries=[
            state_pb2.Entry(slot=slot, producer=request.producer, wh=wh) for slot, wh in held if wh
        ]
    )


def holding(ctx: Context, request: query_pb2.QueryHoldingRequest) -> query_pb2.QueryHoldingResponse:
    """What an account holds of one series."""
    producer, holder = decode_address(request.producer), decode_address(request.holder)
    found = find_series(ctx, request.slot, producer)
    held_wh = get_held_wh(ctx, request.slot, producer, holder, found) if found else 0
    return query_pb2.QueryHoldingResponse(wh=held_wh)


def holdings(
    ctx: Context, request: query_pb2.QueryHoldingsRequest
) -> query_pb2.QueryHoldingsResponse:
    """What an account holds, without what nobody has touched yet."""
    holder = decode_address(request.holder)
    page, pagination = get_index_page(ctx, HOLDINGS_BY_HOLDER, holder, request.pagination)
    entries = [
        state_pb2.Entry(slot=slot, producer=bech32.encode(producer), wh=holding.wh)
        for (slot, (producer, _)), holding in page
    ]
    return query_pb2.QueryHoldingsResponse(entries=entries, pagination=pagination)


def price(ctx: Context, request: query_pb2.QueryPriceRequest) -> query_pb2.QueryPriceResponse:
    """What an account asks for its certificates."""
    asked = PRICES.get(ctx, decode_address(request.holder))
    return query_pb2.QueryPriceResponse(price_per_kwh=asked.price_per_kwh if asked else 0)


def lock(ctx: Context, request: query_pb2.QueryLockRequest) -> query_pb2.QueryLockResponse:
    """Certificates on their way to another registry."""
    found = require_lock(ctx, request.number)
    return query_pb2.QueryLockResponse(number=request.number, lock=found)


def locks(ctx: Context, request: query_pb2.QueryLocksRequest) -> query_pb2.QueryLocksResponse:
    """All certificates on their way to another registry."""
    page, pagination = get_page(ctx, LOCKS, request.pagination)
    entries = [query_pb2.QueryLockResponse(number=number, lock=found) for number, found in page]
    return query_pb2.QueryLocksResponse(locks=entries, pagination=pagination)


def claimable(
    ctx: Context, request: query_pb2.QueryClaimableRequest
) -> query_pb2.QueryClaimableResponse:
    """What can be claimed for the use of an account in a slot, and what that refunds."""
    found = require_claimable(ctx, request.slot, decode_address(request.consumer))
    left_wh = max(0, found.limit_wh - found.claim.retired_wh)
    return query_pb2.QueryClaimableResponse(
        claimable_wh=left_wh,
        refund=found._replace(more_wh=left_wh).compute_refund(),
        zone=found.line.zone,
        claim=found.claim,
    )


def statement(
    ctx: Context, request: query_pb2.QueryStatementRequest
) -> query_pb2.QueryStatementResponse:
    """Sums of an account's slots for a report."""
    first, last = request.first_slot, request.last_slot
    in_range = first <= last < first + _SLOTS_MAX
    require(in_range, CertificatesError.TOO_MANY_SLOTS)
    account = decode_address(request.account)
    found = [
        (slot, sums)
        for slot in range(first, last + 1)
        if (sums := statements.compute_slot_sums(ctx, slot, account)) is not None
    ]
    total = statements.add_up([statements.Sums(), *(sums for _, sums in found)])
    require(max(total) < SUM_LIMIT, CertificatesError.TOO_MANY_SLOTS, "the sums are too large")
    slots_shown = [
        query_pb2.StatementSlot(slot=slot, sums=state_pb2.StatementSums(**sums._asdict()))
        for slot, sums in found
        if request.with_slots
    ]
    return query_pb2.QueryStatementResponse(
        sums=state_pb2.StatementSums(**total._asdict()),
        slots=slots_shown,
        **statements.compute_shown(total)._asdict(),
    )


def recorded_statement(
    ctx: Context, request: query_pb2.QueryRecordedStatementRequest
) -> query_pb2.QueryRecordedStatementResponse:
    """What an account has recorded of a month."""
    found = STATEMENTS.get(ctx, (decode_address(request.account), request.month))
    if found is None:
        raise ChainError(CertificatesError.NOT_RECORDED)
    return query_pb2.QueryRecordedStatementResponse(statement=found)


def recorded_statements(
    ctx: Context, request: query_pb2.QueryRecordedStatementsRequest
) -> query_pb2.QueryRecordedStatementsResponse:
    """The months that an account has recorded."""
    account = decode_address(request.account)
    page, pagination = get_page(ctx, STATEMENTS.under(account), request.pagination)
    entries = [
        query_pb2.QueryRecordedStatementEntry(month=month, statement=found) for month, found in page
    ]
    return query_pb2.QueryRecordedStatementsResponse(statements=entries, pagination=pagination)


def _list_devices(ctx: Context, producer: bytes) -> list[query_pb2.SeriesDevice]:
    return [
        query_pb2.SeriesDevice(
            meter_id=meter_id,
            energy_source=device.energy_source,
            power_w=device.power_w,
            technology=device.technology,
            commissioned_at_s=device.commissioned_at_s,
        )
        for meter_id, device in carbon.list_devices_of(ctx, producer)
    ]
