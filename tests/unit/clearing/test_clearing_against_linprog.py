"""The same welfare as a general solver of linear programs finds (HiGHS), to the last unit.

Many books are put into one program as blocks that have nothing in common: the solver is much faster
so, and each block's part of the solution is an optimum of its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
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
# More than any volume.
VOLUMES = 1_000


class Program:
    """Blocks of variables, each with a value and bounds, and balances that have to be 0.

    Values are welfare in steps of VOLUMES, and 1 for each Wh of a bid: of all ways to the most
    welfare the program looks for the one with the largest volume.
    """

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
                    value = side * limit * VOLUMES + (side == BID)
                    self._add(value, 0, quantity_wh, {row: side})
        # Keeps a block without orders from being empty.
        self._add(0, 0, 0, {})
        most_wh = sum(o.quantity_wh for node in network.nodes for orders in node for o in orders)
        pool_bids, pool_asks = take_pool_apart(network.pool, most_wh)
        for side, steps in ((BID, pool_bids), (ASK, pool_asks)):
            for limit, quantity_wh in steps:
                self._add(side * limit * VOLUMES, 0, quantity_wh, {self.rows: side})
        for line in network.branches:
            start, end, fee = self.rows + line.start, self.rows + line.end, line.fee_per_kwh
            self._add(-fee * VOLUMES, 0, line.forward_capacity_wh, {start: 1, end: -1})
            self._add(-fee * VOLUMES, 0, line.backward_capacity_wh, {start: -1, end: 1})
        self.rows += len(network.nodes)

    def _add(self, value: int, least: int, most: int, rows: dict[int, int]) -> None:
        self.entries += [(row, len(self.values), sign) for row, sign in rows.items()]
        self.values.append(value)
        self.bounds.append((least, most))

    def solve(self) -> list[tuple[int, int]]:
        """The most welfare of each block, and the largest volume with it."""
        rows, columns, signs = np.array(self.entries).T
        balances = csr_array((signs, (rows, columns)), shape=(self.rows, len(self.values)))
        values = np.array(self.values)
        solved = linprog(
            -values, A_eq=balances, b_eq=np.zeros(self.rows), bounds=self.bounds, method="highs"
        )
        assert solved.status == 0, solved.message
        amounts = np.rint(solved.x)
        assert np.abs(solved.x - amounts).max() < 1e-6, "vertices of these programs are whole"
        reached = np.add.reduceat(values * amounts.astype(int), self.starts)
        return [divmod(int(one), VOLUMES) for one in reached]


def solve_in_blocks(networks: Sequence[Network]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start in range(0, len(networks), BLOCKS):
        program = Program()
        for network in networks[start : start + BLOCKS]:
            program.add_network(network)
        found += program.solve()
    return found


def reach(network: Network) -> tuple[int, int]:
    """Welfare, less the fees, and what is bought, by ourselves."""
    outcome = clear_network(network)
    assert verify_network_clearing(network, outcome) == []
    welfare = sum(
        compute_welfare(node.bids, node.asks, bid_fills, ask_fills)
        for node, bid_fills, ask_fills in zip(
            network.nodes, outcome.bid_fills, outcome.ask_fills, strict=True
        )
    )
    for line, flow in zip(network.branches, outcome.flows, strict=True):
        welfare -= line.fee_per_kwh * abs(flow)
    cost = compute_pool_cost(network.pool, outcome.pool_wh) if network.pool else 0
    return welfare - cost, sum(map(sum, outcome.bid_fills))


def test_random_order_books() -> None:
    rng = random.Random(2)
    books = [
        make_random_book(rng, pool=number % 4 == 0, ranges=number % 3 == 0)
        for number in range(BOOKS)
    ]
    reached = []
    for book in books:
        outcome = clear_auction(book)
        welfare = compute_welfare(book.bids, book.asks, outcome.bid_fills, outcome.ask_fills)
        cost = compute_pool_cost(book.pool, outcome.pool_wh) if book.pool else 0
        reached.append((welfare - cost, sum(outcome.bid_fills)))
    best = solve_in_blocks(
        [Network([NodeOrders(book.bids, book.asks)], [], book.pool) for book in books]
    )
    assert reached == best
    assert sum(welfare > 0 for welfare, _ in reached) > BOOKS // 2


@pytest.mark.parametrize("fees", [False, True])
def test_random_feeders(fees: bool) -> None:
    """fees: with a fee on most lines, and most open further one way than the other."""
    rng = random.Random(3)
    networks = [
        make_random_network(rng, pool=number % 4 == 0, ranges=number % 3 == 0, fees=fees)
        for number in range(TREES)
    ]
    reached = [reach(network) for network in networks]
    assert reached == solve_in_blocks(networks)
    assert sum(welfare > 0 for welfare, _ in reached) > TREES // 2
