"""Queries of tie lines and their schedules."""

from __future__ import annotations

from blockenergy.tielines.v1 import query_pb2, state_pb2

from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.state.paging import get_page
from chain.tielines import keeper
from chain.tielines.state import TIE_LINES


def tie_line(
    ctx: Context, request: query_pb2.QueryTieLineRequest
) -> query_pb2.QueryTieLineResponse:
    """A tie line and its account."""
    return _answer(request.tie_line, keeper.require_tie_line(ctx, request.tie_line))


def tie_lines(
    ctx: Context, request: query_pb2.QueryTieLinesRequest
) -> query_pb2.QueryTieLinesResponse:
    """All tie lines."""
    page, pagination = get_page(ctx, TIE_LINES, request.pagination)
    entries = [_answer(name, line) for name, line in page]
    return query_pb2.QueryTieLinesResponse(tie_lines=entries, pagination=pagination)


def schedule(
    ctx: Context, request: query_pb2.QueryScheduleRequest
) -> query_pb2.QueryScheduleResponse:
    """What a tie line has agreed in a slot, and what it can still carry."""
    line = keeper.require_tie_line(ctx, request.tie_line)
    found = keeper.get_schedule(ctx, request.slot, request.tie_line)
    export_left_wh, import_left_wh = keeper.compute_left_wh(line, found)
    return query_pb2.QueryScheduleResponse(
        schedule=found, export_left_wh=export_left_wh, import_left_wh=import_left_wh
    )


def _answer(name: str, line: state_pb2.TieLine) -> query_pb2.QueryTieLineResponse:
    account = bech32.encode(keeper.get_account(name))
    return query_pb2.QueryTieLineResponse(tie_line=name, info=line, account=account)
