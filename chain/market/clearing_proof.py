"""Whether the record of a call auction is right: anybody can check it, in one pass.

`verify_record` needs no more than the record, the limit orders of the slot and the pool's price
line. It proves the network by its certificate and clears the thin markets once more. What it takes
as given is what only the chain knew: capacities that were left, fees, and the pool's sales before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.clearing import (
    NetworkOutcome,
    Order,
    clear_truthful,
    verify_network_clearing,
)
from chain.market.clearing.network import remove_network_self_trades
from chain.market.clearing.nodal import compute_fee, compute_rent
from chain.market.clearing_record import (
    RANGE_STEPS_MAX,
    Auction,
    Orders,
    RecordError,
    build_auction,
    compute_volume_wh,
    count_steps,
)
from chain.runtime.units import WH_PER_KWH


class _Fills(NamedTuple):
    """Fills of bids and asks, in the places of their orders."""

    bids: list[int]
    asks: list[int]


def verify_record(clearing: state_pb2.Clearing, curve: rules.Curve, orders: Orders) -> list[str]:
    """What is wrong with a record; nothing, if it is the best that its orders and lines allow.

    orders: all limit orders of the slot, in the order of their ids.
    """
    has_line = curve.depth_wh and curve.price_low <= curve.price_high <= rules.PRICE_MAX
    if not clearing.nodes or not has_line:
        return ["the record has no head of the grid, or the pool no price line"]
    if len(clearing.fills_wh) != len(orders):
        return [f"there are {len(orders)} orders and {len(clearing.fills_wh)} fills"]
    try:
        auction = build_auction(clearing, curve, orders)
        nodes, thin_markets = _collect_fills(clearing, orders, auction)
        outcome = _read_outcome(clearing, auction, nodes)
        problems = verify_network_clearing(auction.network, outcome)
        problems += _check_thin_markets(clearing, auction, thin_markets)
    # Besides what these functions find, an address that is none: the record may come from anybody.
    except ValueError as error:
        return [str(error)]
    problems += _check_money(clearing, outcome)
    if clearing.volume_wh != compute_volume_wh(clearing, orders):
        problems.append(f"the volume is not {clearing.volume_wh} Wh")
    return problems


def _collect_fills(
    clearing: state_pb2.Clearing, orders: Orders, auction: Auction
) -> tuple[list[_Fills], list[_Fills]]:
    """The fills of each node and of each thin market."""
    nodes = [_Fills([], []) for _ in clearing.nodes]
    thin_markets = [_Fills([], []) for _ in clearing.thin_markets]
    # Of a range that its owner's own orders have shortened only the steps that are left are filled.
    left = [(iter(bids), iter(asks)) for bids, asks in remove_network_self_trades(auction.network)]
    found = zip(orders, clearing.fills_wh, auction.places, strict=True)
    for (order_id, order), filled_wh, place in found:
        is_ask = order.side != state_pb2.SIDE_BUY
        if place is None:
            if filled_wh:
                raise RecordError(f"order {order_id} is filled and could not take part")
        elif place.is_thin:
            thin_markets[place.number][is_ask].append(filled_wh)
        else:
            steps = islice(left[place.number][is_ask], count_steps(order))
            nodes[place.number][is_ask].extend(_share_among_steps(filled_wh, list(steps)))
    return nodes, thin_markets


def _share_among_steps(filled_wh: int, steps: list[Order]) -> Iterator[int]:
    """What each step of an order gets: the best first, the last whatever is left over."""
    for step in steps[:-1]:
        share_wh = min(filled_wh, step.quantity_wh)
        filled_wh -= share_wh
        yield share_wh
    yield filled_wh


def _read_outcome(
    clearing: state_pb2.Clearing, auction: Auction, fills: list[_Fills]
) -> NetworkOutcome:
    """The outcome that a record tells of; what lines earn follows from prices and flows."""
    prices = [node.price_per_kwh if node.has_price else None for node in clearing.nodes]
    flows = [node.import_wh - node.export_wh for node in clearing.nodes[1:]]
    lines = list(zip(auction.network.lines, flows, strict=True))
    return NetworkOutcome(
        prices=prices,
        flows=flows,
        rents=[compute_rent(line, flow_wh, prices) for line, flow_wh in lines],
        fees=[compute_fee(line, flow_wh) for line, flow_wh in lines],
        bid_fills=[one.bids for one in fills],
        ask_fills=[one.asks for one in fills],
        pool_wh=clearing.pool_sold_wh - clearing.pool_bought_wh,
        killed=[order_id * RANGE_STEPS_MAX for order_id in clearing.killed_order_ids],
    )


def _check_thin_markets(
    clearing: state_pb2.Clearing, auction: Auction, fills: list[_Fills]
) -> Iterator[str]:
    """Whether clearing the thin markets again comes to the same."""
    found = zip(clearing.thin_markets, auction.thin_markets, fills, strict=True)
    for thin, book, filled in found:
        again = clear_truthful(book, clearing.seed)
        if filled != (again.bid_fills, again.ask_fills):
            yield f"feeder {thin.feeder}: McAfee's rule fills other orders"
        prices = again.buy_price or 0, again.sell_price or 0
        if (thin.bid_price_per_kwh, thin.ask_price_per_kwh) != prices:
            yield f"feeder {thin.feeder}: McAfee's rule sets other prices"
        if thin.volume_wh != again.volume_wh:
            yield f"feeder {thin.feeder}: the volume is not {thin.volume_wh} Wh"


def _check_money(clearing: state_pb2.Clearing, outcome: NetworkOutcome) -> Iterator[str]:
    """Whether rents and fees are what prices and flows come to; the head has no line."""
    head = clearing.nodes[0]
    if head.import_wh or head.export_wh or head.congestion_rent or head.grid_fee:
        yield "the head of the grid has a line"
    earned = zip(clearing.nodes[1:], outcome.rents, outcome.fees, strict=True)
    for place, (node, rent, fee) in enumerate(earned, start=1):
        if (node.congestion_rent, node.grid_fee) != (rent // WH_PER_KWH, fee // WH_PER_KWH):
            yield f"the line of node {place} does not earn what is recorded"
