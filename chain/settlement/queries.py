"""Queries of results, lines and arrears."""

from __future__ import annotations

from blockenergy.settlement.v1 import query_pb2

from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page
from chain.runtime.tx import decode_address
from chain.settlement.reading import SettlementError
from chain.settlement.state import ARREARS, LINES, PARAMS, PROGRESS, RESULTS


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """Limits and the backstop."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def progress(ctx: Context, _: query_pb2.QueryProgressRequest) -> query_pb2.QueryProgressResponse:
    """The progress of the settlement."""
    return query_pb2.QueryProgressResponse(progress=PROGRESS.get(ctx))


def result(ctx: Context, request: query_pb2.QueryResultRequest) -> query_pb2.QueryResultResponse:
    """The sums of a slot."""
    found = RESULTS.get(ctx, request.slot)
    if found is None:
        raise ChainError(SettlementError.RESULT_UNKNOWN)
    return query_pb2.QueryResultResponse(slot=request.slot, result=found)


def line(ctx: Context, request: query_pb2.QueryLineRequest) -> query_pb2.QueryLineResponse:
    """How one account's slot was settled."""
    found = LINES.get(ctx, (request.slot, decode_address(request.owner)))
    if found is None:
        raise ChainError(SettlementError.LINE_UNKNOWN)
    return query_pb2.QueryLineResponse(slot=request.slot, owner=request.owner, line=found)


def lines(ctx: Context, request: query_pb2.QueryLinesRequest) -> query_pb2.QueryLinesResponse:
    """All lines of a slot."""
    page, pagination = get_page(ctx, LINES.under(request.slot), request.pagination)
    entries = [
        query_pb2.QueryLineResponse(slot=request.slot, owner=bech32.encode(owner), line=found)
        for owner, found in page
    ]
    return query_pb2.QueryLinesResponse(lines=entries, pagination=pagination)


def arrears(ctx: Context, request: query_pb2.QueryArrearsRequest) -> query_pb2.QueryArrearsResponse:
    """All that is owed."""
    page, pagination = get_page(ctx, ARREARS, request.pagination)
    entries = [
        query_pb2.OwedArrears(
            debtor=bech32.encode(debtor), creditor=bech32.encode(creditor), amount=amount
        )
        for (debtor, creditor), amount in page
    ]
    return query_pb2.QueryArrearsResponse(arrears=entries, pagination=pagination)
