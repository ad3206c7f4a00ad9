"""Verifies the record of a call auction, in one pass; anybody can do it.

`verify_record` needs only the record, the limit orders of the slot and the pool's price curve. It
proves the network by its certificate and clears the thin markets again. It trusts what only the
chain knew: headroom, fees, and the pool's trades before the auction.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.auction.record import (
    LINEAR_STEPS_MAX,
    Auction,
    Orders,
    RecordError,
    build_auction,
    compute_volume_wh,
    count_steps,
)
from chain.market.clearing import (
    NetworkOutcome,
    Order,
    clear_truthful,
    verify_network_clearing,
)
from chain.market.clearing.nodes.network import remove_network_self_trades
from chain.market.clearing.nodes.nodal import compute_fee, compute_rent
from chain.runtime.units import WH_PER_KWH


class _Fills(NamedTuple):
    """Fills of bids and asks, in the sequence of their orders."""

    bids: list[int]
    asks: list[int]


def verify_record(clearing: state_pb2.Clearing, curve: rules.Curve, orders: Orders) -> list[str]:
    """What is wrong with a record; nothing if it is optimal for its orders and feeders.

    orders: all limit orders of the slot, in the order of their ids.
    """
    low, high = curve.price_low, curve.price_high
    has_line = 0 <= 4 * curve.margin <= high - low and high <= rules.PRICE_MAX
    if not clearing.nodes or not has_line:
        return ["the record has no grid supply point, or the pool no price line"]
    if len(clearing.fills_wh) != len(orders):
        return [f"there are {len(orders)} orders and {len(clearing.fills_wh)} fills"]
    try:
        auction = build_auction(clearing, curve, orders)
        nodes, thin_markets = _collect_fills(clearing, orders, auction)
        outcome = _read_outcome(clearing, auction, nodes)
        problems = verify_network_clearing(auction.network, outcome)
        problems += _check_thin_markets(clearing, auction, thin_markets)
    # Includes invalid addresses: the record may come from anybody.
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
    # After self-trade netting only the remaining steps of a linear order can fill.
    left = [(iter(bids), iter(asks)) for bids, asks in remove_network_self_trades(auction.network)]
    found = zip(orders, clearing.fills_wh, auction.venues, strict=True)
    for (order_id, order), filled_wh, venue in found:
        is_ask = order.side != state_pb2.SIDE_BUY
        if venue is None:
            if filled_wh:
                raise RecordError(f"order {order_id} is filled and could not take part")
        elif venue.is_thin:
            thin_markets[venue.number][is_ask].append(filled_wh)
        else:
            steps = islice(left[venue.number][is_ask], count_steps(order))
            nodes[venue.number][is_ask].extend(_share_among_steps(filled_wh, list(steps)))
    return nodes, thin_markets


def _share_among_steps(filled_wh: int, steps: list[Order]) -> Iterator[int]:
    """The fill of each step of an order: the best first, the remainder to the last."""
    for step in steps[:-1]:
        share_wh = min(filled_wh, step.quantity_wh)
        filled_wh -= share_wh
        yield share_wh
    yield filled_wh


def _read_outcome(
    clearing: state_pb2.Clearing, auction: Auction, fills: list[_Fills]
) -> NetworkOutcome:
    """The outcome in a record; rents and fees follow from prices and flows."""
    prices = [node.price_per_kwh if node.has_price else None for node in clearing.nodes]
    flows = [node.import_wh - node.export_wh for node in clearing.nodes[1:]]
    branches = list(zip(auction.network.branches, flows, strict=True))
    return NetworkOutcome(
        prices=prices,
        flows=flows,
        rents=[compute_rent(branch, flow_wh, prices) for branch, flow_wh in branches],
        fees=[compute_fee(branch, flow_wh) for branch, flow_wh in branches],
        bid_fills=[one.bids for one in fills],
        ask_fills=[one.asks for one in fills],
        pool_wh=clearing.pool_sold_wh - clearing.pool_bought_wh,
        killed=[order_id * LINEAR_STEPS_MAX for order_id in clearing.killed_order_ids],
    )


def _check_thin_markets(
    clearing: state_pb2.Clearing, auction: Auction, fills: list[_Fills]
) -> Iterator[str]:
    """Whether clearing the thin markets again gives the same."""
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
    """Whether rents and fees follow from prices and flows; the grid supply point has none."""
    top = clearing.nodes[0]
    if top.import_wh or top.export_wh or top.congestion_rent or top.grid_fee:
        yield "the grid supply point has a flow, a rent or a fee"
    earned = zip(clearing.nodes[1:], outcome.rents, outcome.fees, strict=True)
    for number, (node, rent, fee) in enumerate(earned, start=1):
        if (node.congestion_rent, node.grid_fee) != (rent // WH_PER_KWH, fee // WH_PER_KWH):
            yield f"node {number} does not earn what is recorded"
