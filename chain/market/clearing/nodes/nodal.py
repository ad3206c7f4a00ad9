"""The call auction on a radial grid: a price per node, and no branch above its capacity.

Promises the maximum welfare that the branches allow, grid fees counted as a cost, and of all ways
to reach it the largest volume; an envy-free price at each node; congestion rents that are never
negative: energy flows towards the higher price, and prices differ by more than the fee only across
a full branch. With minimum acceptable quantities all of this holds of the orders that are not
removed, each of which gets at least its minimum or nothing; that the best choice is removed is not
promised.

Going up the tree, each node adds the staircases of excess demand of its subtrees, each cut at the
capacities of its branch and moved apart by its fee. At the root the price is where excess demand is
zero. Going down, a node has its parent's price, moved by the fee of the flow and by no more than it
takes for its branch to be just full. Then quantities at the margin are shared: going up, each
subtree reports the bounds of its net import; going down, each node shares its import pro rata among
itself and its subtrees. N orders take O(N log^2 N) steps, because the shorter list is merged into
the longer one, and each branch with a fee one more pass over the limits below it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from chain.market.clearing.auction import compute_fills
from chain.market.clearing.excess import POOL_RANK, RANKS, BranchKeys, Excess
from chain.market.clearing.ladder import Ladder
from chain.market.clearing.nodes.flows import Bounds, find_own_reach, find_reach, share_flows
from chain.market.clearing.nodes.network import (
    Branch,
    Network,
    Tree,
    build_tree,
    find_roots,
    remove_network_self_trades,
    require_valid_network,
)
from chain.market.clearing.nodes.network_leaving import remove_leaving
from chain.market.clearing.nodes.node_books import NodeBooks
from chain.market.clearing.nodes.node_prices import Keys, Part, choose_prices, follow_keys
from chain.market.clearing.orders import ASK, BID, MIDPOINT, Pool, PriceRule, require_valid_rule
from chain.market.clearing.pool import compute_pool_net


class NetworkOutcome(NamedTuple):
    """The result of clearing a network; nodes, branches and orders are in its sequence.

    A node where anything is filled has a price. Others have None if nothing is traded in their
    whole part of the grid, or if nothing bounds the price on both sides. A flow is positive from
    the start of its branch to the end. Rents and fees are in price times Wh: what buyers pay is
    what sellers and the pool get, plus all rents and fees. pool_wh is the net energy that the pool
    sells, at the price of the first node. killed are the ids of orders that were removed because
    they could not get their minimum. rounds: how often the orders were cleared.
    """

    prices: list[int | None]
    flows: list[int]
    rents: list[int]
    fees: list[int]
    bid_fills: list[list[int]]
    ask_fills: list[list[int]]
    pool_wh: int
    killed: list[int]
    rounds: int = 1


class _Quantities(NamedTuple):
    """Quantities per node: the key that flows follow, import, bought and sold."""

    keys: Keys
    at: list[int]
    inflows: list[int]
    traded: list[tuple[int, int]]
    pool_wh: int
    killed: list[int]
    rounds: int


def clear_network(
    network: Network, rule: PriceRule = MIDPOINT, seed: bytes = b""
) -> NetworkOutcome:
    """Clears a network; raises BookError if an order is invalid or the branches are no tree.

    seed: unknown when the orders were placed, such as a hash of all of them; decides rounding.

    Orders with a minimum may cost as many more clearings as network_leaving allows. A market must
    limit the quantity of linear orders: one counts as a step order for each Wh, or for each
    price between its two if these are fewer.
    """
    require_valid_network(network)
    require_valid_rule(rule)
    tree = build_tree(network)
    books = NodeBooks(remove_network_self_trades(network))
    found = _find_quantities(books, network.pool, tree, seed)
    prices = choose_prices(found.keys, tree, found.inflows, _find_active(tree, found), rule)
    flows = _get_flows(network.branches, tree, found.inflows)
    fills = list(zip(books.nodes, found.at, found.traded, strict=True))
    return NetworkOutcome(
        prices,
        flows,
        [compute_rent(*one, prices) for one in zip(network.branches, flows, strict=True)],
        [compute_fee(*one) for one in zip(network.branches, flows, strict=True)],
        [compute_fills(n.bids, BID, key // RANKS, wh, seed) for n, key, (wh, _) in fills],
        [compute_fills(n.asks, ASK, key // RANKS, wh, seed) for n, key, (_, wh) in fills],
        found.pool_wh,
        found.killed,
        found.rounds,
    )


def compute_rent(branch: Branch, flow_wh: int, prices: Sequence[int | None]) -> int:
    """What a branch earns by carrying from the lower price, beyond its fee; in price times Wh."""
    start, end = prices[branch.start], prices[branch.end]
    if start is None or end is None:
        return 0
    return flow_wh * (end - start) - compute_fee(branch, flow_wh)


def compute_fee(branch: Branch, flow_wh: int) -> int:
    """The fee for what crosses a branch, in price times Wh."""
    return branch.fee_per_kwh * abs(flow_wh)


def _find_quantities(books: NodeBooks, pool: Pool | None, tree: Tree, seed: bytes) -> _Quantities:
    """Clears repeatedly, while orders with a minimum are removed."""
    killed: list[int] = []
    rounds = 0
    while True:
        rounds += 1
        keys = _find_keys(books.take_excess(), pool, tree)
        at = follow_keys(keys, tree)
        own = [books.get_own_bounds(number, key) for number, key in enumerate(at)]
        reach = find_reach(own, at, tree)
        pool_bounds = _get_pool_bounds(pool, at[0], books.most_wh)
        nets, inflows, pool_wh = share_flows(reach, pool_bounds, tree, seed)
        traded = [books.get_traded(number, at[number], net) for number, net in enumerate(nets)]
        left: list[int] = []
        if books.bound:
            own_reach = find_own_reach(reach, pool_bounds, tree)
            left = remove_leaving(books, at, traded, own_reach, seed, rounds)
        if not left:
            return _Quantities(keys, at, inflows, traded, pool_wh, sorted(killed), rounds)
        killed += left


def _find_keys(excess: list[Excess | None], pool: Pool | None, tree: Tree) -> Keys:
    """Goes up the tree; consumes the staircases."""
    parts: dict[int, Part] = {}
    branches = [BranchKeys()] * len(excess)
    for node in reversed(tree.sequence):
        own, parent = excess[node], tree.parents[node]
        excess[node] = None
        assert own is not None, "a subtree was added twice"
        if parent < 0:
            parts[node] = _find_part(own, pool if node == 0 else None)
            continue
        branches[node] = own.pass_branch(tree.uplinks[node])
        above = excess[parent]
        assert above is not None, "a parent comes after its child"
        above.add(own)
    return Keys(parts, branches)


def _find_part(excess: Excess, pool: Pool | None) -> Part:
    """Where the excess demand at a root is zero."""
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
    """Bounds of the pool's net import; it sells, so the signs change."""
    price, rank = divmod(key, RANKS)
    most = compute_pool_net(pool, price if rank >= POOL_RANK else price - 1, most_wh)
    least = compute_pool_net(pool, price - 1, most_wh) if rank == POOL_RANK else most
    return Bounds(-most, -least)


def _find_active(tree: Tree, found: _Quantities) -> list[bool]:
    """Whether anything is traded in the part of the grid that a node belongs to."""
    roots = find_roots(tree)
    active = {root for root, amounts in zip(roots, found.traded, strict=True) if any(amounts)}
    if found.pool_wh:
        active.add(0)
    return [root in active for root in roots]


def _get_flows(branches: Sequence[Branch], tree: Tree, inflows: Sequence[int]) -> list[int]:
    flows = [0] * len(branches)
    for uplink, inflow in zip(tree.uplinks, inflows, strict=True):
        if uplink.number >= 0:
            flows[uplink.number] = uplink.sign * inflow
    return flows
