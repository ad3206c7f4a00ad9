"""The call auction on a feeder: a price per node, and no line carries more than it can.

Promises the most welfare that the lines allow, grid fees counted as a cost, and of all ways to
reach it the largest volume; one price at each node at which nobody there is envious; congestion
rent that is never negative: energy flows towards the higher price, and prices differ by more than
the fee only across a line that is full. With fill-or-kill orders all of this holds of those that
did not have to leave, each of which has at least its minimum or nothing; that the right ones left
is not promised.

Going up the tree, each node adds the staircases of excess demand of the parts behind it, each cut
at its line's capacities and moved apart by its fee. At the head, where imports end, the price is
where excess demand is zero. Going down, a node has its parent's price, moved by the fee of what
flows and by no more than it takes for its line to be just full. Then quantities at the margin are
shared: going up, each part tells between what bounds it can give or take; going down, each shares
what flows in pro rata among itself and the parts behind it. N orders take O(N log^2 N) steps,
because the shorter list is merged into the longer one, and each line with a fee one more pass over
the limits behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.auction import compute_fills
from chain.market.clearing.excess import POOL_RANK, RANKS, Excess, LineKeys
from chain.market.clearing.flows import Bounds, find_own_reach, find_reach, share_flows
from chain.market.clearing.ladder import Ladder
from chain.market.clearing.network import (
    Line,
    Network,
    Tree,
    build_tree,
    find_heads,
    remove_network_self_trades,
    require_valid_network,
)
from chain.market.clearing.network_leaving import remove_leaving
from chain.market.clearing.node_books import NodeBooks
from chain.market.clearing.node_prices import Keys, Part, choose_prices, follow_keys
from chain.market.clearing.orders import ASK, BID, MIDPOINT, Pool, PriceRule, require_valid_rule
from chain.market.clearing.pool import compute_pool_net


class NetworkOutcome(NamedTuple):
    """What clearing a network comes to; nodes, lines and orders stand in their places.

    A node where anything is filled has a price. Others have None if nothing is traded in their
    whole part of the grid, or if nothing bounds the price on both sides. A flow is positive from
    the start of its line to the end. Rents and fees are in price times Wh: what buyers pay is what
    sellers and the pool get, and all rents, and all fees. pool_wh is what the pool sells net, at
    the price of the first node. killed are the ids of the fill-or-kill orders that had to leave.
    """

    prices: list[int | None]
    flows: list[int]
    rents: list[int]
    fees: list[int]
    bid_fills: list[list[int]]
    ask_fills: list[list[int]]
    pool_wh: int
    killed: list[int]


class _Quantities(NamedTuple):
    """Who trades how much: per node the key that flows follow, what flows in, bought and sold."""

    keys: Keys
    at: list[int]
    inflows: list[int]
    traded: list[tuple[int, int]]
    pool_wh: int
    killed: list[int]


def clear_network(
    network: Network, rule: PriceRule = MIDPOINT, seed: bytes = b""
) -> NetworkOutcome:
    """Clears a network; raises BookError if an order has no meaning or the lines are no tree.

    seed: what nobody could know when the orders were placed; decides who gets the odd Wh.

    A market has to limit the number of fill-or-kill orders, as each may cost one more clearing, and
    the quantity of proportional ranges: one counts as a step order for each Wh, or for each step of
    its range of prices if these are fewer.
    """
    require_valid_network(network)
    require_valid_rule(rule)
    tree = build_tree(network)
    books = NodeBooks(remove_network_self_trades(network))
    found = _find_quantities(books, network.pool, tree, seed)
    prices = choose_prices(found.keys, tree, found.inflows, _find_active(tree, found), rule)
    flows = _get_flows(network.lines, tree, found.inflows)
    fills = list(zip(books.nodes, found.at, found.traded, strict=True))
    return NetworkOutcome(
        prices,
        flows,
        [compute_rent(*one, prices) for one in zip(network.lines, flows, strict=True)],
        [compute_fee(*one) for one in zip(network.lines, flows, strict=True)],
        [compute_fills(n.bids, BID, key // RANKS, wh, seed) for n, key, (wh, _) in fills],
        [compute_fills(n.asks, ASK, key // RANKS, wh, seed) for n, key, (_, wh) in fills],
        found.pool_wh,
        found.killed,
    )


def compute_rent(line: Line, flow_wh: int, prices: Sequence[int | None]) -> int:
    """What a line earns by carrying from the lower price, beyond its fee; in price times Wh."""
    start, end = prices[line.start], prices[line.end]
    if start is None or end is None:
        return 0
    return flow_wh * (end - start) - compute_fee(line, flow_wh)


def compute_fee(line: Line, flow_wh: int) -> int:
    """What is charged for what crosses a line, in price times Wh."""
    return line.fee_per_kwh * abs(flow_wh)


def _find_quantities(books: NodeBooks, pool: Pool | None, tree: Tree, seed: bytes) -> _Quantities:
    """Clears, again and again while fill-or-kill orders leave."""
    killed: list[int] = []
    while True:
        keys = _find_keys(books.take_excess(), pool, tree)
        at = follow_keys(keys, tree)
        own = [books.get_own_bounds(place, key) for place, key in enumerate(at)]
        reach = find_reach(own, at, tree)
        pool_bounds = _get_pool_bounds(pool, at[0], books.most_wh)
        nets, inflows, pool_wh = share_flows(reach, pool_bounds, tree, seed)
        traded = [books.get_traded(place, at[place], net) for place, net in enumerate(nets)]
        left: list[int] = []
        if books.bound:
            own_reach = find_own_reach(reach, pool_bounds, tree)
            left = remove_leaving(books, at, traded, own_reach, seed)
        if not left:
            return _Quantities(keys, at, inflows, traded, pool_wh, sorted(killed))
        killed += left


def _find_keys(excess: list[Excess | None], pool: Pool | None, tree: Tree) -> Keys:
    """Goes up the tree; leaves nothing of the staircases."""
    parts: dict[int, Part] = {}
    lines = [LineKeys()] * len(excess)
    for node in reversed(tree.sequence):
        own, parent = excess[node], tree.parents[node]
        excess[node] = None
        assert own is not None, "a part of the feeder was added twice"
        if parent < 0:
            parts[node] = _find_part(own, pool if node == 0 else None)
            continue
        lines[node] = own.pass_line(tree.feeders[node])
        above = excess[parent]
        assert above is not None, "a parent comes after its child"
        above.add(own)
    return Keys(parts, lines)


def _find_part(excess: Excess, pool: Pool | None) -> Part:
    """Where the excess demand at a head is zero."""
    ladder = Ladder(excess.drops)
    most_wh = excess.start_wh - excess.end_wh + 1

    def compute_excess(key: int) -> int:
        below = excess.start_wh - ladder.get_up_to(key - 1)
        return below - compute_pool_net(pool, (key - 1 - POOL_RANK) // RANKS, most_wh)

    ends = ladder.limits[:1] + ladder.limits[-1:]
    ends += [RANKS * price for price in pool.curve[:2]] if pool else []
    if not ends:
        return Part(None, None, 0)
    keys = range(min(ends), max(ends) + RANKS)
    not_above = bisect_left(keys, True, key=lambda key: compute_excess(key) <= 0)
    below = bisect_left(keys, True, key=lambda key: compute_excess(key) < 0)
    low = keys[not_above] - 1 if compute_excess(keys[0]) > 0 else None
    high = keys[below] - 1 if below < len(keys) else None
    at = high if high is not None else low if low is not None else keys[0]
    return Part(low, high, at)


def _get_pool_bounds(pool: Pool | None, key: int, most_wh: int) -> Bounds:
    """Between what the pool takes in net; it sells, so the signs change."""
    price, rank = divmod(key, RANKS)
    most = compute_pool_net(pool, price if rank >= POOL_RANK else price - 1, most_wh)
    least = compute_pool_net(pool, price - 1, most_wh) if rank == POOL_RANK else most
    return Bounds(-most, -least)


def _find_active(tree: Tree, found: _Quantities) -> list[bool]:
    """Whether anything is traded in the part of the grid that a node belongs to."""
    heads = find_heads(tree)
    active = {head for head, amounts in zip(heads, found.traded, strict=True) if any(amounts)}
    if found.pool_wh:
        active.add(0)
    return [head in active for head in heads]


def _get_flows(lines: Sequence[Line], tree: Tree, inflows: Sequence[int]) -> list[int]:
    flows = [0] * len(lines)
    for feeder, inflow in zip(tree.feeders, inflows, strict=True):
        if feeder.place >= 0:
            flows[feeder.place] = feeder.sign * inflow
    return flows
