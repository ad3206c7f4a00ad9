"""Whether the clearing of a network is the best there is, checked in one pass.

As for one price, with lines beside the orders: a line wants to carry as much as it can towards the
higher price. The duality gap is what orders, pool and lines could gain at best at the given
prices, less the welfare of the fills; it is 0 if and only if no other fills and flows have more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain as join

from chain.market.clearing.certificate import check_fills, compute_best_surplus, compute_welfare
from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.network import Network, NodeOrders, build_tree, find_heads
from chain.market.clearing.nodal import NetworkOutcome
from chain.market.clearing.orders import ASK, BID, Pool, list_steps
from chain.market.clearing.pool import compute_pool_cost, compute_pool_net


def verify_network_clearing(network: Network, outcome: NetworkOutcome) -> list[str]:
    """What is wrong with an outcome; nothing, if it is an optimum of the network.

    Fill-or-kill orders that had to leave are taken as given, and checked to be such orders.
    """
    shape = [len(outcome.prices), len(outcome.bid_fills), len(outcome.ask_fills)]
    if shape != [len(network.nodes)] * 3 or len(outcome.flows) != len(network.lines):
        return [
            "there is not one price and one list of fills for each node, one flow for each line"
        ]
    if len(outcome.rents) != len(network.lines):
        return ["there is not one rent for each line"]
    nodes, problems = _reduce(network, set(outcome.killed))
    for node, bid_fills, ask_fills in zip(nodes, outcome.bid_fills, outcome.ask_fills, strict=True):
        if len(node.bids) != len(bid_fills) or len(node.asks) != len(ask_fills):
            return ["there is not one fill for each order"]
    problems += _check_lines(network, outcome)
    problems += _check_balance(network, outcome)
    for place, node in enumerate(nodes):
        price = outcome.prices[place]
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
    for line in network.lines:
        gap += line.capacity_wh * abs(prices[line.start] - prices[line.end])
    if network.pool is not None:
        most_wh = 1 + sum(o.quantity_wh for node in nodes for orders in node for o in orders)
        best_wh = compute_pool_net(network.pool, prices[0], most_wh)
        gap += prices[0] * best_wh - compute_pool_cost(network.pool, best_wh)
        gap += compute_pool_cost(network.pool, outcome.pool_wh)
    return gap


def _reduce(network: Network, killed: set[int]) -> tuple[list[NodeOrders], list[str]]:
    """The orders that took part, and a problem for each that was kept out for no reason."""
    every = [order for node in network.nodes for order in join(node.bids, node.asks)]
    free = killed - {order.order_id for order in every if order.minimum_wh}
    problems = [f"order {one} had to leave and is not fill-or-kill" for one in sorted(free)]
    bids, asks = remove_self_trades(
        [order for node in network.nodes for order in node.bids],
        [order for node in network.nodes for order in node.asks],
    )
    left = {order.order_id: order for order in join(bids, asks)}
    for order_id in sorted(killed & left.keys()):
        left[order_id] = left[order_id]._replace(quantity_wh=0, minimum_wh=0)
    nodes = [
        NodeOrders([left[o.order_id] for o in node.bids], [left[o.order_id] for o in node.asks])
        for node in network.nodes
    ]
    return nodes, problems


def _check_lines(network: Network, outcome: NetworkOutcome) -> Iterator[str]:
    for place, line in enumerate(network.lines):
        flow, rent = outcome.flows[place], outcome.rents[place]
        start, end = outcome.prices[line.start], outcome.prices[line.end]
        if abs(flow) > line.capacity_wh:
            yield f"line {place} carries {flow} Wh and can carry {line.capacity_wh} Wh"
        if start is None or end is None:
            if flow or rent:
                yield f"line {place} carries energy without a price"
        elif rent != flow * (end - start) or rent < 0:
            yield f"line {place} does not earn what its flow and the prices at its ends come to"
        elif start != end and abs(flow) != line.capacity_wh:
            yield f"line {place} is not full and the prices at its ends differ"


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
    """Prices also for the parts of the grid where nothing is traded.

    There the dearest bid proves it, or the price at which the pool stops buying if that is higher:
    no ask lies below.
    """
    heads = find_heads(build_tree(network))
    dearest = {0: _get_lowest_price(network.pool)} if network.pool else {}
    for head, node in zip(heads, nodes, strict=True):
        limits = [next(list_steps(o, BID))[0] for o in node.bids if o.quantity_wh]
        dearest[head] = max([dearest.get(head, 0), *limits])
    return [
        dearest[head] if price is None else price for head, price in zip(heads, prices, strict=True)
    ]


def _get_lowest_price(pool: Pool) -> int:
    """The price at which the pool stops buying."""
    prices = range(pool.curve.price_low, pool.curve.price_high + 1)
    return prices[
        bisect_left(prices, True, key=lambda price: compute_pool_net(pool, price, 1) >= 0)
    ]
