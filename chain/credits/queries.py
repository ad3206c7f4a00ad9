"""Queries of classes, projects, batches, offers, retirements and other registries."""

from __future__ import annotations

from blockenergy.credits.v1 import query_pb2, state_pb2

from chain.credits import keeper
from chain.credits.keeper import CreditsError
from chain.credits.state import (
    BATCHES,
    CLASSES,
    LOCKS,
    OFFERS,
    PARAMS,
    PROJECTS,
    RECEIPTS,
    REGISTRIES,
    RETIREMENTS,
)
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Limits of credits."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def registries(
    ctx: Context, request: query_pb2.QueryRegistriesRequest
) -> query_pb2.QueryRegistriesResponse:
    """Other registries."""
    page, pagination = get_page(ctx, REGISTRIES, request.pagination)
    entries = [query_pb2.QueryRegistryEntry(registry=key, entry=value) for key, value in page]
    return query_pb2.QueryRegistriesResponse(registries=entries, pagination=pagination)


def classes(ctx: Context, request: query_pb2.QueryClassesRequest) -> query_pb2.QueryClassesResponse:
    """All classes."""
    page, pagination = get_page(ctx, CLASSES, request.pagination)
    entries = [query_pb2.QueryClassEntry(class_id=key, entry=value) for key, value in page]
    return query_pb2.QueryClassesResponse(classes=entries, pagination=pagination)


def projects(
    ctx: Context, request: query_pb2.QueryProjectsRequest
) -> query_pb2.QueryProjectsResponse:
    """The projects of a class."""
    keeper.require_class(ctx, request.class_id)
    page, pagination = get_page(ctx, PROJECTS.under(request.class_id), request.pagination)
    entries = [query_pb2.QueryProjectEntry(project_id=key, project=value) for key, value in page]
    return query_pb2.QueryProjectsResponse(projects=entries, pagination=pagination)


def batch(ctx: Context, request: query_pb2.QueryBatchRequest) -> query_pb2.QueryBatchResponse:
    """One batch."""
    return _describe(request.batch, keeper.require_batch(ctx, request.batch))


def batches(ctx: Context, request: query_pb2.QueryBatchesRequest) -> query_pb2.QueryBatchesResponse:
    """All batches."""
    page, pagination = get_page(ctx, BATCHES, request.pagination)
    entries = [_describe(key, value) for key, value in page]
    return query_pb2.QueryBatchesResponse(batches=entries, pagination=pagination)


def offers(ctx: Context, request: query_pb2.QueryOffersRequest) -> query_pb2.QueryOffersResponse:
    """The offers of a batch."""
    keeper.require_batch(ctx, request.batch)
    page, pagination = get_page(ctx, OFFERS.under(request.batch), request.pagination)
    entries = [
        query_pb2.QueryOfferEntry(seller=bech32.encode(seller), offer=offer)
        for seller, offer in page
    ]
    return query_pb2.QueryOffersResponse(offers=entries, pagination=pagination)


def retirement(
    ctx: Context, request: query_pb2.QueryRetirementRequest
) -> query_pb2.QueryRetirementResponse:
    """One retirement."""
    found = RETIREMENTS.get(ctx, request.number)
    if found is None:
        raise ChainError(CreditsError.RETIREMENT_UNKNOWN)
    return query_pb2.QueryRetirementResponse(number=request.number, retirement=found)


def retirements(
    ctx: Context, request: query_pb2.QueryRetirementsRequest
) -> query_pb2.QueryRetirementsResponse:
    """All retirements, the first ones first."""
    page, pagination = get_page(ctx, RETIREMENTS, request.pagination)
    entries = [
        query_pb2.QueryRetirementResponse(number=number, retirement=found) for number, found in page
    ]
    return query_pb2.QueryRetirementsResponse(retirements=entries, pagination=pagination)


def receipt(ctx: Context, request: query_pb2.QueryReceiptRequest) -> query_pb2.QueryReceiptResponse:
    """What came in, or went out, with a receipt."""
    named = len(request.registry.encode()) < 1 << 8
    found = RECEIPTS.get(ctx, (request.registry, request.receipt)) if named else None
    return query_pb2.QueryReceiptResponse(entry=found)


def locks(ctx: Context, request: query_pb2.QueryLocksRequest) -> query_pb2.QueryLocksResponse:
    """Credits on their way back to their registry."""
    page, pagination = get_page(ctx, LOCKS, request.pagination)
    entries = [query_pb2.QueryLockEntry(number=number, lock=found) for number, found in page]
    return query_pb2.QueryLocksResponse(locks=entries, pagination=pagination)


def _describe(batch_id: str, found: state_pb2.Batch) -> query_pb2.QueryBatchResponse:
    return query_pb2.QueryBatchResponse(
        batch_id=batch_id, batch=found, denom=keeper.get_denom(batch_id)
    )
