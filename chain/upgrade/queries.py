"""Queries of upgrades."""

from __future__ import annotations

from blockenergy.upgrade.v1 import query_pb2

from chain.runtime.context import Context
from chain.runtime.state.paging import get_page
from chain.upgrade.state import PLAN, UPGRADES


def plan(ctx: Context, _: query_pb2.QueryPlanRequest) -> query_pb2.QueryPlanResponse:
    """The upgrade that is planned."""
    return query_pb2.QueryPlanResponse(plan=PLAN.get(ctx))


def upgrades(
    ctx: Context, request: query_pb2.QueryUpgradesRequest
) -> query_pb2.QueryUpgradesResponse:
    """The upgrades that have happened."""
    page, pagination = get_page(ctx, UPGRADES, request.pagination)
    entries = [query_pb2.Upgrade(name=name, height=height) for name, height in page]
    return query_pb2.QueryUpgradesResponse(upgrades=entries, pagination=pagination)
