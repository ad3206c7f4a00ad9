"""The same welfare as a general solver of linear programs finds (HiGHS), to the last unit.

Many books are put into one program as blocks that have nothing in common: the solver is much faster
so, and each block's part of the solution is an optimum of its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from books import make_random_book, make_random_network, take_apart, take_pool_apart
from scipy.optimize import linprog
from scipy.sparse import csr_array

from chain.market.clearing import (
    ASK,
    BID,
    Network,
    NodeOrders,
    clear_auction,
    clear_network,
    compute_welfare,
    verify_network_clearing,
)
from chain.market.clearing.pool import compute_pool_cost

BOOKS, TREES, BLOCKS = 10_000, 1_000, 500


class Program:
    """Blocks of variables, each with a value and bounds, and balances that have to be 0."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self.bounds: list[tuple[int, int]] = []
        self.entries: list[tuple[int, int, int]] = []
        self.rows = 0
        self.starts: list[int] = []

    def add_network(self, network: Network) -> None:
        self.starts.append(len(self.values))
        for place, node in enumerate(network.nodes):
            row = self.rows + place
            for side, orders in ((BID, node.bids), (ASK, node.asks)):
                for limit, quantity_wh in take_apart(orders, side):
                    self._add(side * limit, 0, quantity_wh, {row: side})
        # Keeps a block without orders from being empty.
        self._add(0, 0, 0, {})
        most_wh = sum(o.quantity_wh for node in network.nodes for orders in node for o in orders)
        pool_bids, pool_asks = take_pool_apart(network.pool, most_wh)
        for side, steps in ((BID, pool_bids), (ASK, pool_asks)):
            for limit, quantity_wh in steps:
                self._add(side * limit, 0, quantity_wh, {self.rows: side})
        for line in network.lines:
            capacity = line.capacity_wh
            rows = {self.rows + line.start: 1, self.rows + line.end: -1}
            self._add(0, -capacity, capacity, rows)
        self.rows += len(network.nodes)

    def _add(self, value: int, least: int, most: int, rows: dict[int, int]) -> None:
        self.entries += [(row, len(self.values), sign) for row, sign in rows.items()]
        self.values.append(value)
        self.bounds.append((least, most))

    def solve(self) -> list[int]:
        """The most welfare of each block."""
        rows, columns, signs = np.array(self.entries).T
        balances = csr_array((signs, (rows, columns)), shape=(self.rows, len(self.values)))
        values = np.array(self.values)
        solved = linprog(
            -values, A_eq=balances, b_eq=np.zeros(self.rows), bounds=self.bounds, method="highs"
        )
        assert solved.status == 0, solved.message
        reached = np.add.reduceat(values * solved.x, self.starts)
        whole = np.rint(reached)
        assert np.abs(reached - whole).max() < 1e-6, "vertices of these programs are whole"
        return [int(one) for one in whole]


def solve_in_blocks(networks: Sequence[Network]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(networks), BLOCKS):
        program = Program()
        for network in networks[start : start + BLOCKS]:
            program.add_network(network)
        found += program.solve()
    return found


def compute_network_welfare(network: Network) -> int:
    outcome = clear_network(network)
    assert verify_network_clearing(network, outcome) == []
    welfare = sum(
        compute_welfare(node.bids, node.asks, bid_fills, ask_fills)
        for node, bid_fills, ask_fills in zip(
            network.nodes, outcome.bid_fills, outcome.ask_fills, strict=True
        )
    )
    return welfare - (compute_pool_cost(network.pool, outcome.pool_wh) if network.pool else 0)


def test_random_order_books() -> None:
    rng = random.Random(2)
    books = [
        make_random_book(rng, pool=number % 4 == 0, ranges=number % 3 == 0)
        for number in range(BOOKS)
    ]
    welfare = []
    for book in books:
        outcome = clear_auction(book)
        reached = compute_welfare(book.bids, book.asks, outcome.bid_fills, outcome.ask_fills)
        cost = compute_pool_cost(book.pool, outcome.pool_wh) if book.pool else 0
        welfare.append(reached - cost)
    best = solve_in_blocks(
        [Network([NodeOrders(book.bids, book.asks)], [], book.pool) for book in books]
    )
    assert welfare == best
    assert sum(one > 0 for one in welfare) > BOOKS // 2


def test_random_feeders() -> None:
    rng = random.Random(3)
    networks = [
        make_random_network(rng, pool=number % 4 == 0, ranges=number % 3 == 0)
        for number in range(TREES)
    ]
    welfare = [compute_network_welfare(network) for network in networks]
    assert welfare == solve_in_blocks(networks)
    assert sum(one > 0 for one in welfare) > TREES // 2
