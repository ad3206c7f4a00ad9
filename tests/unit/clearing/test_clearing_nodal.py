"""Clearing on a feeder (INV-9): an example worked out by hand, and what holds of every network."""

from __future__ import annotations

import random

import pytest
from books import STREET, make_order, make_random_book, make_random_network

from chain.market.clearing import (
    MARGINAL_ASK,
    MARGINAL_BID,
    MIDPOINT,
    Book,
    BookError,
    Branch,
    Network,
    NetworkOutcome,
    NodeOrders,
    Order,
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
        lines = [Branch(0, 1, first, first), Branch(2, 1, second, second)]
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
        outcome = clear_network(Network([town, sunny], [Branch(0, 1, 20, 20)]))
        assert (outcome.prices, outcome.flows, outcome.rents) == ([20, 2], [-20], [20 * 18])

    def test_the_pool_stands_at_the_head(self) -> None:
        home = NodeOrders([make_order(1, 300_000, 9_000)], [])
        network = Network([NodeOrders([], []), home], [Branch(0, 1, 5_000, 5_000)], Pool(STREET))
        outcome = clear_network(network)
        assert verify_network_clearing(network, outcome) == []
        assert (outcome.pool_wh, outcome.flows, outcome.prices) == (
            5_000,
            [5_000],
            [201_000, 300_000],
        )
        assert outcome.rents == [5_000 * 99_000]

    def test_without_a_trade_there_is_no_price(self) -> None:
        outcome = clear_network(Network([self.MIDDLE, NodeOrders([], [])], [Branch(0, 1, 5, 5)]))
        assert (outcome.prices, outcome.flows, outcome.rents) == ([None, None], [0], [0])


class TestFees:
    """A seller at 10 at the head, and what a fee of 4 makes of a line."""

    HEAD = NodeOrders([], [make_order(1, 10, 10)])

    def clear(
        self, behind: NodeOrders, line: Branch, rule: PriceRule = MIDPOINT, head: NodeOrders = HEAD
    ) -> NetworkOutcome:
        network = Network([head, behind], [line])
        outcome = clear_network(network, rule)
        assert verify_network_clearing(network, outcome) == []
        return outcome

    def test_imports_cost_the_fee_more(self) -> None:
        outcome = self.clear(NodeOrders([make_order(2, 30, 6)], []), Branch(0, 1, 9, 9, 4))
        assert (outcome.prices, outcome.flows) == ([10, 14], [6])
        assert (outcome.rents, outcome.fees) == ([0], [6 * 4])

    def test_exports_earn_the_fee_less(self) -> None:
        head = NodeOrders([make_order(1, 30, 10)], [])
        sunny = NodeOrders([], [make_order(2, 5, 6)])
        outcome = self.clear(sunny, Branch(1, 0, 9, 9, 4), head=head)
        assert (outcome.prices, outcome.flows) == ([30, 26], [6])
        assert (outcome.rents, outcome.fees) == ([0], [6 * 4])

    def test_a_full_line_earns_what_the_prices_differ_by_beyond_the_fee(self) -> None:
        outcome = self.clear(NodeOrders([make_order(2, 30, 6)], []), Branch(0, 1, 5, 9, 4))
        assert (outcome.prices, outcome.flows) == ([10, 30], [5])
        assert (outcome.rents, outcome.fees) == ([5 * (30 - 10 - 4)], [5 * 4])

    def test_what_the_fee_makes_too_dear_does_not_flow(self) -> None:
        outcome = self.clear(NodeOrders([make_order(2, 13, 6)], []), Branch(0, 1, 9, 9, 4))
        assert (outcome.prices, outcome.flows, outcome.fees) == ([None, None], [0], [0])

    def test_what_just_covers_the_fee_does(self) -> None:
        outcome = self.clear(NodeOrders([make_order(2, 14, 6)], []), Branch(0, 1, 9, 9, 4))
        assert (outcome.prices, outcome.flows, outcome.fees) == ([10, 14], [6], [24])

    @pytest.mark.parametrize(
        ("rule", "price"), [(MIDPOINT, 11), (MARGINAL_ASK, 8), (MARGINAL_BID, 14)]
    )
    def test_behind_an_idle_line_the_rule_chooses_in_what_the_fee_leaves_open(
        self, rule: PriceRule, price: int
    ) -> None:
        head = NodeOrders([make_order(1, 10, 1)], [make_order(2, 10, 1)])
        village = NodeOrders([make_order(3, 20, 5)], [make_order(4, 8, 5)])
        outcome = self.clear(village, Branch(0, 1, 9, 9, 4), rule, head)
        assert (outcome.prices, outcome.flows) == ([10, price], [0])

    @pytest.mark.parametrize("rule", RULES)
    def test_where_nobody_is_the_price_is_the_neighbours(self, rule: PriceRule) -> None:
        head = NodeOrders([make_order(1, 10, 1)], [make_order(2, 10, 1)])
        outcome = self.clear(NodeOrders([], []), Branch(0, 1, 9, 9, 4), rule, head)
        assert outcome.prices == [10, 10]

    def test_fees_of_all_lines_on_the_way_add_up(self) -> None:
        nodes = [self.HEAD, NodeOrders([], []), NodeOrders([make_order(2, 30, 6)], [])]
        network = Network(nodes, [Branch(0, 1, 9, 9, 4), Branch(2, 1, 9, 9, 3)])
        outcome = clear_network(network)
        assert verify_network_clearing(network, outcome) == []
        assert (outcome.prices, outcome.flows) == ([10, 14, 17], [6, -6])
        assert outcome.fees == [24, 18]


class TestOneWay:
    """A street that sells to the feeder, and buyers who want energy from the street only."""

    def clear(self, feeder: NodeOrders, street: NodeOrders) -> NetworkOutcome:
        network = Network([feeder, street], [Branch(0, 1, 0, 100)])
        outcome = clear_network(network)
        assert verify_network_clearing(network, outcome) == []
        return outcome

    def test_what_the_street_does_not_want_leaves_it(self) -> None:
        feeder = NodeOrders([make_order(1, 20, 5)], [make_order(2, 20, 5)])
        street = NodeOrders([make_order(3, 30, 2)], [make_order(4, 10, 6)])
        outcome = self.clear(feeder, street)
        assert (outcome.prices, outcome.flows, outcome.rents) == ([20, 20], [-4], [0])
        assert outcome.bid_fills == [[5], [2]]
        assert outcome.ask_fills == [[1], [6]]

    def test_nothing_comes_in_however_dear_it_is_inside(self) -> None:
        feeder = NodeOrders([make_order(1, 20, 5)], [make_order(2, 10, 50)])
        street = NodeOrders([make_order(3, 30, 7)], [make_order(4, 12, 6)])
        outcome = self.clear(feeder, street)
        assert (outcome.prices, outcome.flows, outcome.rents) == ([10, 30], [0], [0])
        assert outcome.bid_fills == [[5], [6]]

    def test_a_street_of_its_own_has_the_price_of_its_own_interval(self) -> None:
        feeder = NodeOrders([make_order(1, 12, 5)], [make_order(2, 10, 50)])
        street = NodeOrders([make_order(3, 30, 6)], [make_order(4, 20, 6)])
        outcome = self.clear(feeder, street)
        assert (outcome.prices, outcome.flows) == ([10, 25], [0])

    def test_where_nobody_trades_and_a_side_is_open_there_is_no_price(self) -> None:
        street = NodeOrders([make_order(3, 30, 6)], [make_order(4, 20, 6)])
        outcome = self.clear(NodeOrders([], []), street)
        assert (outcome.prices, outcome.flows) == ([None, 25], [0])
        outcome = self.clear(NodeOrders([], [make_order(1, 40, 5)]), street)
        assert (outcome.prices, outcome.flows) == ([None, 25], [0])


class TestFillOrKill:
    """Three nodes in a row; 10 Wh for sale at the head."""

    HEAD = NodeOrders([], [make_order(1, 10, 10)])

    def clear(self, *bids: Order, capacity_wh: int = 100) -> NetworkOutcome:
        nodes = [self.HEAD, *(NodeOrders([bid], []) for bid in bids)]
        lines = [
            Branch(place, place + 1, capacity_wh, capacity_wh, 1) for place in range(len(bids))
        ]
        network = Network(nodes, lines)
        outcome = clear_network(network)
        assert verify_network_clearing(network, outcome) == []
        return outcome

    def test_of_two_at_one_margin_but_two_nodes_only_one_leaves(self) -> None:
        # At the head both are worth 20.
        outcome = self.clear(make_order(2, 21, 10, 10), make_order(3, 22, 6, 6))
        assert outcome.killed == [3]
        assert outcome.bid_fills == [[], [10], [0]]

    def test_first_those_leave_who_could_have_no_luck(self) -> None:
        outcome = self.clear(make_order(2, 21, 100, 11), make_order(3, 22, 10, 10))
        assert outcome.killed == [2]
        assert outcome.bid_fills == [[], [0], [10]]

    def test_a_thin_line_decides_who_could(self) -> None:
        outcome = self.clear(make_order(2, 21, 8, 8), make_order(3, 22, 100, 6), capacity_wh=8)
        assert (outcome.killed, outcome.bid_fills) == ([2], [[], [0], [8]])
        outcome = self.clear(make_order(2, 21, 5), make_order(3, 30, 100, 6), capacity_wh=5)
        assert (outcome.killed, outcome.bid_fills) == ([3], [[], [5], [0]])

    def test_who_has_enough_stays(self) -> None:
        outcome = self.clear(make_order(2, 21, 10, 5), make_order(3, 22, 10, 5))
        assert (outcome.killed, outcome.bid_fills) == ([], [[], [5], [5]])

    def test_at_one_node_it_is_the_rule_of_one_price(self, rng: random.Random) -> None:
        killed = 0
        for number in range(NETWORKS):
            book = make_random_book(rng, minimums=True, pool=number % 2 == 0)
            auction = clear_auction(book)
            outcome = clear_network(Network([NodeOrders(book.bids, book.asks)], [], book.pool))
            killed += len(auction.killed)
            # An order that the odd Wh brings to its minimum stays on a network.
            assert set(outcome.killed) <= set(auction.killed)
            if outcome.killed == auction.killed:
                assert outcome.prices == [auction.price]
                assert outcome.bid_fills == [auction.bid_fills]
                assert outcome.ask_fills == [auction.ask_fills]
        assert killed > NETWORKS // 50


KINDS = [
    {},
    {"pool": True},
    {"owners": 6},
    {"owners": 9, "minimums": True, "ranges": True, "pool": True},
    {"fees": True},
    {"fees": True, "pool": True, "ranges": True},
    {"fees": True, "owners": 9, "minimums": True, "ranges": True, "pool": True},
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
                rng.sample(network.branches, len(network.branches)),
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
        for line, flow, rent in zip(network.branches, outcome.flows, outcome.rents, strict=True)
    }
    return outcome.prices, fills, flows, outcome.pool_wh, outcome.killed


@pytest.mark.parametrize("pool", [False, True])
def test_with_room_on_all_lines_it_is_one_auction(pool: bool, rng: random.Random) -> None:
    for number in range(NETWORKS):
        network = make_random_network(rng, pool=pool, ranges=True)
        if len(network.branches) < len(network.nodes) - 1:
            continue
        network = network._replace(
            branches=[Branch(x.start, x.end, 10**6, 10**6) for x in network.branches]
        )
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
        ([Branch(0, 1, 5, 5), Branch(1, 2, 5, 5), Branch(2, 0, 5, 5)], "ring"),
        ([Branch(0, 1, 5, 5), Branch(1, 0, 0, 0)], "ring"),
        ([Branch(1, 1, 5, 5)], "ring"),
        ([Branch(0, 3, 5, 5)], "unknown node"),
        ([Branch(0, 1, -1, 5)], "negative"),
        ([Branch(0, 1, 5, -1)], "negative"),
        ([Branch(0, 1, 5, 5, -1)], "negative"),
    ],
)
def test_lines_that_are_no_feeder_are_rejected(lines: list[Branch], reason: str) -> None:
    with pytest.raises(BookError, match=reason):
        clear_network(Network([NodeOrders([], [])] * 3, lines))


def test_a_network_needs_a_node() -> None:
    with pytest.raises(BookError, match="no nodes"):
        clear_network(Network([], []))
