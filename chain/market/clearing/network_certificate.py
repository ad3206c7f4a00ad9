"""Whether the clearing of a network is the best there is, checked in one pass.

As for one price, with lines beside the orders: a line wants to carry as much as it can towards the
higher price, where that is higher by more than the fee, and nothing where it is not. The duality
gap is what orders, pool and lines could gain at best at the given prices, less the welfare of the
fills and the fees of the flows; it is 0 if and only if no other fills and flows have more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain as join

from chain.market.clearing.certificate import check_fills, compute_best_surplus, compute_welfare
from chain.market.clearing.network import (
    Line,
    Network,
    NodeOrders,
    build_tree,
    remove_network_self_trades,
)
from chain.market.clearing.nodal import NetworkOutcome, compute_fee, compute_rent
from chain.market.clearing.orders import ASK, BID, Pool, list_steps
from chain.market.clearing.pool import compute_pool_cost, compute_pool_net


def verify_network_clearing(network: Network, outcome: NetworkOutcome) -> list[str]:
    """What is wrong with an outcome; nothing, if it is an optimum of the network.

    Checks fills against limits, quantities and prices; flows against capacities, and that each node
    has what it takes; prices at the ends of each line against its flow and fee; rents and fees; the
    pool against its curve. Fill-or-kill orders that had to leave are taken as given, and checked to
    be such orders. Raises BookError if the lines are no tree.
    """
    shape = [len(outcome.prices), len(outcome.bid_fills), len(outcome.ask_fills)]
    if shape != [len(network.nodes)] * 3 or len(outcome.flows) != len(network.lines):
        return [
            "there is not one price and one list of fills for each node, one flow for each line"
        ]
    if [len(outcome.rents), len(outcome.fees)] != [len(network.lines)] * 2:
        return ["there is not one rent and one fee for each line"]
    nodes, problems = _reduce(network, set(outcome.killed))
    for node, bid_fills, ask_fills in zip(nodes, outcome.bid_fills, outcome.ask_fills, strict=True):
        if len(node.bids) != len(bid_fills) or len(node.asks) != len(ask_fills):
            return ["there is not one fill for each order"]
    problems += _check_lines(network, outcome)
    problems += _check_balance(network, outcome)
    for place, node in enumerate(nodes):
        price = outcome.prices[place]
        if price is not None and price < 0:
            problems.append(f"node {place} has a price below zero")
        problems += check_fills(node.bids, outcome.bid_fills[place], BID, price)
        problems += check_fills(node.asks, outcome.ask_fills[place], ASK, price)
    gap = 0 if problems else compute_gap(nodes, network, outcome)
    return problems + ([f"the duality gap is {gap}"] if gap else [])


def compute_gap(nodes: Sequence[NodeOrders], network: Network, outcome: NetworkOutcome) -> int:
    """How much welfare might be missing at most, in price times Wh; the dual bound less it.

    nodes: the orders as they took part, after self-trades and without those that had to leave.
    """
    prices = _fill_in_prices(nodes, network, outcome.prices)
    gap = 0
    for place, (node, price) in enumerate(zip(nodes, prices, strict=True)):
        bid_fills, ask_fills = outcome.bid_fills[place], outcome.ask_fills[place]
        gap -= compute_welfare(node.bids, node.asks, bid_fills, ask_fills)
        gap += compute_best_surplus(node.bids, BID, price)
        gap += compute_best_surplus(node.asks, ASK, price)
    for line, flow in zip(network.lines, outcome.flows, strict=True):
        gap += compute_best_rent(line, prices[line.end] - prices[line.start])
        gap += compute_fee(line, flow)
    if network.pool is not None:
        best_wh = compute_pool_net(network.pool, prices[0], _get_most(nodes))
        gap += prices[0] * best_wh - compute_pool_cost(network.pool, best_wh)
        gap += compute_pool_cost(network.pool, outcome.pool_wh)
    return gap


def compute_best_rent(line: Line, difference: int) -> int:
    """The most a line can earn beyond its fee if the price at its end is higher by so much."""
    _, _, forward_wh, backward_wh, fee = line
    return max(0, forward_wh * (difference - fee), backward_wh * (-difference - fee))


def _reduce(network: Network, killed: set[int]) -> tuple[list[NodeOrders], list[str]]:
    """The orders that took part, and a problem for each that was kept out for no reason."""
    nodes = remove_network_self_trades(network)
    if not killed:
        return nodes, []
    every = [order for node in network.nodes for order in join(node.bids, node.asks)]
    free = killed - {order.order_id for order in every if order.minimum_acceptable_wh}
    problems = [f"order {one} had to leave and is not fill-or-kill" for one in sorted(free)]
    without = [
        NodeOrders(
            *(
                [
                    o._replace(quantity_wh=0, minimum_acceptable_wh=0, full_at=None)
                    if o.order_id in killed
                    else o
                    for o in orders
                ]
                for orders in node
            )
        )
        for node in nodes
    ]
    return without, problems


def _check_lines(network: Network, outcome: NetworkOutcome) -> Iterator[str]:
    for place, line in enumerate(network.lines):
        flow, rent, fee = outcome.flows[place], outcome.rents[place], outcome.fees[place]
        start, end = outcome.prices[line.start], outcome.prices[line.end]
        if not -line.backward_capacity_wh <= flow <= line.forward_capacity_wh:
            capacity = line.forward_capacity_wh if flow > 0 else line.backward_capacity_wh
            yield f"line {place} carries {abs(flow)} Wh and can carry {capacity} Wh that way"
        elif fee != compute_fee(line, flow):
            yield f"line {place} does not charge its fee for what crosses it"
        elif start is None or end is None:
            if flow or rent:
                yield f"line {place} carries energy without a price"
        elif rent != compute_rent(line, flow, outcome.prices) or rent < 0:
            yield f"line {place} does not earn what its flow and the prices at its ends come to"
        elif rent != compute_best_rent(line, end - start):
            yield f"line {place} is not full and the prices at its ends differ by more than its fee"


def _check_balance(network: Network, outcome: NetworkOutcome) -> Iterator[str]:
    balance = [
        sum(bids) - sum(asks)
        for bids, asks in zip(outcome.bid_fills, outcome.ask_fills, strict=True)
    ]
    balance[0] -= outcome.pool_wh
    for line, flow in zip(network.lines, outcome.flows, strict=True):
        balance[line.start] += flow
        balance[line.end] -= flow
    for place, missing in enumerate(balance):
        if missing:
            yield f"node {place} lacks {missing} Wh"
    if outcome.pool_wh and network.pool is None:
        yield "there is no pool to trade with"


def _fill_in_prices(
    nodes: Sequence[NodeOrders], network: Network, prices: Sequence[int | None]
) -> list[int]:
    """Prices also for nodes without one, where nothing is traded.

    The lowest ones that leave no bid wanting there: that of the dearest bid, or the price at which
    the pool stops buying, or what a neighbour would pay beyond the fee of a line that could carry
    energy there. If these leave an ask wanting, something should have been traded.
    """
    tree = build_tree(network)
    filled = [
        _get_dearest(node) if price is None else price
        for node, price in zip(nodes, prices, strict=True)
    ]
    if prices[0] is None and network.pool is not None:
        filled[0] = max(filled[0], _get_lowest_price(network.pool))
    joined = [(node, tree.parents[node], tree.feeders[node]) for node in tree.sequence]
    for node, parent, line in reversed(joined):
        if parent >= 0 and line.import_wh and prices[parent] is None:
            filled[parent] = max(filled[parent], filled[node] - line.fee)
    for node, parent, line in joined:
        if parent >= 0 and line.export_wh and prices[node] is None:
            filled[node] = max(filled[node], filled[parent] - line.fee)
    return filled


def _get_dearest(node: NodeOrders) -> int:
    """The highest limit of a node's bids."""
    return max((next(list_steps(o, BID))[0] for o in node.bids if o.quantity_wh), default=0)


def _get_lowest_price(pool: Pool) -> int:
    """The price at which the pool stops buying."""
    prices = range(pool.curve.price_low, pool.curve.price_high + 1)
    return prices[
        bisect_left(prices, True, key=lambda price: compute_pool_net(pool, price, 1) >= 0)
    ]


def _get_most(nodes: Sequence[NodeOrders]) -> int:
    """More than anybody could ask of the pool."""
    return 1 + sum(order.quantity_wh for node in nodes for orders in node for order in orders)
