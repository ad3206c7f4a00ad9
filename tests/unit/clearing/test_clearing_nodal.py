"""Clearing on a feeder (INV-9): an example worked out by hand, and what holds of every network."""

from __future__ import annotations

import random

import pytest
from books import STREET, make_order, make_random_network

from chain.market.clearing import (
    MARGINAL_ASK,
    MARGINAL_BID,
    MIDPOINT,
    Book,
    BookError,
    Line,
    Network,
    NetworkOutcome,
    NodeOrders,
    Pool,
    PriceRule,
    clear_auction,
    clear_network,
    verify_network_clearing,
)

NETWORKS = 1_000
RULES = (MIDPOINT, MARGINAL_ASK, MARGINAL_BID)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(4)


class TestByHand:
    """A cheap seller at the head, dear buyers at the end of a thin line."""

    HEAD = NodeOrders([], [make_order(1, 10, 10)])
    MIDDLE = NodeOrders([make_order(2, 30, 6)], [])
    END = NodeOrders([make_order(3, 25, 7)], [make_order(4, 20, 1)])

    def clear(self, first: int, second: int, rule: PriceRule = MIDPOINT) -> NetworkOutcome:
        lines = [Line(0, 1, first), Line(2, 1, second)]
        network = Network([self.HEAD, self.MIDDLE, self.END], lines)
        outcome = clear_network(network, rule)
        assert verify_network_clearing(network, outcome) == []
        return outcome

    def test_lines_with_room_make_one_price(self) -> None:
        outcome = self.clear(100, 100)
        assert outcome.prices == [25, 25, 25]
        assert (outcome.flows, outcome.rents) == ([10, -4], [0, 0])
        assert outcome.bid_fills == [[], [6], [5]]

    def test_a_full_line_parts_the_prices_and_earns_the_difference(self) -> None:
        outcome = self.clear(8, 3)
        assert outcome.prices == [10, 25, 25]
        assert (outcome.flows, outcome.rents) == ([8, -2], [8 * 15, 0])
        assert (outcome.bid_fills, outcome.ask_fills) == ([[], [6], [3]], [[8], [], [1]])

    def test_two_full_lines(self) -> None:
        outcome = self.clear(7, 1)
        assert outcome.prices == [10, 10, 25]
        assert (outcome.flows, outcome.rents) == ([7, -1], [0, 15])

    def test_a_line_that_carries_nothing_parts_the_grid(self) -> None:
        outcome = self.clear(100, 0)
        assert outcome.flows == [6, 0]
        assert outcome.prices == [10, 10, 25]

    def test_energy_that_cannot_leave_is_cheap(self) -> None:
        sunny = NodeOrders([], [make_order(1, 2, 50)])
        town = NodeOrders([make_order(2, 30, 90)], [make_order(3, 20, 90)])
        outcome = clear_network(Network([town, sunny], [Line(0, 1, 20)]))
        assert (outcome.prices, outcome.flows, outcome.rents) == ([20, 2], [-20], [20 * 18])

    def test_the_pool_stands_at_the_head(self) -> None:
        home = NodeOrders([make_order(1, 300_000, 9_000)], [])
        network = Network([NodeOrders([], []), home], [Line(0, 1, 5_000)], Pool(STREET))
        outcome = clear_network(network)
        assert verify_network_clearing(network, outcome) == []
        assert (outcome.pool_wh, outcome.flows, outcome.prices) == (
            5_000,
            [5_000],
            [201_000, 300_000],
        )
        assert outcome.rents == [5_000 * 99_000]

    def test_without_a_trade_there_is_no_price(self) -> None:
        outcome = clear_network(Network([self.MIDDLE, NodeOrders([], [])], [Line(0, 1, 5)]))
        assert (outcome.prices, outcome.flows, outcome.rents) == ([None, None], [0], [0])


KINDS = [
    {},
    {"pool": True},
    {"owners": 6},
    {"owners": 9, "minimums": True, "ranges": True, "pool": True},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
class TestEveryNetwork:
    def test_anybody_can_check_it(self, kind: dict[str, int], rng: random.Random) -> None:
        for number in range(NETWORKS):
            network = make_random_network(rng, **kind)
            outcome = clear_network(network, RULES[number % 3])
            assert verify_network_clearing(network, outcome) == []
            assert all(rent >= 0 for rent in outcome.rents)

    def test_the_sequence_of_the_orders_and_lines_does_not_matter(
        self, kind: dict[str, int], rng: random.Random
    ) -> None:
        for _ in range(NETWORKS):
            network = make_random_network(rng, **kind)
            shuffled = Network(
                [NodeOrders(*(rng.sample(side, len(side)) for side in n)) for n in network.nodes],
                rng.sample(network.lines, len(network.lines)),
                network.pool,
            )
            assert describe(network) == describe(shuffled)


def describe(network: Network) -> tuple[object, ...]:
    """An outcome without regard to the places of orders and lines."""
    outcome = clear_network(network)
    fills = {
        order.order_id: fill
        for node, bid_fills, ask_fills in zip(
            network.nodes, outcome.bid_fills, outcome.ask_fills, strict=True
        )
        for orders, fills in ((node.bids, bid_fills), (node.asks, ask_fills))
        for order, fill in zip(orders, fills, strict=True)
    }
    flows = {
        line: (flow, rent)
        for line, flow, rent in zip(network.lines, outcome.flows, outcome.rents, strict=True)
    }
    return outcome.prices, fills, flows, outcome.pool_wh, outcome.killed


@pytest.mark.parametrize("pool", [False, True])
def test_with_room_on_all_lines_it_is_one_auction(pool: bool, rng: random.Random) -> None:
    for number in range(NETWORKS):
        network = make_random_network(rng, pool=pool, ranges=True)
        if len(network.lines) < len(network.nodes) - 1:
            continue
        network = network._replace(lines=[x._replace(capacity_wh=10**6) for x in network.lines])
        outcome = clear_network(network, RULES[number % 3])
        bids = [order for node in network.nodes for order in node.bids]
        asks = [order for node in network.nodes for order in node.asks]
        auction = clear_auction(Book(bids, asks, network.pool), RULES[number % 3])
        assert set(outcome.prices) == {auction.price}
        assert sum(map(sum, outcome.bid_fills)) == sum(auction.bid_fills)
        assert sum(map(sum, outcome.ask_fills)) == sum(auction.ask_fills)
        assert outcome.pool_wh == auction.pool_wh


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([Line(0, 1, 5), Line(1, 2, 5), Line(2, 0, 5)], "ring"),
        ([Line(0, 1, 5), Line(1, 0, 0)], "ring"),
        ([Line(1, 1, 5)], "ring"),
        ([Line(0, 3, 5)], "not there"),
        ([Line(0, 1, -1)], "negative"),
    ],
)
def test_lines_that_are_no_feeder_are_refused(lines: list[Line], reason: str) -> None:
    with pytest.raises(BookError, match=reason):
        clear_network(Network([NodeOrders([], [])] * 3, lines))


def test_a_network_needs_a_node() -> None:
    with pytest.raises(BookError, match="no nodes"):
        clear_network(Network([], []))
