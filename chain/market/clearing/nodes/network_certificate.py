"""Verifies in one pass that the clearing of a network is optimal.

As for one price, with branches beside the orders: a branch wants to carry as much as it can towards
the higher price if the difference exceeds its fee, and nothing otherwise. The duality gap is the
maximum gain of orders, pool and branches at the given prices, less the welfare of the fills and the
fees of the flows; it is 0 if and only if no other fills and flows have more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain as join

from chain.market.clearing.certificate import check_fills, compute_best_surplus, compute_welfare
from chain.market.clearing.nodes.network import (
    Branch,
    Network,
    NodeOrders,
    build_tree,
    remove_network_self_trades,
)
from chain.market.clearing.nodes.nodal import NetworkOutcome, compute_fee, compute_rent
from chain.market.clearing.orders import ASK, BID, Pool, list_steps
from chain.market.clearing.pool import compute_pool_cost, compute_pool_net


def verify_network_clearing(network: Network, outcome: NetworkOutcome) -> list[str]:
    """What is wrong with an outcome; nothing if it is optimal for the network.

    Checks fills against limits, quantities and prices; flows against capacities and the balance of
    each node; prices at the ends of each branch against its flow and fee; rents and fees; the pool
    against its curve. That orders were removed for their minimum is taken as given; that they have
    one is checked. Raises BookError if the branches are no tree.
    """
    shape = [len(outcome.prices), len(outcome.bid_fills), len(outcome.ask_fills)]
    if shape != [len(network.nodes)] * 3 or len(outcome.flows) != len(network.branches):
        return [
            "there is not one price and one list of fills for each node, one flow for each branch"
        ]
    if [len(outcome.rents), len(outcome.fees)] != [len(network.branches)] * 2:
        return ["there is not one rent and one fee for each branch"]
    nodes, problems = _reduce(network, set(outcome.killed))
    for node, bid_fills, ask_fills in zip(nodes, outcome.bid_fills, outcome.ask_fills, strict=True):
        if len(node.bids) != len(bid_fills) or len(node.asks) != len(ask_fills):
            return ["there is not one fill for each order"]
    problems += _check_branches(network, outcome)
    problems += _check_balance(network, outcome)
    for number, node in enumerate(nodes):
        price = outcome.prices[number]
        if price is not None and price < 0:
            problems.append(f"node {number} has a price below zero")
        problems += check_fills(node.bids, outcome.bid_fills[number], BID, price)
        problems += check_fills(node.asks, outcome.ask_fills[number], ASK, price)
    gap = 0 if problems else compute_gap(nodes, network, outcome)
    return problems + ([f"the duality gap is {gap}"] if gap else [])


def compute_gap(nodes: Sequence[NodeOrders], network: Network, outcome: NetworkOutcome) -> int:
    """The duality gap, in price times Wh: the welfare that might be missing.

    nodes: the orders after self-trade netting, without those that were removed.
    """
    prices = _fill_in_prices(nodes, network, outcome.prices)
    gap = 0
    for number, (node, price) in enumerate(zip(nodes, prices, strict=True)):
        bid_fills, ask_fills = outcome.bid_fills[number], outcome.ask_fills[number]
        gap -= compute_welfare(node.bids, node.asks, bid_fills, ask_fills)
        gap += compute_best_surplus(node.bids, BID, price)
        gap += compute_best_surplus(node.asks, ASK, price)
    for branch, flow in zip(network.branches, outcome.flows, strict=True):
        gap += compute_best_rent(branch, prices[branch.end] - prices[branch.start])
        gap += compute_fee(branch, flow)
    if network.pool is not None:
        best_wh = compute_pool_net(network.pool, prices[0], _get_most(nodes))
        gap += prices[0] * best_wh - compute_pool_cost(network.pool, best_wh)
        gap += compute_pool_cost(network.pool, outcome.pool_wh)
    return gap


def compute_best_rent(branch: Branch, difference: int) -> int:
    """The maximum that a branch can earn beyond its fee at a price difference from start to end."""
    _, _, forward_wh, backward_wh, fee = branch
    return max(0, forward_wh * (difference - fee), backward_wh * (-difference - fee))


def _reduce(network: Network, killed: set[int]) -> tuple[list[NodeOrders], list[str]]:
    """The orders that took part, and a problem for each that was removed without a reason."""
    nodes = remove_network_self_trades(network)
    if not killed:
        return nodes, []
    every = [order for node in network.nodes for order in join(node.bids, node.asks)]
    free = killed - {order.order_id for order in every if order.minimum_acceptable_wh}
    problems = [f"order {one} was removed and has no minimum" for one in sorted(free)]
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


def _check_branches(network: Network, outcome: NetworkOutcome) -> Iterator[str]:
    for number, branch in enumerate(network.branches):
        flow, rent, fee = outcome.flows[number], outcome.rents[number], outcome.fees[number]
        start, end = outcome.prices[branch.start], outcome.prices[branch.end]
        if not -branch.backward_capacity_wh <= flow <= branch.forward_capacity_wh:
            capacity = branch.forward_capacity_wh if flow > 0 else branch.backward_capacity_wh
            yield f"branch {number} carries {abs(flow)} Wh and can carry {capacity} Wh that way"
        elif fee != compute_fee(branch, flow):
            yield f"branch {number} does not charge its fee for what crosses it"
        elif start is None or end is None:
            if flow or rent:
                yield f"branch {number} carries energy without a price"
        elif rent != compute_rent(branch, flow, outcome.prices) or rent < 0:
            yield f"branch {number} does not earn what its flow and the prices give"
        elif rent != compute_best_rent(branch, end - start):
            yield f"branch {number} is not full and its prices differ by more than its fee"


def _check_balance(network: Network, outcome: NetworkOutcome) -> Iterator[str]:
    balance = [
        sum(bids) - sum(asks)
        for bids, asks in zip(outcome.bid_fills, outcome.ask_fills, strict=True)
    ]
    balance[0] -= outcome.pool_wh
    for branch, flow in zip(network.branches, outcome.flows, strict=True):
        balance[branch.start] += flow
        balance[branch.end] -= flow
    for number, missing in enumerate(balance):
        if missing:
            yield f"node {number} lacks {missing} Wh"
    if outcome.pool_wh and network.pool is None:
        yield "there is no pool to trade with"


def _fill_in_prices(
    nodes: Sequence[NodeOrders], network: Network, prices: Sequence[int | None]
) -> list[int]:
    """Prices for all nodes, also where nothing is traded.

    For those, the lowest price at which no bid there wants to trade: that of the highest bid, the
    price at which the pool stops buying, or what a neighbour would pay beyond the fee of a branch
    that could carry energy there. If an ask wants to trade at that price, a trade is missing.
    """
    tree = build_tree(network)
    filled = [
        _get_highest_bid(node) if price is None else price
        for node, price in zip(nodes, prices, strict=True)
    ]
    if prices[0] is None and network.pool is not None:
        filled[0] = max(filled[0], _get_lowest_price(network.pool))
    joined = [(node, tree.parents[node], tree.uplinks[node]) for node in tree.sequence]
    for node, parent, branch in reversed(joined):
        if parent >= 0 and branch.import_wh and prices[parent] is None:
            filled[parent] = max(filled[parent], filled[node] - branch.fee)
    for node, parent, branch in joined:
        if parent >= 0 and branch.export_wh and prices[node] is None:
            filled[node] = max(filled[node], filled[parent] - branch.fee)
    return filled


def _get_highest_bid(node: NodeOrders) -> int:
    """The highest limit of a node's bids."""
    return max((next(list_steps(o, BID))[0] for o in node.bids if o.quantity_wh), default=0)


def _get_lowest_price(pool: Pool) -> int:
    """The price at which the pool stops buying."""
    prices = range(pool.curve.price_low, pool.curve.price_high + 1)
    return prices[
        bisect_left(prices, True, key=lambda price: compute_pool_net(pool, price, 1) >= 0)
    ]


def _get_most(nodes: Sequence[NodeOrders]) -> int:
    """More than all orders together."""
    return 1 + sum(order.quantity_wh for node in nodes for orders in node for order in orders)
