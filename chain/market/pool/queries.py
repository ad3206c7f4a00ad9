"""Queries of quotes and purses."""

from __future__ import annotations

from blockenergy.market.v1 import query_pb2, state_pb2

from chain.market import rules
from chain.market.keeper import get_net_wh, iter_slots
from chain.market.open_slot import require_open_slot, require_quantity
from chain.market.pool.invariants import add_up_purses
from chain.market.pool.purse_rules import compute_opening
from chain.market.pool.purses import get_terms
from chain.market.state import PARAMS, PURSES
from chain.runtime.context import Context
from chain.runtime.state.paging import get_page
from chain.runtime.units import ceil_div, floor_div


def quote(ctx: Context, request: query_pb2.QueryQuoteRequest) -> query_pb2.QueryQuoteResponse:
    """What an order would cost or earn now if it were the only one in its block."""
    slot = require_open_slot(ctx, request.slot, ctx.block.time_s)
    require_quantity(slot, request.quantity_wh)
    net_wh, margin = get_net_wh(slot.info), slot.curve.margin
    if request.side == state_pb2.SIDE_SELL:
        price = rules.compute_average_price(slot.curve, net_wh, -request.quantity_wh).add(-margin)
        return query_pb2.QueryQuoteResponse(
            amount=rules.compute_receipt(price, request.quantity_wh), price_per_kwh=price.floor()
        )
    price = rules.compute_average_price(slot.curve, net_wh, request.quantity_wh).add(margin)
    amount = rules.compute_payment(price, request.quantity_wh)
    return query_pb2.QueryQuoteResponse(amount=amount, price_per_kwh=price.ceil())


def purses(ctx: Context, request: query_pb2.QueryPursesRequest) -> query_pb2.QueryPursesResponse:
    """The purses that ever had anything, what their next slots open with, and all together."""
    terms = get_terms(PARAMS.get_shared(ctx))
    page, pagination = get_page(ctx, PURSES, request.pagination)
    entries = []
    for number, purse in page:
        curve = compute_opening(terms, purse.money)
        slots = max(1, purse.settled_slots)
        entries.append(
            query_pb2.QueryPurseEntry(
                purse=number,
                info=purse,
                next_depth_wh=curve.depth_wh,
                next_margin_per_kwh=curve.margin,
                mean_gain=floor_div(max(0, purse.gained - purse.lost), slots),
                mean_loss=ceil_div(max(0, purse.lost - purse.gained), slots),
            )
        )
    settled = state_pb2.SLOT_STATUS_SETTLED
    return query_pb2.QueryPursesResponse(
        purses=entries,
        all=add_up_purses(ctx),
        open_funding=sum(i.funding for _, i in iter_slots(ctx) if i.status != settled),
        pagination=pagination,
    )
