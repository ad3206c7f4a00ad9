"""The call auction on a feeder: a price per node, and no line carries more than it can.

Promises the most welfare that the lines allow and, of all ways to reach it, the largest volume; one
price at each node at which nobody there is envious; and congestion rent that is never negative:
energy flows towards the higher price, and prices differ only across a line that is full.

Going up the tree, each node adds the staircases of excess demand of the parts behind it, each cut
at its line's capacity. At the head, where imports end, the price is where excess demand is zero.
Going down, a node has its parent's price, moved by no more than it takes for its line to be just
full. Then quantities at the margin are shared: going up, each part tells between what bounds it
can give or take; going down, each shares what flows in pro rata among itself and the parts behind
it. N orders take O(N log^2 N) steps, because the shorter list is merged into the longer one.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from chain.market.clearing.auction import Margins, compute_fills
from chain.market.clearing.excess import ASK_RANK, BID_RANK, POOL_RANK, RANKS, Excess
from chain.market.clearing.flows import Bounds, share_flows
from chain.market.clearing.ladder import Ladder, SideOfBook
from chain.market.clearing.netting import remove_self_trades
from chain.market.clearing.network import (
    Network,
    NodeOrders,
    Tree,
    build_tree,
    find_heads,
    require_valid_network,
)
from chain.market.clearing.orders import (
    ASK,
    BID,
    MIDPOINT,
    Order,
    Pool,
    PriceRule,
    require_valid_rule,
)
from chain.market.clearing.pool import compute_pool_net

# Bids and asks of a node.
_Sides = tuple[SideOfBook, SideOfBook]


class NetworkOutcome(NamedTuple):
    """What clearing a network comes to; nodes and lines stand in their places.

    A price is None where nothing is traded in the whole part of the grid. A flow is positive from
    the start of its line to the end. Rents are in price times Wh. pool_wh is what the pool sells
    net. killed are the ids of the fill-or-kill orders that had to leave.
    """

    prices: list[int | None]
    flows: list[int]
    rents: list[int]
    bid_fills: list[list[int]]
    ask_fills: list[list[int]]
    pool_wh: int
    killed: list[int]


class _Part(NamedTuple):
    """A head's envy-free interval, and a key in it at whose margin quantities are shared."""

    low: int | None
    high: int | None
    key: int


class _Keys(NamedTuple):
    """Keys of staircases: heads by node; per node below and above which its line is full."""

    parts: dict[int, _Part]
    bounds: list[tuple[int | None, int | None]]


def clear_network(
    network: Network, rule: PriceRule = MIDPOINT, seed: bytes = b""
) -> NetworkOutcome:
    """Clears a network; raises BookError if an order has no meaning or the lines are no tree.

    seed: what nobody could know when the orders were placed; decides who gets the odd Wh.
    """
    require_valid_network(network)
    require_valid_rule(rule)
    tree = build_tree(network)
    nodes = _remove_self_trades(network)
    patient = not any(o.minimum_wh for node in nodes for orders in node for o in orders)
    killed: list[int] = []
    while True:
        keys = _find_keys(nodes, network, tree)
        at = _descend_keys(keys, tree)
        sides = [(SideOfBook(bids, BID), SideOfBook(asks, ASK)) for bids, asks in nodes]
        own = [_get_own_bounds(side, key) for side, key in zip(sides, at, strict=True)]
        pool = _get_pool_bounds(nodes, network.pool, at[0])
        nets, inflows, pool_wh = share_flows(own, pool, at, network.lines, tree, seed)
        traded = [_get_traded(*one) for one in zip(sides, at, nets, strict=True)]
        left = [] if patient else _remove_leaving(nodes, sides, at, traded, seed)
        if not left:
            break
        killed += left
    active = _find_active(tree, traded, pool_wh)
    prices = _descend_prices(keys, tree, rule, active)
    flows, rents = _get_flows(network, tree, inflows, prices)
    fills = list(zip(nodes, at, traded, strict=True))
    return NetworkOutcome(
        prices,
        flows,
        rents,
        [compute_fills(n.bids, BID, key // RANKS, wh, seed) for n, key, (wh, _) in fills],
        [compute_fills(n.asks, ASK, key // RANKS, wh, seed) for n, key, (_, wh) in fills],
        pool_wh,
        sorted(killed),
    )


def _remove_self_trades(network: Network) -> list[NodeOrders]:
    """Nobody trades with themselves, at one node or across the grid."""
    bids, asks = remove_self_trades(
        [order for node in network.nodes for order in node.bids],
        [order for node in network.nodes for order in node.asks],
    )
    nodes, bid_end, ask_end = [], 0, 0
    for node in network.nodes:
        bid_start, bid_end = bid_end, bid_end + len(node.bids)
        ask_start, ask_end = ask_end, ask_end + len(node.asks)
        nodes.append(NodeOrders(bids[bid_start:bid_end], asks[ask_start:ask_end]))
    return nodes


def _find_keys(nodes: list[NodeOrders], network: Network, tree: Tree) -> _Keys:
    """Goes up the tree."""
    parts: dict[int, _Part] = {}
    bounds: list[tuple[int | None, int | None]] = [(None, None)] * len(nodes)
    excess: list[Excess | None] = [Excess(node) for node in nodes]
    for node in reversed(tree.sequence):
        own, parent = excess[node], tree.parents[node]
        excess[node] = None
        assert own is not None, "a part of the feeder was added twice"
        if parent < 0:
            parts[node] = _find_part(own, network.pool if node == 0 else None)
            continue
        bounds[node] = own.limit(network.lines[tree.feeders[node]].capacity_wh)
        above = excess[parent]
        assert above is not None, "a parent comes after its child"
        above.add(own)
        # The lists are merged into the longer one, which may be the child's.
        excess[parent] = above
    return _Keys(parts, bounds)


def _find_part(excess: Excess, pool: Pool | None) -> _Part:
    """Where the excess demand at a head is zero."""
    ladder = Ladder(excess.drops)
    most_wh = excess.start_wh - excess.end_wh + 1

    def compute_excess(key: int) -> int:
        below = excess.start_wh - ladder.get_up_to(key - 1)
        return below - compute_pool_net(pool, (key - 1 - POOL_RANK) // RANKS, most_wh)

    ends = ladder.limits[:1] + ladder.limits[-1:]
    ends += [RANKS * price for price in pool.curve[:2]] if pool else []
    if not ends:
        return _Part(None, None, 0)
    keys = range(min(ends), max(ends) + RANKS)
    not_above = bisect_left(keys, True, key=lambda key: compute_excess(key) <= 0)
    below = bisect_left(keys, True, key=lambda key: compute_excess(key) < 0)
    low = keys[not_above] - 1 if compute_excess(keys[0]) > 0 else None
    high = keys[below] - 1 if below < len(keys) else None
    at = high if high is not None else low if low is not None else keys[0]
    return _Part(low, high, at)


def _descend_keys(keys: _Keys, tree: Tree) -> list[int]:
    at = [0] * len(tree.parents)
    for node in tree.sequence:
        parent = tree.parents[node]
        at[node] = keys.parts[node].key if parent < 0 else _clamp(at[parent], *keys.bounds[node])
    return at


def _descend_prices(
    keys: _Keys, tree: Tree, rule: PriceRule, active: list[bool]
) -> list[int | None]:
    """Prices from those of the heads; the choice at a head is the rule's, all others follow."""
    prices: list[int | None] = [None] * len(tree.parents)
    for node in tree.sequence:
        parent = tree.parents[node]
        if not active[node]:
            continue
        if parent < 0:
            low, high, _ = keys.parts[node]
            assert low is not None and high is not None, "energy is traded without a price"
            prices[node] = rule.choose(low // RANKS, high // RANKS)
        else:
            above = prices[parent]
            assert above is not None, "a part of the grid has a price and its head has none"
            low, high = keys.bounds[node]
            prices[node] = _clamp(
                above,
                None if low is None else low // RANKS,
                None if high is None else high // RANKS,
            )
    return prices


def _clamp(value: int, low: int | None, high: int | None) -> int:
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else value


def _get_own_bounds(sides: _Sides, key: int) -> Bounds:
    """Between what a node's own orders take in net, at a key."""
    price, rank = divmod(key, RANKS)
    demand, supply = sides
    bought, sold = demand.get_accepted(price), supply.get_accepted(price)
    bought_least, sold_least = bought, sold
    if rank == BID_RANK:
        bought_least = demand.get_accepted(price + 1)
    elif rank == ASK_RANK:
        sold_least = supply.get_accepted(price - 1)
    return Bounds(bought_least - sold, bought - sold_least)


def _get_traded(sides: _Sides, key: int, net_wh: int) -> tuple[int, int]:
    """What a node buys and sells that takes in so much: only one side is shared at a key."""
    price, rank = divmod(key, RANKS)
    demand, supply = sides
    if rank == BID_RANK:
        sold = supply.get_accepted(price)
        return sold + net_wh, sold
    bought = demand.get_accepted(price)
    return bought, bought - net_wh


def _get_pool_bounds(nodes: list[NodeOrders], pool: Pool | None, key: int) -> Bounds:
    """Between what the pool takes in net; it sells, so the signs change."""
    most_wh = 1 + sum(o.quantity_wh for node in nodes for orders in node for o in orders)
    price, rank = divmod(key, RANKS)
    most = compute_pool_net(pool, price if rank >= POOL_RANK else price - 1, most_wh)
    least = compute_pool_net(pool, price - 1, most_wh) if rank == POOL_RANK else most
    return Bounds(-most, -least)


def _remove_leaving(
    nodes: list[NodeOrders],
    sides: list[_Sides],
    at: list[int],
    traded: list[tuple[int, int]],
    seed: bytes,
) -> list[int]:
    """Empties the fill-or-kill orders that cannot have their minimum; gives their ids."""
    left: list[int] = []
    for place, (demand, supply) in enumerate(sides):
        price, (bought, sold) = at[place] // RANKS, traded[place]
        bids, asks = list(nodes[place].bids), list(nodes[place].asks)
        leaving: list[Order] = []
        for total_wh, side, orders in ((bought, demand, bids), (sold, supply, asks)):
            shared_wh = total_wh - side.get_accepted(price + side.side)
            leaving += Margins(orders, side.side).remove_leaving(price, shared_wh, seed)
        nodes[place] = NodeOrders(bids, asks)
        left += [order.order_id for order in leaving]
    return left


def _find_active(tree: Tree, traded: list[tuple[int, int]], pool_wh: int) -> list[bool]:
    """Whether anything is traded in the part of the grid that a node belongs to."""
    heads = find_heads(tree)
    active = {head for head, amounts in zip(heads, traded, strict=True) if any(amounts)}
    if pool_wh:
        active.add(0)
    return [head in active for head in heads]


def _get_flows(
    network: Network, tree: Tree, inflows: list[int], prices: list[int | None]
) -> tuple[list[int], list[int]]:
    """Flows along the lines, and what each line earns by carrying from the lower price."""
    flows, rents = [0] * len(network.lines), [0] * len(network.lines)
    for node, place in enumerate(tree.feeders):
        if place < 0:
            continue
        line, inflow, parent = network.lines[place], inflows[node], tree.parents[node]
        flows[place] = inflow if line.end == node else -inflow
        here, above = prices[node], prices[parent]
        if here is not None and above is not None:
            rents[place] = inflow * (here - above)
    return flows, rents
